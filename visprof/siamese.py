"""The Siamese embedding: contrastive loss (Eq. 1) and network (Section V-A)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from visprof._extras import needs
from visprof.architectures import Backbone
from visprof.checks import check_finite, check_groups, check_number, check_whole, listed

with needs("nets"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F

__all__ = ["SiameseEmbedding", "calibrate", "contrastive_loss", "siamese_outputs"]


def contrastive_loss(
    x: Tensor | ArrayLike, y: Tensor | ArrayLike, similar: Tensor | ArrayLike, margin: float
) -> Tensor:
    r"""Contrastive loss of pairs, averaged (Eq. 1).

    .. math:: L = \tfrac12 l D^2 + \tfrac12 (1 - l) \max(0, m - D)^2, \quad D = \|x - y\|_2

    The hinge acts on the distance and is squared (Hadsell, Chopra & LeCun 2006), unlike in
    libraries that hinge on :math:`m - D^2` or leave it linear.

    Parameters
    ----------
    x, y : Tensor or array-like, shape (n, d)
        The two members of each pair.
    similar : Tensor or array-like of bool or 0/1, shape (n,)
        1 for similar pairs (l), 0 for dissimilar ones.
    margin : float
        Distance m from which dissimilar pairs cost nothing, > 0 and finite.

    Returns
    -------
    Tensor, shape ()
        Mean loss. Its gradient is finite everywhere: 0 for coinciding pairs, where the
        direction of the push is not defined.

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no pair, a value of ``x`` or ``y`` is not finite,
        ``similar`` holds another value than 0 and 1 (the rows are named), the margin is not
        positive and finite, or the members of a pair are so far apart that the loss is not finite.

    Examples
    --------
    >>> x, y = [[0.0, 0.0], [0.0, 0.0]], [[3.0, 4.0], [3.0, 4.0]]  # both pairs are 5 apart
    >>> contrastive_loss(x, y, similar=[1, 0], margin=7.0).item()  # (5**2 / 2 + 2**2 / 2) / 2
    7.25
    """
    x, y, similar = _checked_pairs(x, y, similar, margin)
    loss = mean_loss(x, y, similar, margin)
    check_finite(loss.detach().cpu(), "loss")
    return loss


def mean_loss(x: Tensor, y: Tensor, similar: Tensor, margin: float) -> Tensor:
    """`contrastive_loss` of pairs that are known to be good, in a training's every step."""
    squared = (x - y).square().sum(dim=1)
    hinge = (margin - _safe_sqrt(squared)).clamp(min=0)
    return (0.5 * torch.where(similar, squared, hinge.square())).mean()


def _safe_sqrt(squared: Tensor) -> Tensor:
    """Square root whose gradient at 0 is 0 instead of infinite."""
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1).sqrt(), 0)


def _checked_pairs(
    x: Tensor | ArrayLike, y: Tensor | ArrayLike, similar: Tensor | ArrayLike, margin: float
) -> tuple[Tensor, Tensor, Tensor]:
    x, y = (torch.as_tensor(a) for a in (x, y))
    x, y = (a if a.is_floating_point() else a.to(torch.get_default_dtype()) for a in (x, y))
    if x.ndim != 2 or x.shape != y.shape or len(x) == 0:
        raise ValueError(
            f"x and y must both have shape (n, d) with n > 0, not {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    for name, members in (("x", x), ("y", y)):
        wrong = ~members.isfinite().all(dim=1)
        if wrong.any():
            rows = wrong.nonzero().flatten().tolist()
            raise ValueError(f"{name}: values are not finite in row(s) {listed(rows)}")
    if isinstance(similar, Tensor):
        similar = similar.detach().cpu().numpy()
    check_number(margin, "margin", above=0)
    return x, y, torch.as_tensor(checked_similar(similar, len(x)), device=x.device)


def checked_similar(similar: ArrayLike, n: int) -> np.ndarray:
    """Whether each of `n` pairs is similar, as bool."""
    similar = check_groups(similar, n, "similar")
    wrong = np.flatnonzero((similar != 0) & (similar != 1))
    if len(wrong):
        values = listed(np.unique(similar[wrong]))
        raise ValueError(
            f"similar must hold 0 and 1 only, not {values}, as in row(s) {listed(wrong)}"
        )
    return similar.astype(bool)


class SiameseEmbedding(nn.Module):
    """One branch of the Siamese network: trunk, last linear layer, normalisation (Figure 3).

    The trunk is of single precision. What follows it is of double precision: its sums differ
    between processors, and in float32 a training would make of such a difference another network.

    Parameters
    ----------
    backbone : Backbone or None
        Network whose features feed the last layer. None where the trunk stays as it is and its
        features, computed once, are fed directly.
    in_features : int
        Width of these features.
    n_outputs : int
        Width of the embedding (205 in the paper).
    output_norm : {"batch", "l2"}
        "batch" (the paper): each output has zero mean and unit variance within a training batch,
        and by running estimates afterwards; no learnt scale, since none is mentioned. Random
        pairs then lie near sqrt(2 * n_outputs) apart, so judge a margin against that. "l2":
        outputs of length 1, distances at most 2.
    random_state : int
        Seed of the last layer's weights: N(0, 0.01^2), zero bias, as AlexNet's own.

    Raises
    ------
    TypeError
        If a width is no whole number.
    ValueError
        If a width is less than 1, or not the backbone's, or ``output_norm`` is unknown.

    Notes
    -----
    The trunk is always in evaluation mode (no dropout, batch-norm statistics kept), also where
    its weights are trained, so that a picture's features depend on that picture alone.
    """

    def __init__(
        self,
        backbone: Backbone | None,
        in_features: int,
        n_outputs: int = 205,
        output_norm: Literal["batch", "l2"] = "batch",
        random_state: int = 0,
    ) -> None:
        super().__init__()
        check_whole(in_features, "in_features", 1)
        check_whole(n_outputs, "n_outputs", 1)
        if backbone is not None and backbone.feature_dim != in_features:
            raise ValueError(
                f"in_features={in_features} but {backbone.name} has {backbone.feature_dim} features"
            )
        if output_norm not in ("batch", "l2"):
            raise ValueError(f"output_norm must be 'batch' or 'l2', not {output_norm!r}")
        self.backbone = backbone
        self.last = nn.utils.skip_init(nn.Linear, in_features, n_outputs, dtype=torch.float64)
        generator = torch.Generator().manual_seed(random_state)
        nn.init.normal_(self.last.weight, std=0.01, generator=generator)
        nn.init.zeros_(self.last.bias)
        self.output_norm = (
            nn.BatchNorm1d(n_outputs, affine=False, dtype=torch.float64)
            if output_norm == "batch"
            else _UnitLength()
        )
        self.train(self.training)

    def train(self, mode: bool = True) -> SiameseEmbedding:
        """Set the mode of the last layer and its normalisation; the trunk stays in evaluation."""
        super().train(mode)
        if self.backbone is not None:
            self.backbone.eval()
        return self

    def features(self, x: Tensor) -> Tensor:
        """Trunk features (n, in_features) of pictures; of features, themselves."""
        return x if self.backbone is None else self.backbone.features(x)

    def head(self, features: Tensor) -> Tensor:
        """Embedding (n, n_outputs), float64, of trunk features (n, in_features)."""
        return self.output_norm(self.last(features.double()))

    def forward(self, x: Tensor) -> Tensor:
        """Embedding (n, n_outputs) of prepared pictures, or of features without a backbone."""
        return self.head(self.features(x))


class _UnitLength(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=1)


def calibrate(model: SiameseEmbedding, features: ArrayLike) -> SiameseEmbedding:
    """Set the normalisation's statistics to those of given pictures, as if trained at rate 0.

    Parameters
    ----------
    model : SiameseEmbedding
        Changed in place: outputs of ``features`` get zero mean and unit variance if it
        normalises by batches; otherwise it is left as it is. Its mode is kept.
    features : array-like, shape (n, in_features)
        Trunk features, n > 1.

    Returns
    -------
    SiameseEmbedding
        ``model``.

    Raises
    ------
    ValueError
        If ``features`` has another shape, fewer than two rows, or values that are not finite, or
        so large that the statistics are not (``model`` is then left as it is).
    """
    features = checked_features(features, model)
    if len(features) < 2:
        raise ValueError(f"features: a variance needs at least 2 rows, got {len(features)}")
    if isinstance(model.output_norm, nn.BatchNorm1d):
        with torch.inference_mode():
            outputs = model.last(torch.from_numpy(double_precision(features, 0)))
            mean, var = outputs.mean(0), outputs.var(0)
            check_finite(torch.stack([mean, var]), "statistics of the outputs")
            model.output_norm.running_mean.copy_(mean)
            model.output_norm.running_var.copy_(var)
    return model


def checked_features(features: ArrayLike, model: SiameseEmbedding) -> np.ndarray:
    """Features as an array (n, in_features); rows of a memory map are not read."""
    features = np.asarray(features)
    if features.ndim != 2 or features.shape[1] != model.last.in_features:
        raise ValueError(
            f"features must have shape (n, {model.last.in_features}), not {features.shape}"
        )
    return features


def double_precision(features: np.ndarray, places: int | np.ndarray) -> np.ndarray:
    """A copy in float64; errors name rows by `places`, or numbered from there."""
    double = np.array(features, dtype=np.float64)
    if not np.isfinite(double).all():
        wrong = np.flatnonzero(~np.isfinite(double).all(axis=1))
        rows = wrong + places if isinstance(places, int) else np.unique(places[wrong])
        raise ValueError(
            f"features: values are not finite in row(s) {listed(rows)}; leave these pictures out"
        )
    return double


def siamese_outputs(
    model: SiameseEmbedding, features: ArrayLike, batch_size: int = 4096
) -> np.ndarray:
    """Embed trunk features, with the statistics that training left in the normalisation.

    Parameters
    ----------
    model : SiameseEmbedding
        Trained model; its mode is left as it was. If its trunk was trained, compute
        ``features`` with that trunk (``model.backbone``).
    features : array-like, shape (n, in_features)
        Trunk features, for instance :attr:`visprof.embedding.Features.features`.
    batch_size : int
        Rows at a time; no result depends on it.

    Returns
    -------
    ndarray of float64, shape (n, n_outputs)

    Raises
    ------
    TypeError
        If ``batch_size`` is no whole number.
    ValueError
        If ``features`` has another shape, a value is not finite (the rows are named), or
        the network's outputs of these are not, or ``batch_size`` is less than 1.
    """
    check_whole(batch_size, "batch_size", 1)
    features = checked_features(features, model)
    was_training, device = model.training, model.last.weight.device
    outputs = np.empty((len(features), model.last.out_features))
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(features), batch_size):
                rows = double_precision(features[start : start + batch_size], start)
                embedded = model.head(torch.from_numpy(rows).to(device))
                outputs[start : start + batch_size] = embedded.cpu().numpy()
    finally:
        model.train(was_training)
    return check_finite(outputs, "outputs of the network")
