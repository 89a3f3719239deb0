from __future__ import annotations

import os
import pickle
import subprocess
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from gensim.models.keyedvectors import pseudorandom_weak_vector

from visprof.text import ParagraphVectors, repeated_words
from visprof.words import words

BEACH = ["white sand beach by the blue sea", "sunny beach with sand and palm", "sea waves on beach"]
SNOW = ["snow on the mountain in winter", "winter hike to snowy mountain", "mountain snow and ice"]
CAPTIONS = (BEACH + SNOW) * 20

SCRIPT = """
import zlib
from tests.test_text import CAPTIONS
from visprof.text import ParagraphVectors, repeated_words
model = ParagraphVectors(vector_size=8, epochs=3, random_state=1).fit(CAPTIONS)
print(zlib.crc32(model.transform(CAPTIONS[:7]).tobytes()))
"""


@pytest.fixture(scope="module")
def fitted():
    return ParagraphVectors(vector_size=16, epochs=50).fit(CAPTIONS)


def test_shape_and_type(fitted):
    vectors = fitted.transform(CAPTIONS[:5])
    assert (vectors.shape, vectors.dtype) == ((5, 16), np.float32)
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


def test_inference_equals_gensims_own_from_the_same_start(fitted, monkeypatch):
    monkeypatch.setattr(
        "gensim.models.doc2vec.pseudorandom_weak_vector",
        lambda size, seed_string: pseudorandom_weak_vector(
            size, seed_string, lambda text: zlib.crc32(text.encode())
        ),
    )
    for caption in CAPTIONS[:6]:
        fitted.model_.random = np.random.RandomState(fitted.random_state)
        known = [word for word in words(caption) if word in fitted.model_.wv]
        expected = fitted.model_.infer_vector(known)
        np.testing.assert_allclose(fitted.transform([caption])[0], expected, rtol=1e-4, atol=1e-6)


def test_inference_leaves_the_model_alone(fitted):
    before = fitted.model_.wv.vectors.copy(), fitted.model_.syn1neg.copy()
    fitted.transform(BEACH)
    np.testing.assert_array_equal(fitted.model_.wv.vectors, before[0])
    np.testing.assert_array_equal(fitted.model_.syn1neg, before[1])


@pytest.mark.parametrize("caption", ["", "!!", "xylophone quartz"])
def test_caption_without_a_known_word_is_the_zero_vector(fitted, caption):
    np.testing.assert_array_equal(fitted.transform([caption]), np.zeros((1, 16)))


def test_unknown_words_do_not_count(fitted):
    np.testing.assert_array_equal(
        fitted.transform(["xylophone snow mountain"]), fitted.transform(["snow mountain"])
    )


def test_same_numbers_in_processes_with_other_hash_seeds():
    root = Path(__file__).resolve().parent.parent
    outputs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert int(outputs.pop()) > 0


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
