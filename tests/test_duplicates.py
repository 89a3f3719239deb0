"""Near-duplicates: what is found, what is not chained, and how it is counted and dropped."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from visprof import boards, duplicates

FLAT_LOGOS = [(0, 0), (40, 0), (0, 30), (40, 30)]  # where the mark is


def scenery(seed, size=(160, 120)):
    """A smooth random picture with an edge, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    image = coarse.resize(size, Image.Resampling.BICUBIC)
    x, y = (int(rng.integers(0, s // 2)) for s in size)
    ImageDraw.Draw(image).ellipse((x, y, x + 50, y + 40), fill=tuple(rng.integers(0, 256, 3)))
    return image


def save(image, path, **options):
    image.save(path, **options)
    return path


def clusters_of(paths, **options):
    return duplicates.duplicate_clusters(duplicates.picture_signatures(paths), **options)


def cropped(image, share):
    width, height = image.size
    dx, dy = share * width, share * height
    return image.crop((round(dx), round(dy), round(width - dx), round(height - dy)))


CHANGES = {
    "copied": lambda image: image,
    "rescaled": lambda image: image.resize((97, 71), Image.Resampling.LANCZOS),
    "squeezed": lambda image: image.resize((150, 90), Image.Resampling.BILINEAR),
    "brightened": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "darkened": lambda image: ImageEnhance.Brightness(image).enhance(0.85),
    "cropped and brightened": lambda image: ImageEnhance.Brightness(cropped(image, 0.01)).enhance(
        1.05
    ),
}


@pytest.mark.parametrize("quality", [95, 50])
@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_other_pictures_are_not(tmp_path, change, quality):
    originals = [scenery(seed) for seed in range(20)]
    paths = [save(image, tmp_path / f"{i}.png") for i, image in enumerate(originals)]
    paths += [
        save(CHANGES[change](image), tmp_path / f"{i}.jpg", quality=quality)
        for i, image in enumerate(originals)
    ]
    found = clusters_of(paths)
    assert found[:20].tolist() == list(range(20))
    assert (found[20:] == found[:20]).mean() >= 0.9
    assert set(found[20:][found[20:] != found[:20]]) <= set(range(20, 40))


def test_equal_files_are_duplicates_even_when_flat(tmp_path):
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "red")):
        Image.new("RGB", (30, 20), colour).save(tmp_path / f"{name}.png")
    paths = [tmp_path / f"{name}.png" for name in "abc"]
    assert clusters_of(paths).tolist() == [0, 1, 0]


def test_flat_pictures_and_logos_are_not_chained(tmp_path):
    """Solid colours, vertical gradients, and different marks on one background."""
    paths = []
    rng = np.random.default_rng(0)
    for i in range(12):
        colour = tuple(int(v) for v in rng.integers(0, 256, 3))
        paths.append(save(Image.new("RGB", (160, 120), colour), tmp_path / f"{i}.jpg", quality=70))
        ramp = np.linspace(0, rng.integers(60, 255), 120)[:, None, None] * np.ones((1, 160, 3))
        noisy = (ramp + rng.normal(0, 1, ramp.shape)).clip(0, 255).astype(np.uint8)
        paths.append(save(Image.fromarray(noisy), tmp_path / f"ramp{i}.jpg", quality=70))
    for i, (x, y) in enumerate(FLAT_LOGOS):
        for background in ("black", "white", "#303030"):
            image = Image.new("RGB", (160, 120), background)
            draw = ImageDraw.Draw(image)
            draw.rectangle((50 + x, 40 + y, 65 + x, 50 + y), fill="orange")
            paths.append(save(image, tmp_path / f"logo{i}{background}.jpg", quality=70))
    assert len(set(clusters_of(paths))) == len(paths)


def test_a_hash_alone_would_chain_what_is_kept_apart(tmp_path):
    """The test above tests something: bare hashes of solid colours are all alike."""
    paths = [
        save(Image.new("RGB", (20, 20), (10 * i, 99, 7)), tmp_path / f"{i}.png") for i in range(9)
    ]
    signatures = duplicates.picture_signatures(paths)
    assert signatures.flat.all()
    assert len(set(signatures.dhash)) == 1


def test_same_shapes_in_another_hue_are_not_duplicates(tmp_path):
    """With each channel's mean removed they would be equal; over all values they are not."""
    shapes = np.asarray(scenery(1).convert("L"), float)[..., None] / 4
    red, blue = (shapes + tint for tint in ([150, 20, 20], [20, 20, 150]))
    paths = [
        save(Image.fromarray(pixels.astype(np.uint8)), tmp_path / f"{i}.png")
        for i, pixels in enumerate((red, blue))
    ]
    signatures = duplicates.picture_signatures(paths)
    assert np.bitwise_count(signatures.dhash[0] ^ signatures.dhash[1]) <= 4
    assert duplicates.duplicate_clusters(signatures).tolist() == [0, 1]


def test_hash_thumbnail_and_file_hash_by_plain_loops(tmp_path):
    path = save(scenery(3, (144, 48)), tmp_path / "a.png")  # whole blocks of either grid
    signatures = duplicates.picture_signatures([path])
    assert signatures.sha256[0] == hashlib.sha256(path.read_bytes()).hexdigest().encode()
    rgb = np.asarray(Image.open(path), float)
    thumb = rgb.reshape(16, 3, 16, 9, 3).mean(axis=(1, 3))
    assert np.allclose(signatures.thumb[0], thumb, atol=1)  # Pillow rounds twice
    grey = np.asarray(Image.open(path).convert("L"), float)
    steps = np.diff(grey.reshape(8, 6, 9, 16).mean(axis=(1, 3)), axis=1).ravel()
    bits = np.unpackbits(signatures.dhash.view(np.uint8))
    clear = abs(steps) > 2  # what is left may be rounded either way
    assert clear.sum() > 40
    assert np.array_equal(bits[clear], steps[clear] > 0)
    assert not signatures.flat[0]


def synthetic(rng, n):
    """Signatures with many near-duplicates, copies and flat pictures, of any hash."""
    base = rng.integers(0, 2**63, size=max(1, n // 4), dtype=np.uint64)
    bases = rng.integers(0, 256, (len(base), 16, 16, 3))
    which = rng.integers(len(base), size=n)
    flips = np.zeros(n, np.uint64)
    for _ in range(5):
        flips ^= np.uint64(1) << rng.integers(0, 64, n).astype(np.uint64)
    tint = rng.normal(0, 1, (n, 1, 1, 3)) * rng.choice([0, 8, 15], (n, 1, 1, 1))
    noise = rng.normal(0, 1, (n, 16, 16, 3)) * rng.choice([2, 15, 25], (n, 1, 1, 1))
    thumb = bases[which] + tint + noise
    return duplicates.Signatures(
        sha256=np.array([f"{k}" for k in rng.integers(0, 2 * n, n)], "S64"),
        dhash=base[which] ^ np.where(rng.random(n) < 0.6, flips, np.uint64(0)),
        thumb=thumb.clip(0, 255).astype(np.uint8),
        flat=rng.random(n) < 0.2,
    )


def plain_links(s, max_distance, min_correlation):
    """The rule, pair by pair, with NumPy's own correlation."""
    n, links = len(s), set()
    first = {}
    for i in range(n):
        first.setdefault(s.sha256[i], i)
    for i in range(n):
        if first[s.sha256[i]] != i:
            links.add((first[s.sha256[i]], i))
            continue
        for j in range(i):
            if s.flat[i] or s.flat[j] or first[s.sha256[j]] != j:
                continue
            if bin(int(s.dhash[i]) ^ int(s.dhash[j])).count("1") > max_distance:
                continue
            a, b = s.thumb[i].astype(float), s.thumb[j].astype(float)
            overall = np.corrcoef(a.ravel(), b.ravel())[0, 1]
            within = np.corrcoef((a - a.mean((0, 1))).ravel(), (b - b.mean((0, 1))).ravel())[0, 1]
            if min(overall, within) >= min_correlation:
                links.add((j, i))
    return links


def plain_clusters(n, links):
    label = list(range(n))
    for _ in range(n):
        for i, j in links:
            label[i] = label[j] = min(label[i], label[j])
    return label


@given(
    seed=st.integers(0, 10**6),
    n=st.integers(0, 30),
    max_distance=st.integers(0, 8),
    min_correlation=st.sampled_from([0.9, 0.95, 0.97]),
)
def test_links_and_clusters_equal_the_plain_double_loop(seed, n, max_distance, min_correlation):
    signatures = synthetic(np.random.default_rng(seed), n)
    links = duplicates.duplicate_links(signatures, max_distance, min_correlation)
    expected = plain_links(signatures, max_distance, min_correlation)
    assert [tuple(link) for link in links] == sorted(expected)
    found = duplicates.duplicate_clusters(signatures, max_distance, min_correlation)
    assert found.tolist() == pd.factorize(np.array(plain_clusters(n, expected)))[0].tolist()


def test_links_do_not_depend_on_the_size_of_a_sweep(monkeypatch):
    signatures = synthetic(np.random.default_rng(1), 200)
    whole = duplicates.duplicate_links(signatures)
    monkeypatch.setattr(duplicates, "HASHES_AT_A_TIME", 700)
    monkeypatch.setattr(duplicates, "PAIRS_AT_A_TIME", 3)
    assert len(whole) > 10
    assert np.array_equal(whole, duplicates.duplicate_links(signatures))


def test_signatures_do_not_depend_on_the_workers(tmp_path):
    paths = [save(scenery(seed, (40, 30)), tmp_path / f"{seed}.png") for seed in range(6)]
    one, four = (duplicates.picture_signatures(paths, n_workers) for n_workers in (1, 4))
    for name in ("sha256", "dhash", "thumb", "flat"):
        assert np.array_equal(getattr(one, name), getattr(four, name))


def table(*pins):
    """Pins of (board, day) in the given order."""
    frame = pd.DataFrame(pins, columns=["board", "day"])
    time = pd.Timestamp("2014-01-01", tz="UTC") + pd.to_timedelta(frame.pop("day"), unit="D")
    return frame.assign(time=time, image=[f"{i}.jpg" for i in range(len(frame))], caption="")


PINS = table(("a", 5), ("a", 6), ("a", 7), ("b", 1), ("b", 2), ("c", 9), ("c", 9))
CLUSTERS = np.array([0, 0, 1, 0, 2, 3, 3])


def test_summary_counts_within_and_across():
    assert duplicates.duplicate_summary(PINS, CLUSTERS) == {
        "pins": 7,
        "on_same_board": 4,
        "share_same_board": 4 / 7,
        "on_other_board": 3,
        "share": 3 / 7,
        "clusters": 2,
        "clusters_within": 2,
        "clusters_across": 1,
        "largest_cluster": 3,
    }


@pytest.mark.parametrize(
    ("within", "across", "kept"),
    [
        (True, False, [0, 2, 3, 4, 5]),
        (False, True, [2, 3, 4, 5, 6]),
        (True, True, [2, 3, 4, 5]),
        (False, False, [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_the_earliest_pin_is_kept_with_its_index(within, across, kept):
    left = duplicates.drop_duplicates(PINS, CLUSTERS, within, across)
    assert left.index.tolist() == kept
    pd.testing.assert_frame_equal(left, PINS.loc[kept])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 5)), min_size=1)
)
def test_nothing_is_left_to_drop_and_no_picture_is_lost(rows):
    pins = table(*((board, day) for board, day, _ in rows)).sort_values(
        ["board", "time"], kind="stable", ignore_index=True
    )
    clusters = np.array([cluster for *_, cluster in rows])
    left = duplicates.drop_duplicates(pins, clusters, within=True, across=True)
    summary = duplicates.duplicate_summary(left, clusters[left.index])
    assert summary["clusters"] == 0
    assert set(clusters[left.index]) == set(clusters)
    within = duplicates.drop_duplicates(pins, clusters)
    assert duplicates.duplicate_summary(within, clusters[within.index])["clusters_within"] == 0


@pytest.mark.parametrize("function", [duplicates.duplicate_summary, duplicates.drop_duplicates])
def test_clusters_of_other_pins_are_refused(function):
    with pytest.raises(ValueError, match=r"got shape \(3,\) for 7 pins"):
        function(PINS, CLUSTERS[:3])
    with pytest.raises(ValueError, match=r"at least one pin"):
        function(PINS.iloc[:0], [])


def test_impossible_settings_and_files_are_named(tmp_path):
    none = duplicates.picture_signatures([])
    assert len(none) == 0
    assert duplicates.duplicate_clusters(none).tolist() == []
    with pytest.raises(ValueError, match="max_distance: expected 0 to 64 bits, got 65"):
        duplicates.duplicate_links(none, max_distance=65)
    with pytest.raises(ValueError, match=r"min_correlation: .* got 0"):
        duplicates.duplicate_links(none, min_correlation=0)
    with pytest.raises(ValueError, match=r"n_workers: expected .* at least 1, got 0"):
        duplicates.picture_signatures([], n_workers=0)
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match=r"text\.jpg"):
        duplicates.picture_signatures([tmp_path / "text.jpg"])


@pytest.mark.slow
def test_real_boards_share_pictures_and_no_cluster_chains(shared_data):
    """In samples of 60 links between different files, 58 showed the same picture."""
    pins = boards.read_boards(shared_data / "boards")
    signatures = duplicates.picture_signatures(pins["image"])
    summary = duplicates.duplicate_summary(pins, duplicates.duplicate_clusters(signatures))
    assert 0.12 < summary["share"] < 0.18
    assert 0.04 < summary["share_same_board"] < 0.08
    assert summary["largest_cluster"] < 15
    # what a hash alone would call shared is twice as much: it chains flat and dark pictures
    bare = np.bitwise_count(signatures.dhash[:, None] ^ signatures.dhash) <= 4
    other = pins["board"].to_numpy()[:, None] != pins["board"].to_numpy()
    assert (bare & other).any(axis=1).mean() > 1.7 * summary["share"]
