"""Descent by mini-batches of pairs, whatever learns from them: order, log, and checkpoints."""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from visprof import processes
from visprof._extras import needs
from visprof.checks import check_number, check_whole
from visprof.files import open_sealed, remove_unfinished, replacing, seal

with needs("nets"):
    import torch
    from torch import Tensor

__all__ = ["Checkpoint", "Learner", "Settings", "fetched_ahead", "passes", "train"]

log = logging.getLogger("visprof")

SECONDS_A_SAVE = 5.0  # at least, between saves of a training that goes on


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train: see `train_siamese`."""

    margin: float
    lr_last: float
    lr_rest: float = 0.0
    momentum: float = 0.9
    batch_size: int = 128
    n_iterations: int
    random_state: int = 0
    similar_share: float | None = None
    precision: str = "fp32"
    log_every: int | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "n_iterations"):
            check_whole(getattr(self, name), name, 1)
        check_number(self.margin, "margin", above=0)
        for name in ("lr_last", "lr_rest", "momentum"):
            check_number(getattr(self, name), name, least=0)
        if self.log_every is None:
            object.__setattr__(self, "log_every", max(1, self.n_iterations // 50))
        check_whole(self.log_every, "log_every", 1)
        if self.precision not in ("fp32", "bf16"):
            raise ValueError(f"precision must be 'fp32' or 'bf16', not {self.precision!r}")


class Learner(Protocol):
    """What a training goes through: a network, or a layer on features that are known."""

    parts: tuple[Stateful, Stateful]  # what learns, and what keeps the momentum

    def begin(self, start: int) -> None:
        """Get ready for all iterations but the first ones."""

    def batches(self, batches: Iterator[np.ndarray], pairs: np.ndarray) -> Iterator[tuple]:
        """Each batch of pair numbers with what `look` takes of its pictures."""

    def look(self, x: Any, similar: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss of a batch, and the distances of its pairs."""

    def learn(self) -> None:
        """Learn from the batch that was looked at."""


def train(
    learner: Learner,
    pairs: np.ndarray,
    similar: np.ndarray,
    settings: Settings,
    checkpoint: str | Path | None,
    progress: bool,
) -> pd.DataFrame:
    """Train by all mini-batches that the checkpoint does not have; return the log."""
    of_pairs = hashlib.blake2b(pairs.tobytes() + similar.tobytes(), digest_size=16).hexdigest()
    file = Checkpoint(checkpoint, {"pairs": of_pairs, **asdict(settings)})
    log, n = _Log(file.restore(*learner.parts), settings.margin), settings.n_iterations
    start, saved = int(log.rows[-1][0]) if log.rows else 0, time.monotonic()
    learner.begin(start)
    batches = islice(
        _mini_batches(similar, settings.batch_size, settings.similar_share, settings.random_state),
        start, n,
    )  # fmt: skip
    bar = tqdm(
        learner.batches(batches, pairs), "Siamese training", n, initial=start,
        disable=not progress or not processes.is_first(),
    )  # fmt: skip
    for iteration, (batch, x) in enumerate(bar, start + 1):
        loss, distances = learner.look(x, similar[batch])
        if not math.isfinite(loss):
            rates = (f"{name}={getattr(settings, name)!r}" for name in ("lr_last", "lr_rest"))
            raise FloatingPointError(
                f"loss is {loss} at iteration {iteration} with {', '.join(rates)}, "
                f"momentum={settings.momentum!r}; lower the learning rates or check the inputs "
                "for NaN"
            )
        learner.learn()
        log.add(loss, distances, similar[batch])
        if iteration % settings.log_every == 0 or iteration == n:
            log.close_row(iteration)
            if iteration == n or time.monotonic() >= saved + SECONDS_A_SAVE:
                file.save(*learner.parts, log.rows)
                saved = time.monotonic()
    return pd.DataFrame(log.rows, columns=_Log.COLUMNS)


class Stateful(Protocol):
    """What a checkpoint can hold: a module or an optimiser of torch, say."""

    def state_dict(self) -> dict[str, Any]:
        """Its state."""

    def load_state_dict(self, state: dict[str, Any], /) -> Any:
        """Take a state; RuntimeError, ValueError or KeyError if it is of something else."""


class Checkpoint:
    """State of a training in a file: whole or absent, and of these settings; no path, no file."""

    def __init__(self, path: str | Path | None, settings: dict[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.settings = settings

    def restore(self, model: Stateful, optimiser: Stateful) -> list[tuple]:
        """Put the saved state into model and optimiser; return the rows of the log until then."""
        saved = self._read()
        if saved is None:
            return []
        try:
            settings = saved["settings"]
            different = [key for key in self.settings if settings[key] != self.settings[key]]
            if different:
                raise ValueError(
                    f"it is of a training with another {', '.join(different)} "
                    f"({settings[different[0]]!r}, now {self.settings[different[0]]!r})"
                )
            model.load_state_dict(saved["model"])
            optimiser.load_state_dict(saved["optimiser"])
        except (KeyError, RuntimeError, ValueError) as error:  # torch's, for another network
            raise ValueError(
                f"cannot go on from the checkpoint {str(self.path)!r}: {error}. Delete it to "
                "train from the start"
            ) from error
        return [tuple(row) for row in saved["log"]]

    def _read(self) -> dict[str, Any] | None:
        """Return what was saved; None if there is no file, or one that cannot be read."""
        if self.path is None:
            return None
        remove_unfinished(self.path.parent, f"{escape(self.path.name)}.*")
        if not self.path.exists():
            return None
        try:
            # torch does not notice most changed bytes by itself
            with open_sealed(self.path) as file:
                return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises nearly anything
            log.warning(
                "the checkpoint %s cannot be used (%s: %s); training begins from the start",
                self.path, type(error).__name__, error,
            )  # fmt: skip
            return None

    def save(self, model: Stateful, optimiser: Stateful, rows: list[tuple]) -> None:
        """Replace the file in one step: a killed training leaves the last state or this one."""
        if self.path is None or not processes.is_first():
            return
        state = {
            "settings": self.settings,
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            "log": rows,
        }
        with replacing(self.path) as file:
            try:
                torch.save(state, file)
            except RuntimeError as error:  # torch's own says nothing of a full disk
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise
            seal(file)


def fetched_ahead(
    batches: Iterator[np.ndarray], inputs: Callable[[np.ndarray], Tensor]
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Each batch with its inputs, which are fetched while the network learns from earlier ones."""
    with ThreadPoolExecutor(1) as pool:
        ahead = [(batch, pool.submit(inputs, batch)) for batch in islice(batches, 2)]
        while ahead:
            batch, x = ahead.pop(0)
            ahead += [(later, pool.submit(inputs, later)) for later in islice(batches, 1)]
            yield batch, x.result()


def _mini_batches(
    similar: np.ndarray, batch_size: int, similar_share: float | None, random_state: int
) -> Iterator[np.ndarray]:
    """Endless mini-batches of pair numbers, uniform or with a fixed share of similar pairs."""
    rng = np.random.default_rng(random_state)
    if similar_share is None:
        yield from passes(np.arange(len(similar)), batch_size, rng)
    groups = {kind: np.flatnonzero(similar == kind) for kind in (True, False)}
    possible = 0 <= similar_share <= 1  # not of NaN, which cannot be rounded
    n_similar = round(batch_size * similar_share) if possible else 0
    sizes = {True: n_similar, False: batch_size - n_similar}
    if not possible or any(sizes[k] and not len(groups[k]) for k in sizes):
        raise ValueError(
            f"{similar_share=} is not between 0 and 1, or asks for a kind of pair that is not "
            f"there ({len(groups[True])} similar, {len(groups[False])} dissimilar given)"
        )
    streams = [passes(groups[kind], sizes[kind], rng) for kind in sizes if sizes[kind]]
    while True:
        yield np.concatenate([next(stream) for stream in streams])


def passes(items: np.ndarray, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Endless batches of ``size`` items; each item comes once in every shuffled pass."""
    rest = items[:0]
    while True:
        while len(rest) < size:
            rest = np.concatenate([rest, rng.permutation(items)])
        yield rest[:size]
        rest = rest[size:]


class _Log:
    """Means of the training's figures over the iterations of a row."""

    COLUMNS = ("iteration", "loss", "similar_distance", "dissimilar_distance", "active_share")

    def __init__(self, rows: list[tuple[float, ...]], margin: float) -> None:
        self.rows, self.margin = rows, margin
        self._start_row()

    def _start_row(self) -> None:
        self._losses: list[float] = []
        self._distances: list[np.ndarray] = []
        self._similar: list[np.ndarray] = []

    def add(self, loss: float, distances: np.ndarray, similar: np.ndarray) -> None:
        self._losses.append(loss)
        self._distances.append(distances)
        self._similar.append(similar)

    def close_row(self, iteration: int) -> None:
        distances, similar = np.concatenate(self._distances), np.concatenate(self._similar)
        means = map(
            _mean, (distances[similar], distances[~similar], distances[~similar] < self.margin)
        )
        self.rows.append((iteration, float(np.mean(self._losses)), *means))
        self._start_row()


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")
