"""Captions as vectors: the paragraph-vector baseline of Figure 6."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from gensim.models.doc2vec import Doc2Vec, TaggedDocument, train_document_dm
from gensim.models.keyedvectors import pseudorandom_weak_vector
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from visprof.checks import check_whole
from visprof.words import words

__all__ = ["ParagraphVectors", "repeated_words"]

_LARGEST_SEED = 2**32 - 1  # of numpy's generators


class ParagraphVectors(TransformerMixin, BaseEstimator):
    """Paragraph vectors with distributed memory (PV-DM; Le and Mikolov 2014).

    The same captions and seed give the same numbers in every process, and a caption's vector
    depends on nothing but the caption and the fitted model: not on the rows around it.

    Words are those of `visprof.words.words`, which also says what is no word.

    A caption with no word of the vocabulary (an empty one, say) gets the zero vector. All such
    captions are then equal: they fall in one visual word, and ties are left to the mid-rank.

    Parameters
    ----------
    vector_size : int, default=100
        Length of the vectors.
    epochs : int, default=20
        Passes over the captions in training, and over a caption when its vector is inferred.
    window : int, default=5
        Most words between the predicted word and its context.
    min_count : int, default=2
        Words seen less often are dropped.
    random_state : int, default=0
        Seed, from 0 to 2**32 - 1.

    Attributes
    ----------
    model_ : gensim.models.doc2vec.Doc2Vec
    """

    def __init__(
        self,
        vector_size: int = 100,
        epochs: int = 20,
        window: int = 5,
        min_count: int = 2,
        random_state: int = 0,
    ) -> None:
        self.vector_size = vector_size
        self.epochs = epochs
        self.window = window
        self.min_count = min_count
        self.random_state = random_state

    def fit(self, captions: Sequence[str], y: None = None) -> ParagraphVectors:
        """Learn word vectors from the captions.

        Parameters
        ----------
        captions : sequence of str, length n
        y : None
            Ignored.

        Returns
        -------
        ParagraphVectors
            The fitted estimator.

        Raises
        ------
        TypeError
            If `captions` is not a sequence of strings, or a parameter is no whole number.
        ValueError
            If no word is seen `min_count` times, or a parameter is out of range: all are at least
            1, the seed at least 0.
        """
        given = self._checked()
        if not repeated_words(captions, self.min_count):
            raise ValueError(
                f"captions: no word in {len(captions)} captions is seen min_count="
                f"{self.min_count} times; pass more text or a smaller min_count"
            )
        documents = [TaggedDocument(found, [i]) for i, found in enumerate(_tokens(captions))]
        self.model_ = Doc2Vec(
            documents,
            dm=1,
            vector_size=given["vector_size"],
            epochs=given["epochs"],
            window=given["window"],
            min_count=given["min_count"],
            seed=given["random_state"],
            workers=1,  # threads would make the order of updates, and the numbers, random
        )
        return self

    def transform(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Infer the vector of each caption.

        Parameters
        ----------
        captions : sequence of str, length n

        Returns
        -------
        ndarray of shape (n, vector_size), float32

        Raises
        ------
        TypeError
            If `captions` is not a sequence of strings, or a parameter is no whole number.
        ValueError
            If a parameter is out of range.
        """
        check_is_fitted(self)
        self._checked()
        inferred: dict[tuple[str, ...], NDArray[np.float32]] = {}
        documents = [tuple(document) for document in _tokens(captions)]
        vectors = np.zeros((len(documents), self.model_.vector_size), dtype=np.float32)
        for row, document in enumerate(documents):
            if document not in inferred:
                inferred[document] = self._infer(document)
            vectors[row] = inferred[document]
        return vectors

    def _checked(self) -> dict[str, int]:
        """The parameters, each a whole number in its range."""
        least = {"vector_size": 1, "epochs": 1, "window": 1, "min_count": 1, "random_state": 0}
        given = {name: check_whole(getattr(self, name), name, of) for name, of in least.items()}
        if given["random_state"] > _LARGEST_SEED:
            raise ValueError(
                f"random_state: expected a seed of at most {_LARGEST_SEED}, got "
                f"{given['random_state']}"
            )
        return given

    def _infer(self, document: tuple[str, ...]) -> NDArray[np.float32]:
        known = [word for word in document if word in self.model_.wv]
        if not known:
            return np.zeros(self.model_.vector_size, dtype=np.float32)
        # Doc2Vec.infer_vector is not used: it starts from Python's salted hash of the text and
        # carries on the model's generator from caption to caption. These are its steps without
        # either.
        model = self.model_
        model.random = np.random.RandomState(self.random_state)
        vector = pseudorandom_weak_vector(model.vector_size, " ".join(known), _stable_hash)
        for alpha in np.linspace(model.alpha, model.min_alpha, self.epochs):
            train_document_dm(
                model,
                known,
                [0],
                alpha,
                learn_words=False,
                learn_hidden=False,
                doctag_vectors=vector[np.newaxis],
                doctags_lockf=np.ones(1, dtype=np.float32),
            )
        return vector


def repeated_words(captions: Sequence[str], min_count: int = 2) -> dict[str, int]:
    """Count the words that captions share.

    Parameters
    ----------
    captions : sequence of str, length n
    min_count : int, default=2
        Words seen less often are left out.

    Returns
    -------
    dict of str to int
        Times each word is seen. Empty where captions are serial numbers, say: then no text
        profile can be learnt.

    Raises
    ------
    TypeError
        If `captions` is not a sequence of strings, or `min_count` is no whole number.
    ValueError
        If `min_count` is less than 1.
    """
    check_whole(min_count, "min_count", 1)
    seen = Counter(word for found in _tokens(captions) for word in found)
    return {word: times for word, times in seen.items() if times >= min_count}


def _stable_hash(text: str) -> int:
    """Stand in for `hash`, which Python salts in every process."""
    return zlib.crc32(text.encode())


def _tokens(captions: Sequence[str]) -> list[list[str]]:
    if isinstance(captions, str):
        raise TypeError("captions: got one string; pass a sequence of strings")
    for i, caption in enumerate(captions):
        if not isinstance(caption, str):
            raise TypeError(
                f"captions: expected strings, got {caption!r} at position {i}; "
                "use '' for a missing caption"
            )
    return [words(caption) for caption in captions]
