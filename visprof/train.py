"""The command ``visprof train``: the paper's training on folders of photographs, and its Table 1.

All that takes long is kept in a folder (pixels, the training's state), so that the same call goes
on where it was stopped.
"""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visprof import processes
from visprof._extras import needs
from visprof.architectures import Backbone
from visprof.backbones import load_backbone
from visprof.checks import check_whole
from visprof.decoded import decode_pictures, decoded_inputs, embed_decoded
from visprof.files import replacing
from visprof.paper_training import (
    PAPER,
    PaperTraining,
    train_classifier,
    train_network,
    untrained_alexnet,
    usable_device,
)
from visprof.probes import label_embeddings
from visprof.results.trainings import write_training
from visprof.scene_table import (
    random_values,
    rank_embeddings,
    table_one,
    table_values,
    with_hybrids,
)
from visprof.scenes import read_scenes
from visprof.siamese import SiameseEmbedding, calibrate, siamese_outputs

with needs("nets"):
    import torch

__all__ = ["LAYERS", "Training", "train_on_folders"]

LAYERS = ("all", "last")
CLASSIFIER_ITERATIONS = 5_000
DIFFERENCES = (
    ("hybrid", "cnn"), ("siamese", "cnn"), ("siamese", "untrained"), ("hybrid", "probe"),
)  # fmt: skip


@dataclass(frozen=True)
class Training:
    """What a training gave.

    Attributes
    ----------
    network : Path
        State dict of the Siamese network (`visprof.siamese.SiameseEmbedding`).
    record : Path
        Settings, curves, Table 1 and provenance, as JSON.
    log : pandas.DataFrame
        See `visprof.siamese_training.train_siamese`.
    table : dict
        See `visprof.scene_table.table_values`; empty without test photographs.
    """

    network: Path
    record: Path
    log: pd.DataFrame
    table: dict[str, dict[str, dict[str, float]]]


def train_on_folders(
    train: str | Path,
    test: str | Path | None = None,
    *,
    out: str | Path,
    name: str = "training",
    backbone: str = "squeezenet-places365",
    weights: str | Path | None = None,
    image_size: int | None = None,
    settings: PaperTraining = PAPER,
    layers: str = "all",
    from_scratch: bool = False,
    classifier_iterations: int = CLASSIFIER_ITERATIONS,
    device: str = "auto",
    folder: str | Path | None = None,
    progress: bool = True,
) -> Training | None:
    """Train a Siamese network on photographs in class folders; rank others by it (Table 1).

    Several processes (`visprof.processes.joined`) train all layers as one. They must see the same
    folders.

    Parameters
    ----------
    train : str or Path
        Folder of training photographs, see `visprof.scenes.read_scenes`.
    test : str or Path, optional
        Folder of photographs to rank; their classes may be others.
    out : str or Path
        Folder for pixels, checkpoints, the network and the record.
    name : str
        Of the record and the network: small letters, digits and hyphens.
    backbone, weights, image_size
        The network that training begins from, see `visprof.backbones.load_backbone`.
    settings : PaperTraining
        Rates, margin, pairs, iterations.
    layers : {"all", "last"}
        Which layers learn.
    from_scratch : bool
        Begin from an AlexNet that is trained here as a classifier of the training photographs.
    classifier_iterations : int
        Of that classifier, 256 photographs each.
    device : {"auto", "cpu", "cuda"}
        Where networks run.
    folder : str or Path, optional
        Where the record is kept; by default in `out`.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    Training or None
        Of several processes, the first has it.

    Raises
    ------
    FileNotFoundError
        If a folder or the file of weights does not exist.
    ValueError
        If an argument is out of range, the network's weights are missing or broken, a folder holds
        no class, a picture cannot be read, or the folder `out` holds a training with other
        settings; the message says which. If several processes are to train the last layer alone.
    OSError
        If something cannot be written.
    FloatingPointError
        If the loss is not finite.
    """
    if layers not in LAYERS:
        raise ValueError(f"layers must be one of {', '.join(LAYERS)}, not {layers!r}")
    check_whole(classifier_iterations, "classifier_iterations", 1)
    if layers == "last" and processes.count() > 1:
        raise ValueError("layers='last' is trained by one process; more have nothing to share")
    device, out = usable_device(device), Path(out)
    out.mkdir(parents=True, exist_ok=True)
    scenes = read_scenes(train)
    tested = None if test is None else read_scenes(test)
    labels, start = scenes["label"].to_numpy(), time.perf_counter()
    progress = progress and processes.is_first()
    n_workers, common = os.cpu_count() or 1, {"device": device, "progress": progress}

    def inputs_of(part: str, photographs: pd.DataFrame, network: Backbone) -> Any:
        with processes.first_alone():
            pixels = decode_pictures(
                photographs["image"].tolist(), network, out / f"{part}.pixels", n_workers, progress
            )
        return decoded_inputs(pixels, device)

    found: dict[str, Any] = {"classes": len(set(labels)), "photographs": len(labels)}
    if from_scratch:
        names, codes = np.unique(labels, return_inverse=True)
        trunk = untrained_alexnet(names, settings.random_state, image_size or 224)
        inputs = inputs_of("train", scenes, trunk)
        with processes.first_alone():  # the others take its weights from the checkpoint
            classifier_log = train_classifier(
                trunk, inputs, codes, n_iterations=classifier_iterations,
                batch_size=settings.batch_size, random_state=settings.random_state,
                precision=settings.precision, checkpoint=out / "classifier.checkpoint", **common,
            )  # fmt: skip
        found["classifier"] = classifier_log.to_dict("list")
    else:
        trunk = load_backbone(backbone, weights, image_size)
        inputs = inputs_of("train", scenes, trunk)
    features, _ = embed_decoded(trunk, inputs, len(labels), **common)
    untrained = SiameseEmbedding(
        None, trunk.feature_dim, settings.n_outputs, settings.normalise, settings.random_state
    )
    calibrate(untrained, features)
    if tested is not None:  # as the network sees them before its layers learn
        test_inputs = inputs_of("test", tested, trunk)
        test_features, cnn = embed_decoded(trunk, test_inputs, len(tested), **common)
    began = time.perf_counter()
    model, log = train_network(
        trunk if layers == "all" else None, inputs, features, labels, settings,
        checkpoint=out / "siamese.checkpoint", **common,
    )  # fmt: skip
    hours = (time.perf_counter() - began) / 3600
    if tested is not None:
        learnt = test_features
        if layers == "all":
            learnt, _ = embed_decoded(trunk, test_inputs, len(tested), **common)
    if not processes.is_first():
        return None
    network = out / f"{name}.pt"
    with replacing(network) as file:
        torch.save({key: of.cpu() for key, of in model.state_dict().items()}, file)
    table = {}
    if tested is not None:
        embeddings = {
            **with_hybrids(cnn, siamese_outputs(model, learnt)),
            "untrained": siamese_outputs(untrained, test_features),
            **label_embeddings(features, labels, test_features),
        }
        classes = tested["label"].to_numpy()
        ranked = rank_embeddings(embeddings, classes)
        table = table_values(
            table_one(
                {name: [of] for name, of in ranked.items()}, random_values(classes), DIFFERENCES
            )
        )
        found["test_photographs"] = len(tested)
    found |= {
        "network": trunk.name, "weights": trunk.weights, "layers": layers,
        "settings": dataclasses.asdict(settings), "hours_of_training": hours,
        "hours": (time.perf_counter() - start) / 3600, "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "processes": processes.count(),
        "log": log.to_dict("list"), "table": table,
    }  # fmt: skip
    record = write_training(name, found, out if folder is None else folder)
    return Training(network, record, log, table)
