"""Networks that turn a picture into features and outputs: their layers, before any weights.

Each says which of its layers is the paper's "last fully connected layer" (``last_layer``), and how
a picture is cropped, scaled and normalised for it.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from visprof._extras import needs
from visprof.weights import load_state

with needs("nets"):
    import torch
    from torch import Tensor, nn
    from torch.nn import functional as F

__all__ = [
    "AlexNet", "Backbone", "EfficientNetLite0", "ResNet18", "ResNet50", "SqueezeNetPlaces365",
    "TimmModel",
]  # fmt: skip

MIN_IMAGE_SIZE = 64  # AlexNet's pools leave nothing of smaller pictures


class Backbone(nn.Module, ABC):
    """A network with a penultimate layer ("features") and a last layer ("outputs").

    Sub-classes say how pixels are normalised and which layers these two are.

    Parameters
    ----------
    weights : str
        Where the weights come from, in words.
    classes : tuple of str, optional
        Names of the outputs; None where they are not known.
    image_size : int
        Side S of the square input, pixels.

    Attributes
    ----------
    name : str
        Name that :func:`visprof.backbones.load_backbone` knows it by.
    feature_dim, output_dim : int
        Widths of features and outputs.
    outputs : str
        What the outputs are, in words.
    last_layer : str
        Which layer is the last fully connected one, in words.
    crop_share : float
        Share of the picture's sides that the input shows.
    """

    name: str
    feature_dim: int
    output_dim: int
    outputs: str
    last_layer: str
    crop_share = 0.875  # torchvision's 224/256
    resample = Image.Resampling.BICUBIC
    squash = False  # whether the whole picture, or its centre square, becomes the square input
    fixed_size = False  # whether pictures of `image_size` only can be taken
    memory_format = torch.channels_last  # of pixels in memory; on a GPU in fp32 others are faster

    def __reduce__(self) -> tuple[Any, ...]:
        """As pickled: torchvision is mended, where need be, before layers of timm import it."""
        return _blank, (type(self), "torchvision" in sys.modules), self.__dict__

    def __init__(
        self, weights: str, classes: tuple[str, ...] | None = None, image_size: int = 224
    ) -> None:
        super().__init__()
        self.weights = weights
        self.classes = classes
        self.image_size = checked_size(image_size)

    def prepare(self, image: Image.Image, size: int | None = None) -> Tensor:
        """Crop and scale a picture to the network's input; pixels are normalised later.

        The centre of the picture (of its centre square, unless the network squashes), with
        ``crop_share`` of its sides, is resampled in one step.

        Parameters
        ----------
        image : PIL.Image.Image
            Picture of any size and mode.
        size : int, optional
            Side S in pixels; by default ``image_size``.

        Returns
        -------
        Tensor of uint8, shape (3, S, S)
            RGB.

        Raises
        ------
        ValueError
            If ``size`` is below 64.
        """
        side = self.image_size if size is None else checked_size(size)
        width, height = image.size
        crop_w = self.crop_share * (width if self.squash else min(width, height))
        crop_h = self.crop_share * (height if self.squash else min(width, height))
        left, top = (width - crop_w) / 2, (height - crop_h) / 2
        square = image.convert("RGB").resize(
            (side, side), self.resample, box=(left, top, left + crop_w, top + crop_h)
        )
        return torch.from_numpy(np.array(square)).permute(2, 0, 1)

    def features(self, x: Tensor) -> Tensor:
        """Penultimate features of prepared pictures.

        Parameters
        ----------
        x : Tensor, shape (n, 3, S, S)
            Prepared pictures: uint8, or floats from 0 to 255.

        Returns
        -------
        Tensor, shape (n, feature_dim)

        Raises
        ------
        ValueError
            If ``x`` has another shape.
        """
        return self._features(self._maps(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features and outputs of prepared pictures.

        Parameters
        ----------
        x : Tensor, shape (n, 3, S, S)
            Prepared pictures: uint8, or floats from 0 to 255.

        Returns
        -------
        features : Tensor, shape (n, feature_dim)
        outputs : Tensor, shape (n, output_dim)

        Raises
        ------
        ValueError
            If ``x`` has another shape.
        """
        maps = self._maps(x)
        features = self._features(maps)
        return features, self._outputs(maps, features)

    def fingerprint(self) -> str:
        """Digest of the network's name, input size and every weight: equal for equal networks."""
        digest = hashlib.blake2b(f"{self.name} {self.image_size}".encode(), digest_size=16)
        for key, tensor in self.state_dict().items():
            digest.update(key.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _maps(self, x: Tensor) -> Tensor:
        if self.fixed_size:
            fits, need = {*x.shape[2:]} == {self.image_size}, f"S = {self.image_size}"
        else:
            fits, need = min(x.shape[2:], default=0) >= MIN_IMAGE_SIZE, f"S >= {MIN_IMAGE_SIZE}"
        if x.ndim != 4 or x.shape[1] != 3 or not fits:
            raise ValueError(
                f"x must have shape (n, 3, S, S) with {need}, not {tuple(x.shape)}; stack the "
                "results of prepare()"
            )
        pixels = self._normalise(x.to(torch.float32))
        return self._trunk(pixels.contiguous(memory_format=self.memory_format))

    @abstractmethod
    def _normalise(self, x: Tensor) -> Tensor:
        """Pixels 0 to 255 (n, 3, S, S) to the network's input range."""

    @abstractmethod
    def _trunk(self, x: Tensor) -> Tensor:
        """All layers before the pooling or the fully connected layers."""

    @abstractmethod
    def _features(self, maps: Tensor) -> Tensor:
        """Penultimate features of the trunk's maps."""

    @abstractmethod
    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        """Outputs of the last layer."""


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 (Tan & Le 2019, edge version; 4.7 million weights), ImageNet.

    Features are the input of the last layer, the global average of the last convolution. Pixels
    enter as (x - 127) / 128.
    """

    name = "efficientnet-lite0"
    feature_dim = 1280
    output_dim = 1000
    outputs = "logits of 1,000 ImageNet classes"
    last_layer = "classifier, 1280 to 1000"

    def __init__(self, weights: str, image_size: int = 224) -> None:
        super().__init__(weights, imagenet_classes(), image_size)
        self.network = import_timm().create_model("tf_efficientnet_lite0", pretrained=False)

    def load(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load weights by their order: packages name the same layers differently."""
        own = self.network.state_dict()
        if len(state) != len(own):
            raise ValueError(
                f"{source} holds {len(state)} tensors, {self.name} has {len(own)}; it is cut "
                "short or belongs to another network"
            )
        load_state(self.network, dict(zip(own, state.values(), strict=True)), source)

    def _normalise(self, x: Tensor) -> Tensor:
        return (x - 127) / 128

    def _trunk(self, x: Tensor) -> Tensor:
        return self.network.forward_features(x)

    def _features(self, maps: Tensor) -> Tensor:
        return self.network.forward_head(maps, pre_logits=True)

    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        return self.network.classifier(features)


class SqueezeNetPlaces365(Backbone):
    """SqueezeNet 1.1 (Iandola et al. 2016; 0.9 million weights), Places365.

    The last layer, ``conv10``, convolves to 365 maps whose averages are the outputs. Features are
    the global average of its input, ``fire9`` (512). Every convolution, ``conv10`` too, is followed
    by a leaky ReLU of slope 0.55. The picture is squashed to a square; pixels enter as BGR less the
    mean picture, divided by 255.

    Examples
    --------
    >>> network = SqueezeNetPlaces365("random", image_size=64)
    >>> picture = network.prepare(Image.new("RGB", (100, 80)))
    >>> features, outputs = network(picture[None])
    >>> tuple(features.shape), tuple(outputs.shape)
    ((1, 512), (1, 365))
    """

    name = "squeezenet-places365"
    feature_dim = 512
    output_dim = 365
    outputs = "logits of 365 Places classes"
    last_layer = "conv10, a 1x1 convolution: there is no fully connected layer"
    resample = Image.Resampling.BILINEAR
    squash = True
    _MEAN_SIDE = 256  # side of the mean picture

    def __init__(
        self, weights: str, classes: tuple[str, ...] | None = None, image_size: int = 224
    ) -> None:
        super().__init__(weights, classes, image_size)
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1)
        widths = [(64, 16), (128, 16), (128, 32), (256, 32)]
        widths += [(256, 48), (384, 48), (384, 64), (512, 64)]
        for number, (width, squeeze) in enumerate(widths, start=2):
            expand = squeeze * 4
            self.add_module(f"fire{number}", _Fire(width, squeeze, expand))
        self.conv10 = nn.Conv2d(512, self.output_dim, 1)
        self.register_buffer(
            "mean_image_bgr", torch.full((3, self._MEAN_SIDE, self._MEAN_SIDE), 127.5)
        )

    def load(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load weights by their names."""
        load_state(self, state, source)

    def _normalise(self, x: Tensor) -> Tensor:
        margin = round(self._MEAN_SIDE * (1 - self.crop_share) / 2)
        mean = self.mean_image_bgr[:, margin:-margin, margin:-margin]
        if mean.shape[1:] != x.shape[2:]:
            mean = F.interpolate(mean[None], x.shape[2:], mode="bilinear", antialias=True)[0]
        return (x.flip(1) - mean) / 255

    def _trunk(self, x: Tensor) -> Tensor:
        x = _pool(_leaky(self.conv1(x)))
        x = _pool(self.fire3(self.fire2(x)))
        x = _pool(self.fire5(self.fire4(x)))
        return self.fire9(self.fire8(self.fire7(self.fire6(x))))

    def _features(self, maps: Tensor) -> Tensor:
        return maps.float().mean((2, 3))

    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        return _leaky(self.conv10(maps)).float().mean((2, 3))


class _Fire(nn.Module):
    """Squeeze to few maps, then expand by 1x1 and 3x3 convolutions side by side."""

    def __init__(self, width: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(width, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = _leaky(self.squeeze1x1(x))
        return torch.cat([_leaky(self.expand1x1(x)), _leaky(self.expand3x3(x))], dim=1)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, negative_slope=0.55)


def _pool(x: Tensor) -> Tensor:
    return F.max_pool2d(x, kernel_size=3, stride=2)


class _Standardised(Backbone):
    """A network whose pixels enter less a mean colour, divided by a standard deviation."""

    def __init__(
        self,
        network: nn.Module,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        weights: str,
        classes: tuple[str, ...] | None,
        image_size: int,
    ) -> None:
        super().__init__(weights, classes, image_size)
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(mean), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std), persistent=False)

    def load(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load weights by their names."""
        load_state(self.network, state, source)

    def _normalise(self, x: Tensor) -> Tensor:
        return (x - self.mean[:, None, None]) / self.std[:, None, None]


class TorchvisionModel(_Standardised):
    """A classifier as torchvision builds it, with as many classes as the weights have."""

    resample = Image.Resampling.BILINEAR
    last_key: str  # the last layer's name in a state dict

    def __init__(
        self,
        weights: str,
        classes: tuple[str, ...] | None = None,
        image_size: int = 224,
        output_dim: int = 1000,
    ) -> None:
        network = torchvision_models().get_model(self.name, weights=None, num_classes=output_dim)
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
        super().__init__(network, mean, std, weights, classes, image_size)
        self.output_dim = output_dim
        self.outputs = f"logits of {output_dim:,} classes"
        self.last_layer = _layer_in_words(self.last_key, self.feature_dim, output_dim)


class AlexNet(TorchvisionModel):
    """AlexNet (Krizhevsky 2014, as in torchvision; 61 million weights), the paper's network.

    Features are the input of the last layer, the 4096 rectified values of the layer before.
    Pixels enter with ImageNet's mean and standard deviation.
    """

    name = "alexnet"
    feature_dim = 4096
    last_key = "classifier.6"

    def _trunk(self, x: Tensor) -> Tensor:
        return self.network.avgpool(self.network.features(x))

    def _features(self, maps: Tensor) -> Tensor:
        return self.network.classifier[:-1](maps.flatten(1))

    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        return self.network.classifier[-1](features)


class ResNet18(TorchvisionModel):
    """ResNet-18 (He et al. 2016, as in torchvision; 12 million weights).

    Features are the input of the last layer, the global average of the last convolution. Pixels
    enter with ImageNet's mean and standard deviation.
    """

    name = "resnet18"
    feature_dim = 512
    last_key = "fc"

    def _trunk(self, x: Tensor) -> Tensor:
        net = self.network
        x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
        return net.layer4(net.layer3(net.layer2(net.layer1(x))))

    def _features(self, maps: Tensor) -> Tensor:
        return self.network.avgpool(maps).flatten(1)

    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        return self.network.fc(features)


class ResNet50(ResNet18):
    """ResNet-50 (He et al. 2016, as in torchvision; 26 million weights), else as ResNet-18."""

    name = "resnet50"
    feature_dim = 2048


class TimmModel(_Standardised):
    """Any model of timm (Wightman 2019, https://github.com/huggingface/pytorch-image-models).

    Features are what timm calls pre-logits, the pooled input of the model's classifier. Where
    there is no classifier (DINOv2), the outputs are the features. Crop, resampling, mean and
    standard deviation of pixels are those that timm publishes for the model.

    Parameters
    ----------
    name : str
        "timm:" and timm's name of the model.
    network : nn.Module
        The model.
    weights, classes, image_size
        As for :class:`Backbone`.

    Raises
    ------
    AssertionError, RuntimeError
        By the model, if it cannot take pictures of ``image_size``.
    """

    def __init__(
        self,
        name: str,
        network: nn.Module,
        weights: str,
        classes: tuple[str, ...] | None,
        image_size: int,
    ) -> None:
        config = import_timm().data.resolve_model_data_config(network)
        super().__init__(network, config["mean"], config["std"], weights, classes, image_size)
        self.name = name
        self.resample = Image.Resampling[config["interpolation"].upper()]
        self.crop_share = config["crop_pct"]
        self.squash = config["crop_mode"] == "squash"
        self.fixed_size = bool(network.pretrained_cfg["fixed_input_size"])
        # one picture shows the widths, and whether the model takes this size, for any timm model
        network.eval()
        with torch.no_grad():
            features, outputs = self(torch.zeros(1, 3, image_size, image_size))
        self.feature_dim, self.output_dim = features.shape[1], outputs.shape[1]
        if network.num_classes:
            self.outputs = f"{self.output_dim:,} outputs of the last layer"
            keys = " and ".join(classifier_keys(network.pretrained_cfg["classifier"]))
            self.last_layer = _layer_in_words(keys, self.feature_dim, self.output_dim)
        else:
            self.outputs = "the features again, as the model has no classifier"
            self.last_layer = "none: the model has no classifier"

    def load(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load weights by their names, also the older names and other picture sizes timm knows."""
        module = inspect.getmodule(type(self.network))  # one of timm: no code of this package
        translate = getattr(module, "checkpoint_filter_fn", None)  # timm has one per family
        if translate is not None:
            # another network's names may be beyond it; then they are named as they are in the file
            with suppress(KeyError):
                state = translate(dict(state), self.network)
        super().load(state, source)

    def _trunk(self, x: Tensor) -> Tensor:
        return self.network.forward_features(x)

    def _features(self, maps: Tensor) -> Tensor:
        return self.network.forward_head(maps, pre_logits=True)

    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        return self.network.forward_head(maps)  # averages where there are two classifiers


def checked_size(size: int) -> int:
    """A side of pictures in pixels; ValueError if it is below `MIN_IMAGE_SIZE`."""
    if size < MIN_IMAGE_SIZE:
        raise ValueError(f"pictures need a side of at least {MIN_IMAGE_SIZE} pixels, not {size}")
    return size


def torchvision_models() -> ModuleType:
    """The module ``torchvision.models``."""
    from visprof._torchvision import torchvision  # slow to import, and seldom needed

    return torchvision.models


def imagenet_classes() -> tuple[str, ...]:
    """Names of ImageNet's 1,000 classes, in the order of outputs."""
    return tuple(torchvision_models().AlexNet_Weights.IMAGENET1K_V1.meta["categories"])


def _blank(kind: type[Backbone], of_torchvision: bool) -> Backbone:
    """A network that is about to be filled; of what its layers are made is imported."""
    if of_torchvision:
        torchvision_models()
    return kind.__new__(kind)


def import_timm() -> ModuleType:
    """The package timm."""
    with needs("nets"):
        from visprof import _torchvision  # noqa: F401, I001  (before timm, which needs it mended)
        import timm  # slow to import, and seldom needed

    return timm


def classifier_keys(classifier: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Names of a timm model's last layers: a few have two, some name none."""
    return (classifier or "head",) if not isinstance(classifier, tuple) else classifier


def _layer_in_words(key: str, n_in: int, n_out: int) -> str:
    """E.g. "classifier[6], 4096 to 365" of "classifier.6"."""
    return re.sub(r"\.(\d+)", r"[\1]", key) + f", {n_in} to {n_out}"
