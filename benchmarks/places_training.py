"""The paper's training on a GPU, within a time: all layers of a network learn (Section V-A).

Runs go by importance for as long as the time lasts; the iterations of each are as many as let the
first three take `--main-share` of it, with the paper's rate times iterations kept:

1. margin 20 on all classes;
2. half of the classes, tested on the other half, and the other way;
3. margins 10 and 1;
4. the paper's AlexNet from scratch (a classifier first); then margin 25.

    python -m benchmarks.places_training --data DIR --weights FILE --out OUT --budget 480

`DIR` holds `train/CLASS/*.jpg` and `test/CLASS/*.jpg`. `OUT/log.json` is written after each run,
and `OUT/RUN.npz` holds what the trained network makes of the test photographs (float32). While the
GPU learns, processes of the CPU do what needs no layer but the last to learn: all other rows of
Table 1, on all classes and on halves of them, and other margins. Then
`python -m benchmarks.places_table` makes tables with intervals of the log.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import tempfile
import time
from copy import deepcopy
from itertools import product
from multiprocessing.pool import AsyncResult
from pathlib import Path
from typing import Any

import numpy as np
import torch

from visprof.architectures import Backbone
from visprof.backbones import load_backbone
from visprof.decoded import decode_pictures, decoded_inputs, embed_decoded
from visprof.files import write_whole
from visprof.paper_training import (
    PAPER,
    PaperTraining,
    train_classifier,
    train_network,
    untrained_alexnet,
    usable_device,
)
from visprof.retrieval import held_out_classes
from visprof.scenes import read_scenes
from visprof.siamese import siamese_outputs

try:
    from benchmarks import places_jobs
except ImportError as missing:  # the GPU's work needs none of what they import
    print(f"no jobs of the CPU: {missing}")
    places_jobs = None

WORKERS = 3  # processes of jobs
TIMED = 16  # iterations that a step's time is taken from
SLACK = 8.0  # seconds that a run takes beside its steps: embedding, writing
LAYOUTS = {"channels last": torch.channels_last, "channels first": torch.contiguous_format}


class Lesson:
    """The photographs, decoded; the network that every run begins from; the log of all runs."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.start = options, time.perf_counter()
        self.device = usable_device(options.device)
        self.scratch = Path(tempfile.mkdtemp(prefix="places-training-"))
        self.log: dict[str, Any] = {
            "settings": _kept(options), "torch": torch.__version__, "device": self.device,
            "seconds": {}, "runs": {}, "jobs": {},
        }  # fmt: skip
        if self.device == "cuda":
            self.log["device"] = torch.cuda.get_device_name()
        self.jobs: dict[str, AsyncResult] = {}
        trunk = self.trunk()
        self.train, self.test = (
            read_scenes(options.data / part).groupby("label").head(options.per_class)
            for part in ("train", "test")
        )
        pixels = [
            decode_pictures(
                scenes["image"].tolist(), trunk, self.scratch / name, os.cpu_count() or 1
            )
            for name, scenes in (("train.u8", self.train), ("test.u8", self.test))
        ]
        self.took("decoding")
        self.inputs, self.test_inputs = (decoded_inputs(of, self.device) for of in pixels)
        self.labels, self.test_labels = (
            scenes["label"].to_numpy() for scenes in (self.train, self.test)
        )
        self.features, _ = self.embed(trunk, self.inputs, len(self.labels))
        test_features, self.cnn = self.embed(trunk, self.test_inputs, len(self.test_labels))
        self.took("first features")
        self.begin_jobs(test_features)

    def trunk(self) -> Backbone:
        """The network as published."""
        trunk = load_backbone(self.options.backbone, self.options.weights)
        trunk.memory_format = LAYOUTS[self.log.get("layout", "channels last")]
        return trunk.to(memory_format=trunk.memory_format)

    def embed(self, trunk: Backbone, inputs: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Features and outputs of all photographs, in order."""
        return embed_decoded(trunk, inputs, n, device=self.device, progress=False)

    def begin_jobs(self, test_features: np.ndarray) -> None:
        """Give the CPU its work, by importance; rankings of the GPU's runs go to a worker apart."""
        each = max(1, (os.cpu_count() or 1) // (WORKERS + 2))
        os.environ |= {"OMP_NUM_THREADS": str(each), "NUMBA_NUM_THREADS": str(each)}
        context = multiprocessing.get_context("spawn")
        self.rankers, self.workers = context.Pool(1), context.Pool(WORKERS)
        if places_jobs is None:
            return
        n = self.options.last_iterations
        usual = self.settings().shortened(n)
        scenes = places_jobs.Scenes(
            self.features, self.labels, test_features, self.test_labels, self.cnn
        )

        def begin(name: str, job: Any, *arguments: Any) -> None:
            self.jobs[name] = self.workers.apply_async(job, arguments)

        begin("origin", places_jobs.origin)
        begin("last-layer", places_jobs.last_layer, scenes, usual)
        begin("bow", places_jobs.bag_of_words, self.train, self.test)
        for split, way in product(range(self.options.splits), range(2)):
            begin(f"fold-{split}-{way}", places_jobs.last_layer, scenes, usual, (split, way))
        others = {
            f"last-margin-{m}": dataclasses.replace(usual, margin=m) for m in (1.0, 10.0, 25.0)
        }
        others["last-paper-rate"] = self.settings(n_iterations=n)
        for name, settings in others.items():
            begin(name, places_jobs.margin, scenes, settings)

    def left(self) -> float:
        """Seconds until the time is up."""
        return self.options.budget - (time.perf_counter() - self.start)

    def took(self, what: str) -> None:
        """Note when something was done, and keep the log with what the jobs have given so far."""
        self.log["seconds"][what] = round(time.perf_counter() - self.start, 1)
        print(f"{self.log['seconds'][what]:7.1f} s  {what}", flush=True)
        for name in [name for name, job in self.jobs.items() if job.ready()]:
            try:
                given = self.jobs.pop(name).get()
            except Exception as error:  # whatever a job raises, the GPU's work goes on
                given = {"error": repr(error)}
            self.log["jobs"][name] = given
            print(f"           {name}: {_in_words(given)}", flush=True)
        write_whole(self.options.out / "log.json", f"{json.dumps(self.log, indent=1)}\n".encode())

    def seconds_per_step(self, trunk: Backbone) -> tuple[float, dict[str, torch.Tensor]]:
        """Time of a step in which all layers learn, and the weights after a few of them."""
        features = self.features
        if trunk.feature_dim != features.shape[1]:  # what they are does not matter to a timing
            rng = np.random.default_rng(0)
            features = rng.random((len(self.labels), trunk.feature_dim), np.float32)

        def train(n: int) -> tuple[float, dict[str, torch.Tensor]]:
            start, settings = time.perf_counter(), self.settings(n_iterations=n)
            model, _ = train_network(
                trunk, self.inputs, features, self.labels, settings, device=self.device,
                progress=False,
            )  # fmt: skip
            return time.perf_counter() - start, model.state_dict()

        train(2)  # warms up
        few, _ = train(TIMED // 4)  # what each training needs beside its steps
        many, state = train(TIMED)
        return max(many - few, 1e-3) / (TIMED - TIMED // 4), state

    def settings(self, **changes: Any) -> PaperTraining:
        """The paper's, with the size of batch of this machine."""
        return dataclasses.replace(PAPER, batch_size=self.options.batch_size, **changes)

    def run(
        self,
        name: str,
        trunk: Backbone,
        settings: PaperTraining,
        halves: tuple[np.ndarray, np.ndarray] | None = None,
        features: np.ndarray | None = None,
        cnn: np.ndarray | None = None,
    ) -> None:
        """Train, embed the test photographs (those of the second half of classes), keep it all."""
        start = time.perf_counter()
        model, log = train_network(
            trunk,
            self.inputs,
            self.features if features is None else features,
            self.labels,
            settings,
            classes=None if halves is None else halves[0],
            device=self.device,
            progress=False,
        )
        seconds = time.perf_counter() - start
        tested, _ = self.embed(trunk, self.test_inputs, len(self.test_labels))
        siamese = siamese_outputs(model, tested)
        shown = np.isin(self.test_labels, self.test_labels if halves is None else halves[1])
        kept = {"siamese": np.float32(siamese[shown])}
        if cnn is not None:  # else it is the published network's, which anyone can compute
            kept["cnn"] = np.float32(cnn[shown])
        np.savez(self.options.out / f"{name}.npz", **kept)
        self.log["runs"][name] = {
            "settings": dataclasses.asdict(settings),
            "trained_on": "all classes" if halves is None else [str(c) for c in halves[0]],
            "test_photographs": int(shown.sum()),
            "seconds": round(seconds, 1),
            "steps_per_second": round(settings.n_iterations / seconds, 2),
            "log": log.to_dict("list"),
        }
        if places_jobs is not None:
            arguments = (self.cnn if cnn is None else cnn)[shown], siamese[shown]
            self.jobs[f"run-{name}"] = self.rankers.apply_async(
                places_jobs.ranked_run, (*arguments, self.test_labels[shown])
            )
        self.took(name)

    def measure(self) -> tuple[int, float]:
        """Choose how pixels lie in memory, and how many iterations the time is good for."""
        times = {}
        for layout in LAYOUTS if self.device == "cuda" else ["channels last"]:
            self.log["layout"] = layout
            times[layout], state = self.seconds_per_step(self.trunk())
            print(f"  {layout}: {1 / times[layout]:.2f} steps a second", flush=True)
        self.log["layout"] = min(times, key=times.__getitem__)
        step, state = self.seconds_per_step(self.trunk())
        _, again = self.seconds_per_step(self.trunk())
        n = int(self.options.main_share * self.left() / (3 * step)) - int(SLACK / step)
        n = min(3000, max(4, round(n, 1 - len(str(abs(n))) + 1)))
        self.log |= {
            "seconds_per_step": times,
            "repeats_to_the_bit": all(torch.equal(state[key], again[key]) for key in state),
            "n_iterations": n,
        }
        self.took("timing")
        return n, step

    def alexnet(self, n: int) -> None:
        """The paper's network from scratch: a classifier of these photographs, then Siamese."""
        names, codes = np.unique(self.labels, return_inverse=True)
        trunk = untrained_alexnet(names)
        trunk.memory_format = LAYOUTS[self.log["layout"]]
        common = {"batch_size": self.options.batch_size, "device": self.device, "progress": False}
        start = time.perf_counter()
        train_classifier(deepcopy(trunk), self.inputs, codes, n_iterations=TIMED, **common)
        step = (time.perf_counter() - start) / TIMED
        siamese_step, _ = self.seconds_per_step(deepcopy(trunk))
        # half of what is left is for the classifier: without it there is nothing to fine-tune
        steps = max(4, min(5000, int(self.left() / 2 / step)))
        start = time.perf_counter()
        classifier_log = train_classifier(trunk, self.inputs, codes, n_iterations=steps, **common)
        seconds = time.perf_counter() - start
        features, _ = self.embed(trunk, self.inputs, len(self.labels))
        _, cnn = self.embed(trunk, self.test_inputs, len(self.test_labels))
        right = names[cnn.argmax(axis=1)] == self.test_labels
        n = min(n, max(4, int((self.left() - 2 * SLACK) / siamese_step)))
        self.log["classifier"] = {
            "network": "alexnet", "n_iterations": steps, "seconds": round(seconds, 1),
            "test_accuracy": float(right.mean()), "log": classifier_log.to_dict("list"),
        }  # fmt: skip
        self.took("classifier")
        self.run("alexnet", trunk, self.settings().shortened(n), features=features, cnn=cnn)

    def all_runs(self) -> None:
        """Every run by its importance, while there is time for it."""
        n, step = self.measure()
        first, second = (np.unique(self.labels[half]) for half in held_out_classes(self.labels, 0))
        usual = self.settings().shortened(n)
        runs = {
            "all-layers": (usual, None),
            "unseen-1": (usual, (first, second)),
            "unseen-2": (usual, (second, first)),
            "margin-10": (dataclasses.replace(usual, margin=10.0), None),
            "margin-1": (dataclasses.replace(usual, margin=1.0), None),
            "alexnet": None,
            "margin-25": (dataclasses.replace(usual, margin=25.0), None),
        }
        wanted = self.options.only or list(runs)
        for name, run in ((name, runs[name]) for name in runs if name in wanted):
            if self.left() < n * step + SLACK:
                print(f"  no time for {name}", flush=True)
            elif run is None:
                self.alexnet(n)
            else:
                self.run(name, self.trunk(), *run)
        self.took("last run")
        while self.jobs and self.left() > 0:
            time.sleep(1)
            if any(job.ready() for job in self.jobs.values()):
                self.took("last job")
        if self.jobs:
            print(f"  no time for {', '.join(self.jobs)}", flush=True)
        self.rankers.terminate()
        self.workers.terminate()


def _kept(options: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, but where files are."""
    return {name: of for name, of in vars(options).items() if not isinstance(of, Path)}


def _in_words(given: dict[str, Any]) -> str:
    ranked = given.get("ranked", {})
    return given.get("error") or ", ".join(
        f"{name} {of['mean_ap']['value']:.4f}" for name, of in ranked.items()
    )


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="holds train/ and test/")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backbone", default="squeezenet-places365")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--budget", type=float, default=480.0, help="seconds for all of it (480)")
    parser.add_argument("--main-share", type=float, default=0.55, help="of runs 1 and 2 (0.55)")
    parser.add_argument("--last-iterations", type=int, default=3000, help="last layer alone (3000)")
    parser.add_argument("--splits", type=int, default=5, help="of the classes into halves (5)")
    parser.add_argument("--batch-size", type=int, default=PAPER.batch_size)
    parser.add_argument("--only", nargs="+", metavar="RUN", help="these runs alone (all)")
    parser.add_argument("--per-class", type=int, default=10**9, help="photographs, at most")
    return parser.parse_args(arguments)


def main() -> None:
    """Do as many runs as the time allows."""
    options = options_of()
    options.out.mkdir(parents=True, exist_ok=True)
    Lesson(options).all_runs()


if __name__ == "__main__":
    main()
