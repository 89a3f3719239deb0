"""SIFT + bag of words: against a plain loop, degenerate pictures, seeds."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from visprof.bow import BagOfVisualWords


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    paths = []
    for i in range(8):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        paths.append(folder / f"{i}.png")
        coarse.resize((160, 120), Image.Resampling.BICUBIC).save(paths[-1])
    return paths


@pytest.fixture(scope="module")
def bag(images):
    return BagOfVisualWords(12).fit(images)


def test_rows_are_shares_of_words(bag, images):
    shares = bag.transform(images)
    assert shares.shape == (8, 12)
    assert shares.dtype == np.float64
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)


def test_counts_equal_a_plain_loop(bag, images):
    shares = bag.transform(images)
    for path, row in zip(images, shares, strict=True):
        grey = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        grey = np.asarray(Image.fromarray(grey).convert("L"))
        _, descriptors = cv2.SIFT_create().detectAndCompute(grey, None)
        counts = np.zeros(12)
        for descriptor in descriptors:
            counts[np.argmin(((bag.words_ - descriptor) ** 2).sum(1))] += 1
        np.testing.assert_allclose(row, counts / len(descriptors), atol=1e-6)


def test_picture_without_keypoints_is_a_row_of_zeros(bag, tmp_path):
    Image.new("RGB", (80, 60), "blue").save(tmp_path / "flat.png")
    np.testing.assert_array_equal(bag.transform([tmp_path / "flat.png"]), np.zeros((1, 12)))


def test_tiny_picture_is_described(bag, tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert bag.transform([tmp_path / "dot.png"]).sum() == 0


def test_large_pictures_are_shrunk(images, tmp_path):
    big = tmp_path / "big.png"
    Image.open(images[0]).resize((640, 480), Image.Resampling.NEAREST).save(big)
    small_bag = BagOfVisualWords(5, max_side=100).fit([big])
    large_bag = BagOfVisualWords(5, max_side=640).fit([big])
    assert small_bag.n_descriptors_ < large_bag.n_descriptors_


def test_descriptors_are_limited(images, bag):
    limited = BagOfVisualWords(4, max_descriptors=40).fit(images)
    assert limited.n_descriptors_ == 40
    assert bag.n_descriptors_ > 40


def test_more_pictures_than_descriptors(images):
    assert BagOfVisualWords(2, max_descriptors=5).fit(images).n_descriptors_ == 5


def test_same_seed_same_words(images, bag):
    again = BagOfVisualWords(12, n_workers=4).fit(images)
    np.testing.assert_array_equal(bag.words_, again.words_)
    np.testing.assert_array_equal(bag.transform(images), again.transform(images))
    other = BagOfVisualWords(12, random_state=1).fit(images)
    assert not np.array_equal(bag.words_, other.words_)


def test_too_few_descriptors_say_so(tmp_path):
    Image.new("RGB", (80, 60)).save(tmp_path / "flat.png")
    with pytest.raises(ValueError, match="1 pictures gave 0 SIFT descriptors"):
        BagOfVisualWords(3).fit([tmp_path / "flat.png"])


def test_copies_of_a_picture_give_no_more_words(images):
    n = BagOfVisualWords(2).fit(images[:1]).n_descriptors_
    with pytest.raises(
        ValueError, match=rf"3 pictures gave {3 * n} SIFT descriptors, {n} of them distinct: too"
    ):
        BagOfVisualWords(n + 1).fit([images[0]] * 3)
    assert len(BagOfVisualWords(n).fit([images[0]] * 3).words_) == n


def test_no_pictures_say_so():
    with pytest.raises(ValueError, match="0 pictures"):
        BagOfVisualWords(3).fit([])


def test_unreadable_picture_is_named(bag, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"none")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        bag.transform([tmp_path / "broken.jpg"])


def test_transform_needs_fit(images):
    with pytest.raises(NotFittedError):
        BagOfVisualWords(3).transform(images)


def test_parameters_survive_cloning():
    bag = BagOfVisualWords(3, max_descriptors=9, max_side=50, n_workers=1, random_state=4)
    assert clone(bag).get_params() == bag.get_params()
