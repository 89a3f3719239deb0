"""Training of the Siamese embedding by stochastic gradient descent on Eq. 1 (Section V-A)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from glob import escape
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from tqdm import tqdm

from visprof import processes
from visprof._extras import needs
from visprof.architectures import Backbone
from visprof.checks import check_number, check_whole, listed
from visprof.embedding import arithmetic
from visprof.files import open_sealed, remove_unfinished, replacing, seal
from visprof.pictures import read_image
from visprof.siamese import (
    SiameseEmbedding,
    checked_features,
    checked_similar,
    double_precision,
    mean_loss,
)

with needs("nets"):
    import torch
    from torch import Tensor, nn

__all__ = ["array_inputs", "image_inputs", "train_last_layer", "train_siamese"]

log = logging.getLogger("visprof")


def array_inputs(features: ArrayLike) -> Callable[[np.ndarray], Tensor]:
    """Inputs of a model without backbone, for :func:`train_siamese`: rows of computed features.

    Parameters
    ----------
    features : array-like, shape (n, in_features)
        May be a memory map; only the rows asked for are read.

    Returns
    -------
    callable
        Takes positions (k,), returns a float64 tensor of shape (k, in_features). ValueError if a
        value is not finite there (the rows are named).
    """
    features = np.asarray(features)
    return lambda positions: torch.from_numpy(double_precision(features[positions], positions))


def image_inputs(
    images: Sequence[str | Path], backbone: Backbone, n_workers: int = 2
) -> Callable[[np.ndarray], Tensor]:
    """Inputs of a model with a backbone, for :func:`train_siamese`: pictures, decoded when asked.

    Parameters
    ----------
    images : sequence of str or Path, length n
        Pictures.
    backbone : Backbone
        Says how a picture is prepared.
    n_workers : int
        Pictures decoded at a time.

    Returns
    -------
    callable
        Takes positions (k,), returns a uint8 tensor of shape (k, 3, S, S).

    Raises
    ------
    TypeError, ValueError
        If ``n_workers`` is no whole number of at least 1.
    """
    check_whole(n_workers, "n_workers", 1)
    images = list(images)  # a column of a table is known by its labels, not by positions

    def inputs(positions: np.ndarray) -> Tensor:
        with ThreadPoolExecutor(n_workers) as pool:
            paths = [images[position] for position in positions]
            prepared = list(pool.map(lambda path: backbone.prepare(read_image(path)), paths))
        return torch.stack(prepared)

    return inputs


def train_siamese(
    model: SiameseEmbedding,
    inputs: Callable[[np.ndarray], Tensor],
    pairs: np.ndarray,
    similar: np.ndarray,
    *,
    margin: float,
    lr_last: float,
    lr_rest: float = 0.0,
    momentum: float = 0.9,
    batch_size: int = 128,
    n_iterations: int,
    random_state: int = 0,
    similar_share: float | None = None,
    log_every: int | None = None,
    device: str | torch.device = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Train a Siamese embedding by stochastic gradient descent on Eq. 1.

    Several processes (`visprof.processes.joined`) train a model with a backbone as one: each takes
    its share of the pictures of every mini-batch through the trunk, and the first writes the
    checkpoint, from which any number of processes may go on.

    Parameters
    ----------
    model : SiameseEmbedding
        Trained in place, left in evaluation mode on ``device``.
    inputs : callable
        Takes positions (k,) and returns the network's input for those pictures: features
        (k, in_features), see :func:`array_inputs`; or, if the model has a backbone, prepared
        pictures (k, 3, S, S), see :func:`image_inputs`.
    pairs : ndarray of int, shape (m, 2)
        Positions of the two members, see :func:`visprof.scenes.sample_pairs`.
    similar : ndarray of bool or 0/1, shape (m,)
        Whether the pair is similar.
    margin : float
        Margin m of Eq. 1.
    lr_last, lr_rest : float
        Learning rates of the last layer and of the trunk (1e-5 and 1e-7 in the paper); 0 leaves
        the trunk as it is. Batch normalisation makes the loss ignore the length of the last
        layer's weights, so a large rate does not diverge: early steps grow the weights, so that
        later steps rotate them less. Mistrust a loss that levels off early.
    momentum : float
        Of the descent (not given in the paper; 0.9 is AlexNet's).
    batch_size : int
        Pairs in a mini-batch (not given in the paper). Both members of all pairs go through the
        network together, so that batch normalisation sees them all.
    n_iterations : int
        Mini-batches (50,000 in the paper).
    random_state : int
        Seed of the order of pairs. Pairs are taken in passes, each once in a pass.
    similar_share : float, optional
        Share of similar pairs in every mini-batch, between 0 and 1. By default pairs come
        uniformly from the list (about 1 in 11 similar in the paper).
    log_every : int, optional
        Iterations that a row of the log sums up; by default a fiftieth of the training.
    device : str or torch.device
        Where to train.
    precision : {"fp32", "bf16"}
        Arithmetic of the trunk, if the model has one. What follows is in float64.
    checkpoint : str or Path, optional
        File that the state is saved to with every row of the log. If it is there, training goes
        on from it, and on the same machine ends with the same weights, to the last bit, as if it
        had not been stopped. One that was cut or changed since it was written is as good as
        absent: a warning names it, and training begins from the start.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    pandas.DataFrame
        One row for every ``log_every`` iterations, means over these: ``iteration`` (the last of
        them), ``loss``, ``similar_distance``, ``dissimilar_distance`` (mean D), ``active_share``
        (share of dissimilar pairs with D < margin, which alone are pushed). NaN without pairs.

    Raises
    ------
    TypeError
        If a number, or a position in ``pairs``, is not whole.
    ValueError
        If shapes, rates or shares do not fit, or ``similar`` holds another value than 0 and 1; the
        message says which. If the checkpoint is of a training with other settings or another
        network.
    OSError
        If the checkpoint cannot be written (the disk is full, say); the message names it.
    FloatingPointError
        If the loss is not finite; the message has the iteration and the learning rates.
    """
    pairs = np.asarray(pairs)
    _check_training(model, pairs, lr_rest)
    similar = checked_similar(similar, len(pairs))
    for name, number in (("batch_size", batch_size), ("n_iterations", n_iterations)):
        check_whole(number, name, 1)
    check_number(margin, "margin", above=0)
    for name, number in (("lr_last", lr_last), ("lr_rest", lr_rest), ("momentum", momentum)):
        check_number(number, name, least=0)
    if log_every is None:
        log_every = max(1, n_iterations // 50)
    check_whole(log_every, "log_every", 1)
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision must be 'fp32' or 'bf16', not {precision!r}")
    model.to(device).train()
    optimiser = torch.optim.SGD(_parameter_groups(model, lr_last, lr_rest), momentum=momentum)
    settings = {
        "pairs": hashlib.blake2b(pairs.tobytes() + similar.tobytes(), digest_size=16).hexdigest(),
        "margin": margin, "lr_last": lr_last, "lr_rest": lr_rest, "momentum": momentum,
        "batch_size": batch_size, "n_iterations": n_iterations, "random_state": random_state,
        "similar_share": similar_share, "precision": precision, "log_every": log_every,
    }  # fmt: skip
    n_pictures, is_shared = 2 * batch_size, model.backbone is not None
    mine = processes.share(n_pictures) if is_shared else slice(n_pictures)
    if is_shared and n_pictures < processes.count():
        raise ValueError(f"{batch_size=} gives {processes.count()} processes too little to do")
    file = Checkpoint(checkpoint, settings)
    log = _Log(file.restore(model, optimiser))
    start = int(log.rows[-1][0]) if log.rows else 0
    if is_shared:
        processes.check_same(start, "the checkpoint's iteration")
        processes.start_alike(model)
    batches = islice(
        _mini_batches(similar, batch_size, similar_share, random_state), start, n_iterations
    )
    fetched = fetched_ahead(batches, lambda batch: inputs(pairs[batch].T.ravel()[mine]))
    bar = tqdm(
        fetched, "Siamese training", n_iterations, initial=start,
        disable=not progress or not processes.is_first(),
    )  # fmt: skip
    with arithmetic(device, "fp32"):  # of the gradients; the trunk's forward pass has its own
        for iteration, (batch, x) in enumerate(bar, start + 1):
            features = _features(model, x.to(device), lr_rest > 0, precision)
            if is_shared:
                features = processes.gathered(features, mine, n_pictures)
            first, second = model.head(features).chunk(2)
            are_similar = torch.as_tensor(similar[batch], device=first.device)
            loss = mean_loss(first, second, are_similar, margin)
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"loss is {loss.item()} at iteration {iteration} with {lr_last=}, {lr_rest=}, "
                    f"{momentum=}; lower the learning rates or check the inputs for NaN"
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            if is_shared:
                processes.sum_gradients(shared=model.backbone, whole=model.last)
            optimiser.step()
            log.add(loss, (first - second).detach().norm(dim=1), are_similar, margin)
            if iteration % log_every == 0 or iteration == n_iterations:
                log.close_row(iteration)
                file.save(model, optimiser, log.rows)
    model.eval()
    return pd.DataFrame(log.rows, columns=_Log.COLUMNS)


def train_last_layer(
    model: SiameseEmbedding,
    features: ArrayLike,
    pairs: np.ndarray,
    similar: np.ndarray,
    **settings: Any,
) -> pd.DataFrame:
    """Train a model without backbone on computed features, as `train_siamese` does, but faster.

    The gradient of a linear layer is a sum over the pictures that it sees. Where the pairs have
    fewer pictures than twice the features, what is learnt is how much of each picture is added to
    the weights; outputs follow from the pictures' products: the same training but for rounding,
    with one product of matrices a step instead of two.

    Parameters
    ----------
    model : SiameseEmbedding
        Trained in place, left in evaluation mode.
    features : array-like, shape (n, in_features)
        Trunk features.
    pairs, similar, **settings
        As of `train_siamese`.

    Returns
    -------
    pandas.DataFrame
        As `train_siamese`.

    Raises
    ------
    TypeError, ValueError, OSError, FloatingPointError
        As `train_siamese`, or ValueError if the model has a backbone or the features another width.

    Examples
    --------
    >>> features = np.random.default_rng(0).normal(size=(20, 8)) + np.repeat([[0.0], [3.0]], 10, 0)
    >>> model = SiameseEmbedding(None, in_features=8, n_outputs=4)
    >>> pairs = np.array([[0, 1], [10, 11], [0, 10], [1, 11]])
    >>> log = train_last_layer(
    ...     model, features, pairs, np.array([1, 1, 0, 0]),
    ...     margin=3.0, lr_last=0.1, batch_size=4, n_iterations=5,
    ... )
    >>> len(log)
    5
    """
    if model.backbone is not None:
        raise ValueError("the model has a backbone; train_siamese trains on pictures")
    features, pairs = checked_features(features, model), np.asarray(pairs)
    _check_training(model, pairs, lr_rest=0)
    seen = np.unique(pairs)
    if len(seen) >= 2 * features.shape[1]:
        with _one_thread():
            return train_siamese(model, array_inputs(features), pairs, similar, **settings)
    rows = torch.from_numpy(double_precision(features[seen], seen))
    small = deepcopy(model)
    small.last = _LayerOfPictures(rows, model.last)

    def places(positions: np.ndarray) -> Tensor:
        return torch.from_numpy(np.searchsorted(seen, positions))

    with _one_thread():  # on the pairs as they are: a checkpoint is known by them
        log = train_siamese(small, places, pairs, similar, **settings)
    device, learnt = small.last.bias.device, small.cpu().last
    of_layer = {"last.weight": learnt.weight(rows), "last.bias": learnt.bias}
    small.last = model.last
    model.load_state_dict(small.state_dict() | of_layer)
    model.to(device).eval()
    return log


class _LayerOfPictures(nn.Module):
    """A linear layer that takes places of given pictures, (k,), and learns a sum over them."""

    def __init__(self, rows: Tensor, layer: nn.Linear) -> None:
        super().__init__()
        self.first = layer.weight.detach().clone()
        self.bias = nn.Parameter(layer.bias.detach().clone())
        self.added = nn.Parameter(rows.new_zeros(len(rows), len(self.first)))
        self.register_buffer("products", rows @ rows.T, persistent=False)
        self.register_buffer("before", rows @ self.first.T, persistent=False)

    def forward(self, places: Tensor) -> Tensor:
        places = places.long()
        added = _Added.apply(self.products[places], self.added, places)
        return self.before[places] + added + self.bias

    def weight(self, rows: Tensor) -> Tensor:
        """Weights of the linear layer that this one is."""
        return self.first + self.added.detach().T @ rows


class _Added(torch.autograd.Function):
    """What is added to outputs; its gradient is that of the weights, told by pictures."""

    @staticmethod
    def forward(ctx: Any, products: Tensor, added: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shape = added.shape
        return products @ added

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor, None]:
        (places,) = ctx.saved_tensors
        return None, gradient.new_zeros(ctx.shape).index_add_(0, places, gradient), None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: products as small as those of a last layer gain nothing by more.

    And where two processes train, threads that wait for each other would keep both from working.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


class Checkpoint:
    """State of a training in a file: whole or absent, and of these settings; no path, no file."""

    def __init__(self, path: str | Path | None, settings: dict[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.settings = settings

    def restore(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> list[tuple]:
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

    def save(self, model: nn.Module, optimiser: torch.optim.Optimizer, rows: list[tuple]) -> None:
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


def _check_training(model: SiameseEmbedding, pairs: np.ndarray, lr_rest: float) -> None:
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) == 0:
        raise ValueError(f"pairs must have shape (m, 2) with m > 0, not {pairs.shape}")
    if not np.issubdtype(pairs.dtype, np.integer):
        raise TypeError(f"pairs: expected positions, whole numbers; got {pairs.dtype}")
    if pairs.min() < 0:
        rows = np.flatnonzero((pairs < 0).any(axis=1))
        raise ValueError(f"pairs: positions are below 0 in row(s) {listed(rows)}")
    if lr_rest and model.backbone is None:
        raise ValueError(f"{lr_rest=}, but the model has no backbone to train; pass lr_rest=0")


def _parameter_groups(model: SiameseEmbedding, lr_last: float, lr_rest: float) -> list[dict]:
    groups = [{"params": list(model.last.parameters()), "lr": lr_last}]
    if lr_rest:
        groups.append({"params": list(model.backbone.parameters()), "lr": lr_rest})
    return groups


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


def _features(model: SiameseEmbedding, x: Tensor, trains_trunk: bool, precision: str) -> Tensor:
    """Trunk features; only the trunk may run in bf16, and with gradients only if it is trained."""
    if model.backbone is None:
        return x
    with nullcontext() if trains_trunk else torch.no_grad(), arithmetic(x.device, precision):
        return model.features(x)


class _Log:
    """Means of the training's figures over the iterations of a row."""

    COLUMNS = ("iteration", "loss", "similar_distance", "dissimilar_distance", "active_share")

    def __init__(self, rows: list[tuple[float, ...]]) -> None:
        self.rows = rows
        self._start_row()

    def _start_row(self) -> None:
        self._losses: list[float] = []
        self._distances: dict[bool, list[np.ndarray]] = {True: [], False: []}
        self._active: list[np.ndarray] = []

    def add(self, loss: Tensor, distance: Tensor, similar: Tensor, margin: float) -> None:
        distance, similar = distance.cpu().numpy(), similar.cpu().numpy()
        self._losses.append(loss.item())
        self._distances[True].append(distance[similar])
        self._distances[False].append(distance[~similar])
        self._active.append(distance[~similar] < margin)

    def close_row(self, iteration: int) -> None:
        self.rows.append(
            (
                iteration,
                float(np.mean(self._losses)),
                _mean(self._distances[True]),
                _mean(self._distances[False]),
                _mean(self._active),
            )
        )
        self._start_row()


def _mean(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts)
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")
