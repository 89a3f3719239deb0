"""Words of captions and of file names, in any script, and what among them is no word.

Text is read in Unicode's composed form (NFC) and in lower case, so that equal texts are equal words
however they were typed. A token is a run of letters, the marks that belong to them (vowel signs,
accents) and digits; joiners (ZWJ, ZWNJ) stay inside it. A Chinese character is a token of its own,
as in BERT's tokeniser; scripts that put no space between words are not cut
otherwise, so that a run of Thai or kana is one token.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import chain
from typing import NamedTuple

__all__ = ["CAMERA_LETTERS", "Tokens", "runs", "tokens", "words"]

# what cameras and phones put before the number of a picture
CAMERA_LETTERS = frozenset({
    "cimg", "dcim", "dji", "dsc", "dscf", "dscn", "gopr", "hpim", "imag", "img", "kic", "mg", "mvi",
    "mvimg", "pano", "pict", "pxl", "sdc", "vid",
})  # fmt: skip
_LEAST_BESIDE_DIGITS = 3  # letters of a word that touches a number: beach01, but neither 4k nor 2nd


class Tokens(NamedTuple):
    """Tokens of a text, in its order.

    Attributes
    ----------
    words : list of str
        Words of any length.
    serials : list of str
        No words: numbers, names that cameras give (`CAMERA_LETTERS`), and ids, in which digits
        stand between letters or beside fewer than three.
    single_letters : list of str
        No words: single letters of scripts with upper and lower case ("a", the "s" of "it's").
        In other scripts one letter may be a word.
    """

    words: list[str]
    serials: list[str]
    single_letters: list[str]


def _category(first: str) -> str:
    """All characters of a Unicode category, as part of a set of a regular expression."""
    # the planes left out hold Chinese characters, private use, and nothing
    every = map(chr, chain(range(0x20000), range(0xE0000, 0xE1000)))
    return "".join(char for char in every if unicodedata.category(char)[0] == first)


_MARK, _NUMBER = _category("M"), _category("N")
_HAN = "\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_JOINERS = "\u200c\u200d"


def _run(character: str) -> str:
    return rf"{character}(?:{character}|[{_MARK}]|[{_JOINERS}](?={character}))*"


_RUN = re.compile(_run(r"[^\W_]"))
_ASCII_TOKEN = re.compile("[a-z0-9]+")  # the same for ASCII, ten times as fast
_TOKEN = re.compile(f"[{_HAN}][{_MARK}]*|" + _run(rf"[^\W_{_HAN}]"))
_LETTERS = re.compile(rf"[^{_NUMBER}{_MARK}{_JOINERS}][^{_NUMBER}]*")


def runs(text: str) -> list[str]:
    """Runs of letters, marks and digits, composed (NFC) and in lower case.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
    """
    return _RUN.findall(_folded(text))


def tokens(text: str) -> Tokens:
    """Tokens of a text: its words, and what is left out of them.

    Parameters
    ----------
    text : str

    Returns
    -------
    Tokens

    Examples
    --------
    >>> tokens("A beach, IMG_2041")
    Tokens(words=['beach'], serials=['img', '2041'], single_letters=['a'])
    """
    found = Tokens([], [], [])
    folded = _folded(text)
    for token in (_ASCII_TOKEN if folded.isascii() else _TOKEN).findall(folded):
        word = token if token.isalpha() else _word_beside_digits(token)
        if not word or word in CAMERA_LETTERS:
            found.serials.append(token)
        elif len(word) == 1 and word.upper() != word:
            found.single_letters.append(token)
        else:
            found.words.append(word)
    return found


def _word_beside_digits(token: str) -> str:
    """Letters, and their marks, of a token that is more than plain letters; empty: it is an id."""
    parts = _LETTERS.findall(token)
    word = parts[0].rstrip(_JOINERS) if len(parts) == 1 else ""
    return word if word == token or len(word) >= _LEAST_BESIDE_DIGITS else ""


def words(text: str) -> list[str]:
    """Words of a text, in its order.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str
    """
    return tokens(text).words


def _folded(text: str) -> str:
    """Composed and in lower case, without soft hyphens, which only say where a line may break."""
    if text.isascii():
        return text.lower()
    lower = unicodedata.normalize("NFC", text).lower()
    return unicodedata.normalize("NFC", lower).replace("\u00ad", "")
