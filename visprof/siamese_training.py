"""Training of the Siamese embedding by stochastic gradient descent on Eq. 1 (Section V-A)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from visprof import processes
from visprof._descent import Settings, fetched_ahead, train
from visprof._extras import needs
from visprof._last_layer import BatchNorm, InSpan, Layer, OfFeatures, UnitLength, distinct
from visprof.architectures import Backbone
from visprof.checks import check_whole, listed
from visprof.embedding import arithmetic
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
    from torch import Tensor

__all__ = ["array_inputs", "image_inputs", "train_last_layer", "train_siamese"]


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
        File that the state is saved to with a row of the log, every few seconds and at the end. If
        it is there, training goes on from it, and on the same machine ends with the same weights,
        to the last bit, as if it had not been stopped. One that was cut or changed since it was
        written is as good as absent: a warning names it, and training begins from the start.
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
    settings = Settings(
        margin=margin, lr_last=lr_last, lr_rest=lr_rest, momentum=momentum, batch_size=batch_size,
        n_iterations=n_iterations, random_state=random_state, similar_share=similar_share,
        precision=precision, log_every=log_every,
    )  # fmt: skip
    pairs, similar = _checked(model, pairs, similar, settings)
    learner = _Network(model, inputs, settings, device)
    with arithmetic(device, "fp32"):  # of the gradients; the trunk's forward pass has its own
        log = train(learner, pairs, similar, settings, checkpoint, progress)
    model.eval()
    return log


def train_last_layer(
    model: SiameseEmbedding,
    features: ArrayLike,
    pairs: np.ndarray,
    similar: np.ndarray,
    *,
    device: str | torch.device = "cpu",
    checkpoint: str | Path | None = None,
    progress: bool = True,
    **settings: Any,
) -> pd.DataFrame:
    """Train a model without backbone on computed features, as `train_siamese` does, but faster.

    The gradient is written out (`visprof._last_layer`) and needs no backpropagation. And where the
    pairs have fewer pictures than twice the features, what is learnt is how much of each picture is
    added to the weights: the same training but for rounding, with one product of matrices a step
    instead of two. On a GPU it is `train_siamese` that trains.

    Parameters
    ----------
    model : SiameseEmbedding
        Trained in place, left in evaluation mode.
    features : array-like, shape (n, in_features)
        Trunk features. May be a memory map; only the rows of pictures in pairs are read.
    pairs, similar, device, checkpoint, progress, **settings
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
    features = checked_features(features, model)
    if torch.device(device).type != "cpu":
        return train_siamese(
            model, array_inputs(features), pairs, similar, device=device, checkpoint=checkpoint,
            progress=progress, **settings,
        )  # fmt: skip
    chosen = Settings(**settings)
    pairs, similar = _checked(model, pairs, similar, chosen)
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):  # what is not finite is told
        learner = _LastLayer(model.cpu(), features, pairs, chosen)
        log = train(learner, pairs, similar, chosen, checkpoint, progress)
    learner.tell(model)
    model.eval()
    return log


class _Network:
    """A network that learns by backpropagation; several processes share its pictures."""

    def __init__(
        self,
        model: SiameseEmbedding,
        inputs: Callable[[np.ndarray], Tensor],
        settings: Settings,
        device: str | torch.device,
    ) -> None:
        self.model, self.inputs, self.settings = model.to(device).train(), inputs, settings
        self.device, self.is_shared = device, model.backbone is not None
        groups = [{"params": list(model.last.parameters()), "lr": settings.lr_last}]
        if settings.lr_rest:
            groups.append({"params": list(model.backbone.parameters()), "lr": settings.lr_rest})
        self.optimiser = torch.optim.SGD(groups, momentum=settings.momentum)
        self.parts = (self.model, self.optimiser)
        self.n_pictures = 2 * settings.batch_size
        if self.is_shared and self.n_pictures < processes.count():
            raise ValueError(
                f"batch_size={settings.batch_size} gives {processes.count()} processes too little "
                "to do"
            )
        self.mine = processes.share(self.n_pictures) if self.is_shared else slice(self.n_pictures)

    def begin(self, start: int) -> None:
        if self.is_shared:
            processes.check_same(start, "the checkpoint's iteration")
            processes.start_alike(self.model)

    def batches(self, batches: Iterator[np.ndarray], pairs: np.ndarray) -> Iterator[tuple]:
        return fetched_ahead(batches, lambda batch: self.inputs(pairs[batch].T.ravel()[self.mine]))

    def look(self, x: Tensor, similar: np.ndarray) -> tuple[float, np.ndarray]:
        features = self.features(x.to(self.device))
        if self.is_shared:
            features = processes.gathered(features, self.mine, self.n_pictures)
        first, second = self.model.head(features).chunk(2)
        are_similar = torch.as_tensor(similar, device=first.device)
        self.loss = mean_loss(first, second, are_similar, self.settings.margin)
        return self.loss.item(), (first - second).detach().norm(dim=1).cpu().numpy()

    def features(self, x: Tensor) -> Tensor:
        """Trunk features; only the trunk may run in bf16, and with gradients only if it learns."""
        if self.model.backbone is None:
            return x
        context = nullcontext() if self.settings.lr_rest > 0 else torch.no_grad()
        with context, arithmetic(x.device, self.settings.precision):
            return self.model.features(x)

    def learn(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        self.loss.backward()
        if self.is_shared:
            processes.sum_gradients(shared=self.model.backbone, whole=self.model.last)
        self.optimiser.step()


class _LastLayer:
    """The last layer of a model, which learns on features by a gradient that is written out.

    Its bias is the weight of one more feature, which is 1 of every picture.
    """

    def __init__(
        self, model: SiameseEmbedding, features: np.ndarray, pairs: np.ndarray, settings: Settings
    ) -> None:
        def rows(pictures: np.ndarray) -> np.ndarray:
            double = double_precision(features[pictures], pictures)
            return np.column_stack([double, np.ones(len(double))])

        self.settings, of_model = settings, model.state_dict()
        first = np.vstack([of_model["last.weight"].numpy().T, of_model["last.bias"].numpy()])
        seen = np.unique(pairs)
        if len(seen) < 2 * features.shape[1]:
            self.layer: Layer = InSpan(rows(seen), first)
            self.numbers = np.searchsorted(seen, pairs)
        else:
            self.layer, self.numbers = OfFeatures(rows, first), pairs
        arrays = {"weights": self.layer.weights}
        self.norm: BatchNorm | UnitLength = UnitLength()
        if isinstance(norm := model.output_norm, torch.nn.BatchNorm1d):
            running = {name: of_model[f"output_norm.running_{name}"] for name in ("mean", "var")}
            arrays |= {name: of.numpy().copy() for name, of in running.items()}
            self.norm = BatchNorm(arrays["mean"], arrays["var"], norm.eps, norm.momentum)
        self.parts = (_Arrays(arrays), _Arrays({"velocity": self.layer.velocity}))

    def begin(self, start: int) -> None:
        """Nothing is left to do."""

    def batches(self, batches: Iterator[np.ndarray], pairs: np.ndarray) -> Iterator[tuple]:
        return ((batch, distinct(self.numbers[batch].T)) for batch in batches)

    def look(self, x: tuple[np.ndarray, ...], similar: np.ndarray) -> tuple[float, np.ndarray]:
        pictures, members, counts = x
        outputs = self.layer.outputs(pictures)
        loss, distances, self.gradient = self.norm.gradient(
            outputs, members, counts, similar, self.settings.margin
        )
        return loss, distances

    def learn(self) -> None:
        self.layer.descend(self.gradient, self.settings.lr_last, self.settings.momentum)

    def tell(self, model: SiameseEmbedding) -> None:
        """Put what was learnt into the model."""
        state, learnt = model.state_dict(), torch.from_numpy(self.layer.learnt())
        state |= {"last.weight": learnt[:-1].T, "last.bias": learnt[-1]}
        if isinstance(self.norm, BatchNorm):
            state |= {
                "output_norm.running_mean": torch.from_numpy(self.norm.mean),
                "output_norm.running_var": torch.from_numpy(self.norm.var),
            }
            state["output_norm.num_batches_tracked"] += self.settings.n_iterations
        model.load_state_dict(state)


class _Arrays:
    """Arrays that a checkpoint holds, by name; they are filled in place."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays

    def state_dict(self) -> dict[str, Tensor]:
        return {name: torch.from_numpy(array) for name, array in self.arrays.items()}

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        for name, tensor in self.state_dict().items():
            if saved[name].shape != tensor.shape:
                raise ValueError(
                    f"size mismatch for {name}: {tuple(saved[name].shape)}, not "
                    f"{tuple(tensor.shape)}"
                )
            tensor.copy_(saved[name])


def _checked(
    model: SiameseEmbedding, pairs: np.ndarray, similar: np.ndarray, settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs, and whether they are similar, that a model can be trained on."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) == 0:
        raise ValueError(f"pairs must have shape (m, 2) with m > 0, not {pairs.shape}")
    if not np.issubdtype(pairs.dtype, np.integer):
        raise TypeError(f"pairs: expected positions, whole numbers; got {pairs.dtype}")
    if pairs.min() < 0:
        rows = np.flatnonzero((pairs < 0).any(axis=1))
        raise ValueError(f"pairs: positions are below 0 in row(s) {listed(rows)}")
    if settings.lr_rest and model.backbone is None:
        raise ValueError(
            f"lr_rest={settings.lr_rest!r}, but the model has no backbone to train; pass lr_rest=0"
        )
    return pairs, checked_similar(similar, len(pairs))
