"""A study: one set of parameters, and the steps of the paper computed from it.

Each step is a function of `visprof.steps` whose arguments name what it needs: other steps,
parameters, or ``folder`` (a folder of its own). ``Study(...)["map_numbers"]`` therefore computes
what Table 1 needs and nothing else. A step's value is kept on disk under a key made of its
parameters, the keys of the steps it needs, and the source of the code it reaches: change one
parameter and only what follows from it is computed again, whichever chapter asks.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field
from fnmatch import fnmatchcase
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from visprof import backbones, boards, inputs, memo, prediction
from visprof.results import Estimate, Ledger
from visprof.steps import STEPS, find_step

__all__ = ["PRESETS", "STEPS", "Parameters", "Study", "allowed_values"]

log = logging.getLogger("visprof")


def _parameter(default: Any, meaning: str, **allowed: Any) -> Any:
    """A parameter; `allowed` may hold choices (patterns of `fnmatch`), least, above and most."""
    return field(default=default, metadata={"meaning": meaning, **allowed})


def _is_of_type(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_is_of_type(item, default[0]) for item in value)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    kind = {int: Integral, float: Real}.get(type(default), type(default))
    return isinstance(value, kind)


def allowed_values(parameter: Field[Any]) -> str:
    """Values that a parameter may have, in words; empty where its type says all."""
    rules = parameter.metadata
    if "choices" in rules:
        return " or ".join(rules["choices"])
    words = {"least": "at least", "above": "above", "most": "at most"}
    return ", ".join(f"{words[rule]} {rules[rule]}" for rule in words if rule in rules)


def _check(parameter: Field[Any], value: Any) -> None:
    name, default, rules = parameter.name, parameter.default, parameter.metadata
    if not _is_of_type(value, default):
        wanted = f"of type {parameter.type}"
    elif (
        ("choices" in rules and not any(fnmatchcase(value, known) for known in rules["choices"]))
        or ("least" in rules and not value >= rules["least"])
        or ("above" in rules and not value > rules["above"])
        or ("most" in rules and not value <= rules["most"])
    ):
        wanted = allowed_values(parameter)
    else:
        return
    raise ValueError(f"{name} is {value!r}; it must be {wanted} ({name}: {rules['meaning']})")


@dataclass(frozen=True)
class Parameters:
    """Every parameter of a study; the defaults are the preset ``demo``.

    Raises
    ------
    ValueError
        If a value is not of the default's type, or none that the parameter may have.
    """

    data: str = _parameter("", "folder with boards/ and scenes/; empty: the simulated world")
    seed: int = _parameter(0, "seed of every draw", least=0)
    device: str = _parameter("cpu", "where networks run", choices=("cpu", "cuda*"))
    # the simulated world, used where data is empty
    drawn: bool = _parameter(True, "draw its pictures; else: simulate their embeddings only")
    n_users: int = _parameter(80, "simulated users, one board each", least=1)
    world_pins: int = _parameter(100, "pins of each simulated user", least=1)
    class_taste: float = _parameter(
        1.0, "how much tastes over classes differ; 0: not at all", least=0
    )
    style_taste: float = _parameter(
        1.0, "how much tastes over styles differ; 0: not at all", least=0
    )
    drift: float = _parameter(
        0.0, "share of a taste that is replaced over a board's life", least=0, most=1
    )
    session_length: float = _parameter(
        1.0, "mean pins of a session: one scene, style and day", least=1
    )
    repeat_share: float = _parameter(
        0.0, "share of pins that repeat a picture of their board", least=0, most=1
    )
    shared_share: float = _parameter(
        0.0, "share of pins that show another board's picture", least=0, most=1
    )
    caption_words: float = _parameter(0.7, "share of captions that name the scene", least=0, most=1)
    scenes_per_class: int = _parameter(50, "labelled scenes drawn of each class", least=1)
    picture_size: int = _parameter(96, "side of a drawn picture in pixels", least=1)
    # boards
    min_pins: int = _parameter(100, "least pins of an analysed board", least=1)
    active_since: str = _parameter("2014-07-01", "an analysed board has a pin since this date")
    n_background: int = _parameter(20, "boards set aside for vocabulary and prior", least=1)
    background_source: str = _parameter(
        "active",
        "background from the boards that pass the filters, from the rest, or all pins",
        choices=(*boards.BACKGROUND_SOURCES, "all"),
    )
    scenes: str = _parameter(
        "own",
        "what the Siamese network learns from: the data's own scenes, or drawn ones",
        choices=("own", "simulated"),
    )
    # networks
    backbone: str = _parameter(
        "efficientnet-lite0", "the CNN", choices=(*backbones.BACKBONES, "timm:*")
    )
    weights: str = _parameter("", "file of its weights; empty: the packaged or published ones")
    image_size: int = _parameter(
        128, "side of the CNN's input in pixels; 0: its own default", least=0
    )
    n_outputs: int = _parameter(205, "outputs of the Siamese network", least=1)
    normalise: str = _parameter(
        "batch",
        "on top of them: batch normalisation, or length 1 (l2)",
        choices=("batch", "l2"),
    )
    margin: float = _parameter(20.0, "margin m of the contrastive loss (Eq. 1)", above=0)
    lr_last: float = _parameter(1e-3, "learning rate of the last layer", least=0)
    lr_rest: float = _parameter(0.0, "learning rate of the other layers; 0: frozen", least=0)
    batch_size: int = _parameter(128, "pairs of a training batch", least=1)
    n_iterations: int = _parameter(1500, "training batches", least=1)
    n_ablation: int = _parameter(400, "training batches of each variant of the ablation", least=1)
    n_fine_tuning: int = _parameter(
        20, "batches of each training in which all layers learn", least=1
    )
    n_similar: int = _parameter(200, "similar pairs drawn of each class", least=1)
    n_dissimilar: int = _parameter(50, "dissimilar pairs drawn of each pair of classes", least=1)
    scale_blocks: bool = _parameter(False, "give both blocks of the hybrid embedding equal spread")
    n_words: int = _parameter(410, "visual words of SIFT + bag of words", least=1)
    # profiles
    n_clusters: int = _parameter(100, "visual clusters", least=2)
    bandwidth: float = _parameter(0.05, "beta of the soft assignment (Eq. 2)", least=0)
    normalised: bool = _parameter(True, "assignments of a pin sum to 1 (Eq. 2)")
    sigma: str = _parameter(
        "pairs",
        "what sigma^2 of Eq. 2 averages: pairs of pictures, or pictures and centres",
        choices=("pairs", "centres"),
    )
    counts: str = _parameter(
        "sum", "what y of Eq. 4 is: a user's sum of assignments, or the unit sum of Eq. 3",
        choices=("sum", "unit"),
    )  # fmt: skip
    # the map
    n_map: int = _parameter(2000, "background pins on the map, at most", least=1)
    perplexity: float = _parameter(30.0, "perplexity of t-SNE", above=0)
    # pairwise differences
    alpha: float = _parameter(0.01, "weight of the background prior (Eq. 4)", above=0)
    variance: str = _parameter(
        "two-term",
        "variance of the log-odds (Eq. 5)",
        choices=("two-term", "four-term"),
    )
    threshold: float = _parameter(2.0, "users differ where Z is above it", least=0)
    n_permutations: int = _parameter(999, "shuffles of each tested pair of users", least=1)
    n_tested_pairs: int = _parameter(2000, "pairs of users that are tested, at most", least=1)
    n_null_pairs: int = _parameter(2000, "simulated pairs without a difference", least=1)
    n_power_pairs: int = _parameter(200, "simulated pairs of each taste", least=1)
    # prediction
    n_pins: int = _parameter(100, "pins sampled of each board", least=1)
    n_test: int = _parameter(50, "the last pins of the sample, to be found", least=1)
    train_sizes: tuple[int, ...] = _parameter((10, 20, 30, 40, 50), "first pins to learn from")
    distance: str = _parameter("euclidean", "between profiles", choices=prediction.DISTANCES)
    text_size: int = _parameter(100, "dimensions of the PV-DM text embedding", least=1)
    text_epochs: int = _parameter(
        100, "passes over the captions; few leave short ones unlearnt", least=1
    )
    n_repeats: int = _parameter(5, "repetitions of the ranking with other seeds; 0: none", least=0)
    # the reader's own board
    board: str = _parameter("", "whose profile chapter 9 shows; empty: the board with most pins")

    def __post_init__(self) -> None:
        for parameter in dataclasses.fields(self):
            _check(parameter, getattr(self, parameter.name))


PRESETS: dict[str, dict[str, Any]] = {
    # the simulated world, minutes on two cores
    "demo": {},
    # the demo at a size for tests, seconds
    "tiny": {
        "n_users": 12,
        "world_pins": 20,
        "scenes_per_class": 6,
        "picture_size": 64,
        "min_pins": 20,
        "n_background": 4,
        "image_size": 64,
        "n_outputs": 16,
        "n_iterations": 40,
        "n_ablation": 4,
        "n_fine_tuning": 1,
        "n_similar": 3,
        "n_dissimilar": 2,
        "n_words": 20,
        "n_clusters": 8,
        "n_map": 80,
        "perplexity": 10.0,
        "n_pins": 20,
        "n_test": 10,
        "train_sizes": (5, 10),
        "text_size": 10,
        "n_repeats": 2,
        "n_permutations": 99,
        "n_null_pairs": 40,
        "n_power_pairs": 20,
    },
    # real boards and labelled photographs from a folder, with a Places365 network
    "boards": {
        "background_source": "rest",
        "n_background": 20,
        "backbone": "squeezenet-places365",
        "weights": "squeezenet_places365.safetensors",
        "image_size": 0,
        "n_clusters": 50,
        "n_similar": 1000,
        "n_dissimilar": 500,
        "n_fine_tuning": 10,
    },
    # chapters 5 to 8 at the paper's size, without pictures: simulated embeddings, minutes
    "vectors": {
        "drawn": False,
        "n_users": 5790,
        "n_background": 1800,
        "n_clusters": 200,
        "alpha": 1e-4,  # of a background of 180,000 pins: a prior as heavy as 18
        "n_repeats": 0,  # each would cluster the background again, a minute each time
    },
    # the paper's constants; margin, batch size and alpha are not given there. It needs the data,
    # the network's weights and a GPU
    "paper": {
        "device": "cuda",
        "n_background": 1800,
        "backbone": "alexnet",
        "image_size": 0,
        "margin": 1.0,
        "lr_last": 1e-5,
        "lr_rest": 1e-7,
        "n_iterations": 50_000,
        "n_similar": 500,
        "n_dissimilar": 50,
        "n_clusters": 200,
        "bandwidth": 1.0,
        "n_map": 10_000,
        "perplexity": 30.0,
        "alpha": 1.0,
    },
    # a few boards of one's own, and nothing else: neither scenes nor weights
    "own": {
        "scenes": "simulated",
        "background_source": "all",
        "min_pins": 20,
        "active_since": "1900-01-01",
        "image_size": 0,
        "n_clusters": 20,
    },
}

REAL_PRESETS = ("boards", "paper", "own")


class Study:
    """The paper on one set of parameters.

    Parameters
    ----------
    preset : str
        One of `PRESETS`.
    home : path, optional
        Folder in which steps are kept; by default ``_build/cache`` of the checkout, or of the
        working folder where the package is installed elsewhere.
    **changes
        Parameters that differ from the preset's; None leaves the preset's value.

    Raises
    ------
    ValueError
        If the preset or a parameter is unknown (the known ones are listed), or a preset for real
        pictures gets no data.

    Examples
    --------
    >>> study = Study("tiny", n_clusters=10)
    >>> study["mrr_numbers"]["mrr.image.10"].n
    8
    """

    def __init__(self, preset: str = "demo", home: str | Path | None = None, **changes: Any):
        if preset not in PRESETS:
            raise ValueError(f"preset is {preset!r}; known: {', '.join(PRESETS)}")
        names = [f.name for f in dataclasses.fields(Parameters)]
        unknown = sorted(set(changes) - set(names))
        if unknown:
            raise ValueError(
                f"unknown parameter(s) {', '.join(unknown)}; known: {', '.join(names)}"
            )
        given = {name: value for name, value in changes.items() if value is not None}
        if "train_sizes" in given:
            given["train_sizes"] = tuple(given["train_sizes"])
        self.preset = preset
        of_preset = Parameters(**PRESETS[preset])
        if given.get("backbone", of_preset.backbone) != of_preset.backbone:
            given.setdefault("weights", "")  # the preset's weights are those of its own network
        self.parameters = dataclasses.replace(of_preset, **given)
        if preset in REAL_PRESETS and not self.data:
            raise ValueError(
                f"the preset {preset!r} is for real pictures: pass data=FOLDER (make book "
                f"PRESET={preset} DATA=FOLDER), a folder with boards/ and, unless "
                "scenes='simulated', scenes/"
            )
        self.home = Path(home) if home is not None else _default_home()
        self._values: dict[str, Any] = {}
        self._keys: dict[str, str] = {}

    def __getitem__(self, name: str) -> Any:
        """Value of a step: from memory, from disk, or computed now with all that it needs."""
        if name not in STEPS:
            raise KeyError(f"no step {name!r}; known: {', '.join(STEPS)}")
        if name not in self._values:
            self._note(name)
            self._values[name] = memo.keep(self._folder(name), lambda: self._compute(name))
        return self._values[name]

    def __getattr__(self, name: str) -> Any:
        """Value of a parameter."""
        if name.startswith("_") or name not in {f.name for f in dataclasses.fields(Parameters)}:
            raise AttributeError(name)
        return getattr(self.parameters, name)

    def key(self, name: str) -> str:
        """Key of a step: its parameters, its needs' keys and its code, as one hash."""
        if name not in self._keys:
            function = find_step(name, self.parameters)
            parts: dict[str, str] = {"step": name, "code": _version(function)}
            for needed in inspect.signature(function).parameters:
                if needed in STEPS:
                    parts[needed] = self.key(needed)
                elif needed == "data":
                    parts[needed] = memo.fingerprint(self.data) if self.data else ""
                elif needed == "weights":
                    parts[needed] = memo.fingerprint(self._weights) if self._weights else ""
                elif needed != "folder":
                    parts[needed] = repr(getattr(self.parameters, needed))
                else:  # values may name files in the step's folder: not valid from another home
                    parts[needed] = str(self.home.resolve())
            self._keys[name] = memo.digest(json.dumps(parts, sort_keys=True))
        return self._keys[name]

    def _note(self, name: str) -> None:
        """Write down what a step is made from: its code, that of all it needs, and files."""
        needed: dict[str, Callable[..., Any]] = {}
        waiting, parameters = {name}, set()
        while waiting:
            found = waiting.pop()
            needed[found] = find_step(found, self.parameters)
            named = set(inspect.signature(needed[found]).parameters)
            waiting |= (named & STEPS.keys()) - needed.keys()
            parameters |= named
        files = {"data": self.data, "weights": self._weights}
        inputs.note_inputs(
            {f"{found.__module__}.{found.__name__}": _version(found) for found in needed.values()},
            {
                str(Path(path).resolve()): memo.fingerprint(path)
                for key, path in files.items()
                if key in parameters and path
            },
        )

    def _compute(self, name: str) -> Any:
        function = find_step(name, self.parameters)
        needs = inspect.signature(function).parameters
        given = dataclasses.asdict(self.parameters)
        given |= {"weights": self._weights, "folder": self._folder(name)}
        values = {needed: self[needed] if needed in STEPS else given[needed] for needed in needs}
        start = time.perf_counter()
        value = function(**values)
        log.info("%s: computed in %.1f s", name, time.perf_counter() - start)
        return value

    @property
    def _weights(self) -> str:
        """Path of the weights, which lie beside the pictures they are used for; none is empty."""
        return str(Path(self.data) / self.weights) if self.data and self.weights else self.weights

    def _folder(self, name: str) -> Path:
        return self.home.resolve() / name / self.key(name)

    @property
    def source(self) -> str:
        """What the study looks at, in words."""
        if self.data:
            return f"the pictures of the folder “{Path(self.data).name}” (preset {self.preset})"
        what = "world" if self.drawn else "embeddings"
        return f"the simulated {what} of {self.n_users:,} users (preset {self.preset})"

    @property
    def n_features(self) -> int:
        """Dimension of the CNN's features below its last layer."""
        return self["scene_features"].features.shape[1]

    @property
    def n_cnn_outputs(self) -> int:
        """Dimension of the CNN's output."""
        return self["scene_features"].outputs.shape[1]

    def headline(self) -> dict[str, Estimate]:
        """All headline numbers: Table 1, Figure 5 with its tests, and Figure 6."""
        steps = ("map_numbers", "pair_numbers", "significance_numbers", "mrr_numbers")
        return {key: number for step in steps for key, number in self[step].items()}

    def record(self, numbers: Mapping[str, Estimate], ledger: str | Path) -> None:
        """Write numbers with this study's parameters into a ledger; no path, no ledger."""
        if str(ledger):
            Ledger(ledger).write(numbers, dataclasses.asdict(self.parameters), self.preset)


def _version(function: Callable[..., Any]) -> str:
    return memo.code_version(function.__module__, function.__name__)


def _default_home() -> Path:
    checkout = Path(__file__).resolve().parent.parent
    base = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    return base / "_build" / "cache"
