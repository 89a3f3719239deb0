"""Batch normalisation folded into convolutions, against the networks as they are."""

from __future__ import annotations

import logging
import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from visprof.architectures import import_timm
from visprof.folding import fold_batch_norm

KINDS = nn.Conv2d, nn.BatchNorm2d


def trained(network: nn.Module, seed: int = 0) -> nn.Module:
    """Give normalisations means, variances, scales and shifts, as training does."""
    torch.manual_seed(seed)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            for of in (norm.running_mean, norm.bias, norm.running_var, norm.weight):
                if of is not None:
                    of.data = torch.rand_like(of) + (0.5 if of is norm.running_var else -0.2)
    return network.eval()


def kinds(network: nn.Module) -> list[int]:
    return [sum(isinstance(of, kind) for of in network.modules()) for kind in KINDS]


@pytest.mark.parametrize("name", ["lite0", "squeezenet", "alexnet", "resnet18", "timm_vit"])
def test_every_network_gives_the_same_without_its_normalisations(request, name, pixels):
    network = trained(deepcopy(request.getfixturevalue(name)))
    before = {key: of.clone() for key, of in network.state_dict().items()}
    folded = fold_batch_norm(network, pixels[:2])
    assert kinds(folded) == [kinds(network)[0], 0]
    with torch.inference_mode():
        for expected, found in zip(network(pixels), folded(pixels), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max())
    after = network.state_dict()
    assert all(torch.equal(of, after[key]) for key, of in before.items())


def test_equation_14_by_plain_loops():
    network = trained(nn.Sequential(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3)))
    convolution, norm = deepcopy(network)
    folded = fold_batch_norm(network, torch.rand(1, 2, 4, 4))[0]
    for channel in range(3):
        scale = norm.weight[channel] / np.sqrt(norm.running_var[channel].item() + norm.eps)
        shift = (convolution.bias[channel] - norm.running_mean[channel]) * scale
        torch.testing.assert_close(folded.weight[channel], convolution.weight[channel] * scale)
        torch.testing.assert_close(folded.bias[channel], shift + norm.bias[channel])


class Net(nn.Module):
    """Two convolutions and a normalisation, which a way leads through."""

    def __init__(self, way) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.norm, self.way = nn.BatchNorm2d(3), way

    def forward(self, x):
        return self.way(self, x)


@pytest.mark.parametrize(
    "way",
    [
        lambda net, x: net.norm(x),
        lambda net, x: net.norm(F.relu(net.first(x))),
        lambda net, x: net.norm(net.first(x).relu_()),
        lambda net, x: net.norm(net.first(x) + net.second(x)),
        lambda net, x: net.norm(net.first(net.first(x))),
        lambda net, x: net.norm(net.first(x)) + net.norm(net.second(x)),
    ],
    ids=["nothing before", "relu", "relu in place", "a sum", "run twice", "two before"],
)
def test_what_is_not_a_normalisation_of_one_convolution_stays(way, caplog):
    network, x = trained(Net(way)), torch.rand(2, 3, 4, 4)
    with caplog.at_level(logging.INFO, "visprof"):
        folded = fold_batch_norm(network, x)
    assert kinds(folded)[1] == 1
    assert torch.equal(folded(x), network(x))
    assert not caplog.records


def test_an_output_with_another_use_is_noticed(caplog):
    network = trained(Net(lambda net, x: net.norm(y := net.first(x)) + y))
    with caplog.at_level(logging.INFO, "visprof"):
        assert fold_batch_norm(network, torch.rand(2, 3, 4, 4)) is network
    assert "Net is not folded: results differ" in caplog.text


def test_one_that_normalises_by_the_batch_stays():
    norm = nn.BatchNorm2d(3, track_running_stats=False)
    network = nn.Sequential(nn.Conv2d(3, 3, 1), norm).eval()
    assert kinds(fold_batch_norm(network, torch.rand(2, 3, 4, 4)))[1] == 1


def test_without_scale_shift_or_bias():
    network = trained(
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False))
    )
    x = torch.rand(2, 3, 5, 5)
    folded = fold_batch_norm(network, x)
    assert kinds(folded)[1] == 0
    torch.testing.assert_close(folded(x), network(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("is_last", [True, False])
def test_padding_on_one_side_needs_no_copy(kernel, stride, dilation, is_last):
    """Sides of all remainders by the stride, each with another number of zeros at the end."""
    import_timm()
    from timm.layers import Conv2dSame

    torch.manual_seed(0)
    same = Conv2dSame(4, 4, kernel, stride, dilation=dilation, groups=2)
    network = trained(nn.Sequential(same, nn.BatchNorm2d(4)))
    folded = fold_batch_norm(network, torch.rand(1, 4, 9, 9))
    assert type(folded[0]) is not Conv2dSame
    assert type(network[0]) is Conv2dSame
    layout = torch.channels_last if is_last else torch.contiguous_format
    for height, width in ((9, 9), (9, 10), (10, 11), (11, 9)):
        x = torch.rand(2, 4, height, width).contiguous(memory_format=layout)
        with torch.inference_mode():
            expected, found = network(x), folded(x)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert found.is_contiguous(memory_format=layout)
    assert isinstance(pickle.loads(pickle.dumps(folded))[0], type(folded[0]))
