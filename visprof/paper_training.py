"""The paper's own training (Section V-A), on labelled photographs: all layers of a network learn.

The paper fine-tunes a network that was trained on Places: its last layer is new, and learns a
hundred times as fast as the others. Its AlexNet is trained as a classifier first (Places-CNN), as
`train_classifier` does where no published weights are at hand: at the paper's rate of 1e-7 the
other layers of a random network would stay random, so we take "fine-tuned" at its word.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from tqdm import tqdm

from visprof._descent import Checkpoint, fetched_ahead, passes
from visprof._extras import needs
from visprof.architectures import AlexNet, Backbone
from visprof.checks import check_groups, check_number, check_whole
from visprof.embedding import arithmetic
from visprof.scenes import sample_pairs
from visprof.siamese import SiameseEmbedding, calibrate
from visprof.siamese_training import train_last_layer, train_siamese

with needs("nets"):
    import torch
    from torch import Tensor
    from torch.nn import functional as F

__all__ = [
    "PAPER", "PaperTraining", "train_classifier", "train_network",
    "untrained_alexnet", "usable_device",
]  # fmt: skip


@dataclass(frozen=True)
class PaperTraining:
    """Settings of a training; the defaults are the paper's, where it gives them.

    Parameters
    ----------
    n_outputs : int
        Width of the Siamese embedding. The paper's 205 is also its number of classes; with others,
        the width stays, so that the embedding is as wide as the paper's.
    margin : float
        Of Eq. 1. The paper names it m without a value; 20 is where pairs lie that are drawn at
        random from 205 outputs of unit variance, so that half of the dissimilar ones are pushed.
    lr_last : float
        Learning rate of the last layer.
    ratio : float
        How many times slower the other layers learn.
    momentum : float
        Not given in the paper; AlexNet's.
    batch_size : int
        Pairs in a mini-batch; not given in the paper.
    n_iterations : int
        Mini-batches.
    n_similar, n_dissimilar : int
        Distinct pairs of each class, and of each pair of classes, at most: a class of few
        photographs gives all that it has.
    normalise : {"batch", "l2"}
        See `visprof.siamese.SiameseEmbedding`.
    precision : {"fp32", "bf16"}
        Arithmetic of the layers before the last.
    random_state : int
        Seed of pairs, of their order, and of the last layer.

    Raises
    ------
    TypeError
        If a number is not whole where things are counted.
    ValueError
        If one is out of range; the message names it.
    """

    n_outputs: int = 205
    margin: float = 20.0
    lr_last: float = 1e-5
    ratio: float = 100.0
    momentum: float = 0.9
    batch_size: int = 256
    n_iterations: int = 50_000
    n_similar: int = 500
    n_dissimilar: int = 50
    normalise: Literal["batch", "l2"] = "batch"
    precision: Literal["fp32", "bf16"] = "fp32"
    random_state: int = 0

    def __post_init__(self) -> None:
        for name in ("n_outputs", "batch_size", "n_iterations", "n_similar", "n_dissimilar"):
            check_whole(getattr(self, name), name, 1)
        check_whole(self.random_state, "random_state", 0)
        for name in ("margin", "lr_last", "ratio"):
            check_number(getattr(self, name), name, above=0)

    def shortened(self, n_iterations: int) -> PaperTraining:
        """Settings of fewer iterations, with as much larger rates.

        Rate times iterations bounds how far weights can go, so that is what is kept.

        Examples
        --------
        >>> PaperTraining(lr_last=1e-5, n_iterations=50_000).shortened(5_000).lr_last
        0.0001
        """
        check_whole(n_iterations, "n_iterations", 1)
        rate = self.lr_last * self.n_iterations / n_iterations
        return dataclasses.replace(self, n_iterations=n_iterations, lr_last=rate)


PAPER = PaperTraining()


def usable_device(name: str) -> str:
    """Device by its name: "auto" is a GPU where there is one.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}

    Returns
    -------
    {"cpu", "cuda"}

    Raises
    ------
    ValueError
        If the name is unknown, or "cuda" is asked for where torch sees no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda, not {name!r}")
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ValueError("device is cuda, but torch sees no GPU here; use auto or cpu")
    return ("cuda" if has_gpu else "cpu") if name == "auto" else name


def train_network(
    backbone: Backbone | None,
    inputs: Callable[[np.ndarray], Tensor] | None,
    features: ArrayLike,
    labels: ArrayLike,
    settings: PaperTraining = PAPER,
    *,
    classes: ArrayLike | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> tuple[SiameseEmbedding, pd.DataFrame]:
    """Train a Siamese network by the paper's rule.

    Parameters
    ----------
    backbone : Backbone or None
        Network whose layers learn, in place. None: they stay as they are, the last layer alone
        learns, on ``features``.
    inputs : callable or None
        Photographs of training, see `visprof.decoded.decoded_inputs`; not used without backbone.
    features : array-like, shape (n, in_features)
        Features of the photographs by the network before it learns: the normalisation starts from
        their statistics.
    labels : array-like, shape (n,)
        Class of each photograph.
    settings : PaperTraining
        Rates, margin, pairs.
    classes : array-like, optional
        Classes to train on; all by default.
    device : {"cpu", "cuda"}
        Where to train.
    checkpoint : str or Path, optional
        File that a training which was stopped goes on from, see `train_siamese`.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    model : SiameseEmbedding
        In evaluation mode.
    log : pandas.DataFrame
        See `visprof.siamese_training.train_siamese`.

    Raises
    ------
    TypeError, ValueError, OSError, FloatingPointError
        As `visprof.scenes.sample_pairs` and `visprof.siamese_training.train_siamese`; ValueError
        also if a class has no photograph, or but one.
    """
    features = np.asarray(features)
    labels = check_groups(labels, len(features), "labels")
    places = _of_classes(labels, classes)
    _, sizes = np.unique(labels[places], return_counts=True)
    fewest = int(sizes.min())
    pairs, similar = sample_pairs(
        labels[places],
        min(settings.n_similar, fewest * (fewest - 1) // 2),
        min(settings.n_dissimilar, fewest**2),
        settings.random_state,
    )
    model = SiameseEmbedding(
        backbone, features.shape[1], settings.n_outputs, settings.normalise, settings.random_state
    )
    calibrate(model, features[places])
    common = {
        "margin": settings.margin, "lr_last": settings.lr_last, "momentum": settings.momentum,
        "batch_size": settings.batch_size, "n_iterations": settings.n_iterations,
        "random_state": settings.random_state, "device": device, "checkpoint": checkpoint,
        "progress": progress,
    }  # fmt: skip
    if backbone is None:
        return model, train_last_layer(model, features, places[pairs], similar, **common)
    return model, train_siamese(
        model, inputs, places[pairs], similar, lr_rest=settings.lr_last / settings.ratio,
        precision=settings.precision, **common,
    )  # fmt: skip


def _of_classes(labels: np.ndarray, classes: ArrayLike | None) -> np.ndarray:
    """Positions of the photographs of some classes, each of which must have two."""
    names, sizes = np.unique(labels, return_counts=True)
    chosen = names if classes is None else np.unique(np.asarray(classes))
    if unknown := sorted(set(chosen.tolist()) - set(names.tolist())):
        raise ValueError(f"no photograph is of class {unknown[0]!r}; classes are those of labels")
    lone = [str(name) for name, n in zip(names, sizes, strict=True) if n < 2 and name in chosen]
    if lone:
        raise ValueError(f"class {lone[0]!r} has one photograph; a similar pair needs two")
    return np.flatnonzero(np.isin(labels, chosen))


def untrained_alexnet(
    classes: Sequence[str], random_state: int = 0, image_size: int = 224
) -> AlexNet:
    """The paper's network before any training, with an output for each class.

    Parameters
    ----------
    classes : sequence of str
        Names of the outputs.
    random_state : int
        Seed of its weights.
    image_size : int
        Side of the input in pixels.

    Returns
    -------
    AlexNet

    Raises
    ------
    TypeError, ValueError
        If the seed is not whole or negative, there is no class, or pictures are too small.
    """
    check_whole(random_state, "random_state", 0)
    check_whole(len(classes), "number of classes", 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state)
        return AlexNet("from scratch", tuple(classes), image_size, output_dim=len(classes))


def train_classifier(
    backbone: Backbone,
    inputs: Callable[[np.ndarray], Tensor],
    codes: ArrayLike,
    *,
    n_iterations: int,
    batch_size: int = 256,
    lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
    random_state: int = 0,
    device: str = "cpu",
    precision: Literal["fp32", "bf16"] = "fp32",
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Train a network as a classifier, from where its weights are, as Places-CNN was.

    Stochastic gradient descent on cross-entropy with AlexNet's rates (Krizhevsky, Sutskever &
    Hinton 2012), a tenth of them after three fifths of the iterations and a hundredth after four;
    dropout; each photograph is mirrored in half of its turns.

    Parameters
    ----------
    backbone : Backbone
        With as many outputs as there are classes. Trained in place, left in evaluation mode.
    inputs : callable
        Photographs, see `visprof.decoded.decoded_inputs`.
    codes : array-like of int, shape (n,)
        Class of each photograph, by its number, 0 to the network's ``output_dim`` - 1.
    n_iterations : int
        Mini-batches.
    batch_size : int
        Photographs in each.
    lr, momentum, weight_decay : float
        Of the descent.
    random_state : int
        Seed of the order of photographs, of dropout and of mirroring.
    device, precision, checkpoint, progress
        As of `visprof.siamese_training.train_siamese`.

    Returns
    -------
    pandas.DataFrame
        About fifty rows, means over the iterations since the one before: ``iteration``, ``loss``,
        ``accuracy`` (of training photographs as they are shown, mirrored and with dropout).

    Raises
    ------
    TypeError
        If a number or a class is not whole.
    ValueError
        If a number is out of range, or a class is none of the network's outputs.
    OSError
        If the checkpoint cannot be written.
    FloatingPointError
        If the loss is not finite.
    """
    codes = np.asarray(codes)
    if not np.issubdtype(codes.dtype, np.integer):
        raise TypeError(f"codes: expected numbers of classes, whole; got {codes.dtype}")
    if codes.ndim != 1 or not len(codes) or codes.min() < 0 or codes.max() >= backbone.output_dim:
        raise ValueError(
            f"codes must have shape (n,) and lie between 0 and {backbone.output_dim - 1}, the "
            f"outputs of {backbone.name}"
        )
    for name, number in (("n_iterations", n_iterations), ("batch_size", batch_size)):
        check_whole(number, name, 1)
    check_whole(random_state, "random_state", 0)
    for name, rate in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
        check_number(rate, name, least=0)
    backbone.to(device)
    optimiser = torch.optim.SGD(
        backbone.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay
    )
    settings = {
        "codes": hashlib.blake2b(codes.tobytes(), digest_size=16).hexdigest(),
        "lr": lr, "momentum": momentum, "weight_decay": weight_decay, "batch_size": batch_size,
        "n_iterations": n_iterations, "random_state": random_state, "precision": precision,
    }  # fmt: skip
    file = Checkpoint(checkpoint, settings)
    rows = file.restore(backbone, optimiser)
    start = int(rows[-1][0]) if rows else 0
    order = passes(np.arange(len(codes)), batch_size, np.random.default_rng(random_state))
    fetched = fetched_ahead(islice(order, start, n_iterations), inputs)
    bar = tqdm(fetched, "classifier", n_iterations, initial=start, disable=not progress)
    log_every, since = max(1, n_iterations // 50), []
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    # dropout and mirroring draw from torch's own stream, begun anew in each iteration: so a
    # training that goes on draws what it would have drawn
    with torch.random.fork_rng(devices), arithmetic(device, "fp32"):
        backbone.train()
        for iteration, (batch, x) in enumerate(bar, start + 1):
            torch.manual_seed(random_state * 2**32 + iteration)
            tenths = sum(iteration > share * n_iterations for share in (0.6, 0.8))
            for group in optimiser.param_groups:
                group["lr"] = lr * 0.1**tenths
            x = x.to(device)
            mirrored = torch.rand(len(x), device=device)[:, None, None, None] < 0.5
            target = torch.from_numpy(codes[batch]).to(device)
            with arithmetic(device, precision):
                outputs = backbone(torch.where(mirrored, x.flip(3), x))[1]
            loss = F.cross_entropy(outputs.float(), target)
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"loss is {loss.item()} at iteration {iteration} with {lr=}; lower the rate"
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            since.append((loss.item(), (outputs.argmax(1) == target).float().mean().item()))
            if iteration % log_every == 0 or iteration == n_iterations:
                rows.append((iteration, *np.mean(since, axis=0).tolist()))
                since = []
                file.save(backbone, optimiser, rows)
    backbone.eval()
    return pd.DataFrame(rows, columns=["iteration", "loss", "accuracy"])
