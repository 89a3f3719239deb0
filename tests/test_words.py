"""Words: what is one, in any script, and what is left out."""

from __future__ import annotations

import unicodedata
from itertools import chain, product

import pytest
from gensim.utils import simple_preprocess
from hypothesis import given
from hypothesis import strategies as st

from visprof.boards import name_words
from visprof.sources import world
from visprof.words import CAMERA_LETTERS, runs, tokens, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("नदी, हिन्दी समुद्र", ["नदी", "हिन्दी", "समुद्र"]),
        ("பாடல் கடல்", ["பாடல்", "கடல்"]),
        ("ทะเลสวยมาก และภูเขา", ["ทะเลสวยมาก", "และภูเขา"]),
        ("海の写真", ["海", "の", "写", "真"]),
        ("4月のカメラ", ["月", "のカメラ"]),
        ("사진 찍기", ["사진", "찍기"]),
        ("می\u200cشود و", ["می\u200cشود", "و"]),
        ("Donaudampfschifffahrtsgesellschaft", ["donaudampfschifffahrtsgesellschaft"]),
        ("Donau\u00addampf", ["donaudampf"]),
        ("blue_lake-at  dawn", ["blue", "lake", "at", "dawn"]),
        ("cafe\u0301", ["café"]),
        ("", []),
    ],
)
def test_words_of_any_script_are_whole(text, expected):
    assert words(text) == [unicodedata.normalize("NFC", word) for word in expected]


@pytest.mark.parametrize(
    "text",
    ["IMG_2041", "DSC0001", "dscn 0012", "PXL_20210101", "2041", "4k", "2nd", "a4bf55e", "m²", "Ⅷ",
     "68382e33-a4bf-456f-9d2c-0123456789ab"],
)  # fmt: skip
def test_serial_numbers_are_no_words(text):
    found = tokens(text)
    assert found.words == found.single_letters == []
    assert found.serials == runs(text)


def test_a_word_beside_a_number_is_a_word():
    assert tokens("beach01 2015paris नदी7") == (["beach", "paris", "नदी"], [], [])


def test_single_letters_of_alphabets_are_told_apart():
    assert tokens("It's a Я é week 海") == (["it", "week", "海"], [], ["s", "a", "я", "é"])


def test_captions_of_the_simulated_world_have_the_words_that_gensim_finds():
    styles = ["", *(f", {words}" for words in chain(*world.STYLE_WORDS.values()))]
    scenes = chain(*world.SCENE_WORDS.values())
    made = product(world.CAPTION_FORMS, scenes, styles)
    captions = [*world.GENERIC_CAPTIONS, *(form.format(a + b) for form, a, b in made)]
    assert len(captions) > 1000
    for caption in captions:
        assert words(caption) == simple_preprocess(caption)


@given(st.lists(st.from_regex("[A-Za-z]{1,15}", fullmatch=True)), st.sampled_from(" ,.-!?'"))
def test_ascii_words_are_those_that_gensim_finds(found, separator):
    found = [word for word in found if word.lower() not in CAMERA_LETTERS]
    text = separator.join(found)
    assert words(text) == simple_preprocess(text)


@given(st.text())
def test_words_do_not_depend_on_the_form_of_unicode(text):
    for form in ("NFC", "NFD"):
        assert tokens(unicodedata.normalize(form, text)) == tokens(text)


@given(st.text(), st.sampled_from(["sea", "ทะเล", "пляж"]))
def test_no_letter_or_digit_is_lost_and_none_is_made(text, word):
    found = tokens(text)
    kept = sorted(c for token in chain(*found) for c in token if unicodedata.category(c)[0] == "L")
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    assert kept == sorted(c for c in folded if unicodedata.category(c)[0] == "L")
    assert word in words(f"{text} {word}")


def test_names_of_files_keep_all_their_runs():
    assert name_words("trips/BlueLake_IMG-2041") == "trips blue lake img 2041"
    assert name_words("हिन्दी_cafe\u0301") == "हिन्दी café"
    assert words(name_words("BlueLake_IMG-2041")) == ["blue", "lake"]
