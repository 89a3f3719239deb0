"""Batch normalisation folded into convolutions: the same network for inference, with less work.

So does padding on one side, which TensorFlow has, and timm's networks that come from there: torch
copies all of a layer for it.
"""

from __future__ import annotations

import logging
from collections import Counter
from copy import deepcopy
from typing import TypeVar

from visprof._extras import needs

with needs("nets"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F
    from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fold_batch_norm"]

log = logging.getLogger("visprof")

_EQUAL = 1e-3  # largest difference of an output, in units of the largest output

Network = TypeVar("Network", bound=nn.Module)


def fold_batch_norm(network: Network, x: Tensor) -> Network:
    r"""Copy a network for inference; its convolutions do what normalisations after them did.

    In evaluation mode batch normalisation is linear, with mean :math:`\mu`, variance
    :math:`\sigma^2`, scale :math:`\gamma` and shift :math:`\beta` of each channel. A convolution
    of weights W and bias b before it does it, too, with (Jacob et al. 2018, Eq. 14)

    .. math:: W' = \frac{\gamma W}{\sqrt{\sigma^2 + \epsilon}}, \qquad
        b' = \beta + \frac{\gamma (b - \mu)}{\sqrt{\sigma^2 + \epsilon}}.

    Parameters
    ----------
    network : nn.Module
        Any network; it stays as it is. Its result is a tensor or several.
    x : Tensor
        An input of it, to see what follows on what.

    Returns
    -------
    nn.Module
        In evaluation mode, equal but for rounding; what no convolution is before stays. Or the
        network itself, with a line in the log, if results would be others, as where the output of
        a convolution is used by more than a normalisation.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    >>> fold_batch_norm(network, torch.zeros(1, 3, 5, 5))
    Sequential(
      (0): Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
      (2): ReLU()
    )
    """
    folded = deepcopy(network).eval()
    pairs = _pairs(folded, x)
    names = {module: name for name, module in folded.named_modules()}
    for convolution, norm in pairs:
        kind = convolution.weight.dtype
        both = fuse_conv_bn_eval(convolution.double(), norm.double()).to(kind)
        folded.set_submodule(names[convolution], both)
        # timm's normalisations are activations, too
        folded.set_submodule(names[norm], getattr(norm, "act", nn.Identity()))
    for module in folded.modules():
        if type(module).__name__ == "Conv2dSame":  # without an import of timm, which is slow
            module.__class__ = _ConvolutionOfSameSize
    if not _alike(network, folded, x):
        log.info("batch normalisation of %s is not folded: results differ", type(network).__name__)
        return network
    return folded.requires_grad_(False)


class _ConvolutionOfSameSize(nn.Conv2d):
    """Convolution that pads as TensorFlow's SAME: where the number is odd, one more at the end.

    It pads by a whole stride more at both ends, and leaves out the output that this adds.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, c, H / stride, W / stride), rounded up."""
        padding, parts = [], []
        for side, kernel, stride, dilation in zip(
            x.shape[2:], self.kernel_size, self.stride, self.dilation, strict=True
        ):
            n = -(-side // stride)
            total = max((n - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            padding.append(total // 2 + (stride if total % 2 else 0))
            parts.append(slice(total % 2, total % 2 + n))
        maps = F.conv2d(
            x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )[..., parts[0], parts[1]]
        is_last = x.is_contiguous(memory_format=torch.channels_last)
        return maps.contiguous(
            memory_format=torch.channels_last if is_last else torch.contiguous_format
        )


def _pairs(network: nn.Module, x: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions and the normalisations of what they gave, of those that are run once."""
    given: dict[int, tuple[nn.Conv2d, Tensor, int]] = {}  # tensors stay, and so do their ids
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def note(module: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        given[id(output)] = module, output, output._version

    def look(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        convolution, _, version = given.get(id(inputs[0]), (None, None, 0))
        if convolution is not None and version == inputs[0]._version:  # not changed in place
            pairs.append((convolution, norm))

    hooks = [
        module.register_forward_hook(note)
        if isinstance(module, nn.Conv2d)
        else module.register_forward_pre_hook(look)
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d)
    ]
    with torch.no_grad():
        network(x)
    for hook in hooks:
        hook.remove()
    runs = Counter([of for of, *_ in given.values()] + [norm for _, norm in pairs])
    return [
        (convolution, norm)
        for convolution, norm in pairs
        if runs[convolution] == runs[norm] == 1 and norm.running_mean is not None
    ]


def _alike(one: nn.Module, other: nn.Module, x: Tensor) -> bool:
    """Whether two networks give the same for an input, but for rounding."""
    with torch.no_grad():
        results = [of if isinstance(of, tuple) else (of,) for of in (one(x), other(x))]
    return all(
        bool((a - b).abs().max() <= _EQUAL * a.abs().max()) for a, b in zip(*results, strict=True)
    )
