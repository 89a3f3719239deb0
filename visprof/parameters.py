"""The parameters of a study, each once: type, meaning, values allowed, and values by preset.

Nothing heavy is imported here: what a parameter may be is known before any picture is looked at.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from numbers import Integral, Real
from pathlib import PurePath, PureWindowsPath
from typing import Any

__all__ = [
    "PRESETS", "REAL_PRESETS", "Parameters", "allowed_values", "given_parameters",
    "preset_parameters", "refuse_former_names", "with_names_of_now",
]  # fmt: skip

BACKBONES = ("efficientnet-lite0", "squeezenet-places365", "alexnet", "resnet18", "resnet50")
BACKGROUND_SOURCES = ("active", "rest", "all")
DISTANCES = ("euclidean", "hellinger", "cosine")
CATEGORY_RULES = ("auto", "scenes", "folders", "words")
PRECISIONS = ("fp32", "bf16", "auto")
LARGEST_SEED = 2**31 - 1  # draws of one study take seeds a little above it, of 32 bits at most


def _parameter(default: Any, meaning: str, **allowed: Any) -> Any:
    """A parameter; `allowed` may hold choices (patterns of `fnmatch`), day, folder, least, ..."""
    return field(default=default, metadata={"meaning": meaning, **allowed})


def _is_of_type(value: Any, default: Any) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_is_of_type(item, default[0]) for item in value)
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    kind = {int: Integral, float: Real}.get(type(default), type(default))
    return isinstance(value, kind) and not (kind is Real and math.isinf(value))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and "1678" <= text < "2262"


def _is_folder_name(text: str) -> bool:
    # what lies outside of the data is in no digest of them
    return text not in ("", ".", "..") and PureWindowsPath(text).name == text


def allowed_values(parameter: Field[Any]) -> str:
    """Values that a parameter may have, in words; empty where its type says all."""
    rules = parameter.metadata
    if "choices" in rules:
        return " or ".join(rules["choices"])
    if "day" in rules:
        return "a day such as 2014-07-01, from 1678 to 2261"
    if "folder" in rules:
        return "the name of a folder, not a path"
    words = {"least": "at least", "above": "above", "most": "at most"}
    ends = ", ".join(f"{words[rule]} {rules[rule]}" for rule in words if rule in rules)
    return f"one or more, increasing, each {ends}" if isinstance(parameter.default, tuple) else ends


def _is_allowed(value: Any, rules: Mapping[str, Any]) -> bool:
    if isinstance(value, tuple):
        increasing = all(a < b for a, b in itertools.pairwise(value))
        return bool(value) and increasing and all(_is_allowed(item, rules) for item in value)
    return (
        ("choices" not in rules or any(fnmatchcase(value, known) for known in rules["choices"]))
        and ("day" not in rules or _is_day(value))
        and ("folder" not in rules or _is_folder_name(value))
        and ("least" not in rules or value >= rules["least"])
        and ("above" not in rules or value > rules["above"])
        and ("most" not in rules or value <= rules["most"])
    )


def _check(parameter: Field[Any], value: Any) -> None:
    name, rules = parameter.name, parameter.metadata
    if not _is_of_type(value, parameter.default):
        finite = "finite and " if isinstance(parameter.default, float) else ""
        wanted = f"{finite}of type {parameter.type}"
    elif not _is_allowed(value, rules):
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
    seed: int = _parameter(0, "seed of every draw", least=0, most=LARGEST_SEED)
    n_seeds: int = _parameter(
        10,
        "seeds of what the algorithm draws, over which numbers are means; 1: only `seed`",
        least=1,
    )
    device: str = _parameter("cpu", "where networks run", choices=("cpu", "cuda*"))
    precision: str = _parameter(
        "fp32",
        "arithmetic of the CNN; bf16 differs between processors, auto: the faster here of both",
        choices=PRECISIONS,
    )
    # the simulated world, used where data is empty
    drawn: bool = _parameter(True, "draw its pictures; else: simulate their embeddings only")
    n_users: int = _parameter(80, "simulated users, one board each", least=1)
    n_simulated_pins: int = _parameter(100, "pins of each simulated user", least=1)
    class_taste: float = _parameter(
        1.0, "how much tastes over classes differ; 0: not at all", least=0
    )
    style_taste: float = _parameter(
        1.0, "how much tastes over styles differ; 0: not at all", least=0
    )
    carry_over: float = _parameter(
        1.0, "share of a taste over styles that shows in all groups of scenes", least=0, most=1
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
    boards_folder: str = _parameter("boards", "folder of boards within data", folder=True)
    min_pins: int = _parameter(100, "minimum number of pins of an analysed board", least=1)
    active_since: str = _parameter(
        "2014-07-01", "an analysed board has a pin since this date", day=True
    )
    n_background: int = _parameter(20, "boards set aside for vocabulary and prior", least=1)
    background_source: str = _parameter(
        "active",
        "background from the boards that pass the filters, from the rest, or all pins",
        choices=BACKGROUND_SOURCES,
    )
    # labelled scenes
    scenes_folder: str = _parameter(
        "scenes",
        "folder of labelled scenes within data: a folder a class, or such folders in train/ and "
        "test/",
        folder=True,
    )
    n_train_scenes: int = _parameter(0, "training scenes of each class, at most; 0: all", least=0)
    n_test_scenes: int = _parameter(0, "test scenes of each class, at most; 0: all", least=0)
    training_scenes: str = _parameter(
        "own",
        "what the Siamese network learns from: the data's own scenes, or drawn ones",
        choices=("own", "simulated"),
    )
    # networks
    backbone: str = _parameter("efficientnet-lite0", "the CNN", choices=(*BACKBONES, "timm:*"))
    weights: str = _parameter("", "file of its weights; empty: the packaged or published ones")
    image_size: int = _parameter(
        128, "side of the CNN's input in pixels; 0: its own default", least=0
    )
    n_outputs: int = _parameter(205, "outputs of the Siamese network", least=1)
    output_norm: str = _parameter(
        "batch",
        "on top of them: batch normalisation, or length 1 (l2)",
        choices=("batch", "l2"),
    )
    margin: float = _parameter(20.0, "margin m of the contrastive loss (Eq. 1)", above=0)
    lr_last: float = _parameter(1e-3, "learning rate of the last layer", least=0)
    lr_rest: float = _parameter(0.0, "learning rate of the other layers; 0: frozen", least=0)
    batch_size: int = _parameter(128, "pairs of a training batch", least=1)
    n_iterations: int = _parameter(1500, "training batches", least=1)
    n_ablation_batches: int = _parameter(
        400, "training batches of each variant of the ablation", least=1
    )
    n_similar: int = _parameter(200, "similar pairs drawn of each class", least=1)
    n_dissimilar: int = _parameter(50, "dissimilar pairs drawn of each pair of classes", least=1)
    n_class_splits: int = _parameter(
        3, "splits of the classes into halves, one to learn from and one to rank", least=1
    )
    scale_blocks: bool = _parameter(False, "give both blocks of the hybrid embedding equal spread")
    n_words: int = _parameter(410, "visual words of SIFT + bag of words", least=1)
    # profiles
    n_clusters: int = _parameter(100, "visual clusters", least=2)
    bandwidth: float = _parameter(0.05, "beta of the soft assignment (Eq. 2)", least=0)
    normalised_assignments: bool = _parameter(True, "assignments of a pin sum to 1 (Eq. 2)")
    sigma_over: str = _parameter(
        "pairs",
        "what sigma^2 of Eq. 2 averages: pairs of pictures, or pictures and centres",
        choices=("pairs", "centres"),
    )
    user_counts: str = _parameter(
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
    session_rule: str = _parameter(
        "day",
        "what makes pins a session: one day (UTC), gaps of 30 minutes at most, or one time",
        choices=("day", "gap", "commit"),
    )
    n_permutations: int = _parameter(999, "shuffles of each tested pair of users", least=1)
    n_tested_pairs: int = _parameter(2000, "pairs of users that are tested, at most", least=1)
    n_null_pairs: int = _parameter(2000, "simulated pairs without a difference", least=1)
    n_power_pairs: int = _parameter(200, "simulated pairs of each taste", least=1)
    n_known_worlds: int = _parameter(
        200, "simulated worlds whose truth is known, in which an estimate is tried", least=1
    )
    # prediction
    n_pins: int = _parameter(100, "pins sampled of each board", least=1)
    n_test: int = _parameter(50, "held-out pins per board (the most recent)", least=1)
    train_sizes: tuple[int, ...] = _parameter(
        (10, 20, 30, 40, 50), "first pins to learn from", least=1
    )
    distance: str = _parameter("euclidean", "between profiles", choices=DISTANCES)
    n_components: int = _parameter(
        64, "principal components of the background's embedding in the whitened profile", least=1
    )
    text_size: int = _parameter(100, "dimensions of the PV-DM text embedding", least=1)
    text_epochs: int = _parameter(
        100, "passes over the captions; few leave short ones unlearnt", least=1
    )
    sentence_encoder: bool = _parameter(
        False, "a profile of captions by a sentence encoder, too (extra sentences)"
    )
    n_repeats: int = _parameter(
        5, "repetitions of the ranking with other pins and background boards; 0: none", least=0
    )
    # categories of pictures
    min_category_pins: int = _parameter(
        8, "pins of a user in a category, without which the user does not count there", least=2
    )
    category_rule: str = _parameter(
        "auto",
        "what a pin's category is: its group of scenes, its sub-folder (folders), or a word of its "
        "caption (words); auto: folders where boards have any, else scenes",
        choices=CATEGORY_RULES,
    )
    n_style_clusters: int = _parameter(
        8, "styles: clusters of what is left of the embedding within categories", least=2
    )
    # the reader's own board
    board: str = _parameter("", "whose profile chapter 9 shows; empty: the board with most pins")
    # what pages show
    n_pins_shown: int = _parameter(12, "pins shown of each board in Figure 1", least=1)
    n_users_shown: int = _parameter(
        100, "simulated users whose tastes are recovered in chapter 1", least=2
    )
    n_blocks: int = _parameter(16, "blocks along each side of the plane of Figure 4", least=1)
    n_hover: int = _parameter(
        2000,
        "pins of the interactive map, at most; each adds about 1 kB to the page",
        least=1,
    )
    n_shown: int = _parameter(5, "clusters and other boards shown in chapter 9", least=1)

    def __post_init__(self) -> None:
        for parameter in dataclasses.fields(self):
            _check(parameter, getattr(self, parameter.name))
        if self.train_sizes[-1] + self.n_test > self.n_pins:
            raise ValueError(
                f"train_sizes end at {self.train_sizes[-1]}, which with n_test={self.n_test} makes "
                f"more than n_pins={self.n_pins} pins of a board: raise n_pins or lower the others"
            )
        if self.category_rule in ("folders", "words") and not self.drawn:
            raise ValueError(
                f"category_rule is {self.category_rule!r}, and simulated embeddings (drawn=False) "
                "have neither folders nor captions: pass 'scenes'"
            )
        if self.bandwidth == 0 and not self.normalised_assignments:
            raise ValueError(
                "bandwidth is 0, which assignments that are not normalised cannot have: pass a "
                "positive one, or normalised_assignments=True"
            )


# Labelled photographs of a hundred classes, by the paper's rule for pairs, and a network that knows
# scenes. Some are left out so that the photographs are embedded in minutes; batches are fewer and
# larger than the demo's, so that ten trainings are done in two.
_OF_PHOTOGRAPHS: dict[str, Any] = {
    "scenes_folder": "miniplaces",
    "n_train_scenes": 100,
    "n_test_scenes": 50,
    "backbone": "squeezenet-places365",
    "weights": "squeezenet_places365.safetensors",
    "image_size": 0,
    "batch_size": 256,
    "n_iterations": 1000,
    "n_ablation_batches": 200,
    "n_similar": 500,
    "n_dissimilar": 50,
}

PRESETS: dict[str, dict[str, Any]] = {
    # the simulated world, minutes on two cores
    "demo": {},
    # the demo at a size for tests, seconds
    "tiny": {
        "n_seeds": 2,
        "n_users": 12,
        "n_simulated_pins": 20,
        "scenes_per_class": 6,
        "picture_size": 64,
        "min_pins": 20,
        "n_background": 4,
        "image_size": 64,
        "n_outputs": 16,
        "n_iterations": 40,
        "n_ablation_batches": 4,
        "n_class_splits": 2,
        "n_similar": 3,
        "n_dissimilar": 2,
        "n_words": 20,
        "n_clusters": 8,
        "n_map": 80,
        "perplexity": 10.0,
        "n_pins": 20,
        "n_test": 10,
        "train_sizes": (5, 10),
        "n_components": 16,
        "text_size": 10,
        "n_repeats": 2,
        "n_permutations": 99,
        "n_null_pairs": 40,
        "n_power_pairs": 20,
        "min_category_pins": 3,
        "n_style_clusters": 3,
        "n_known_worlds": 4,
    },
    # boards of wallpapers and labelled photographs from a folder, with a Places365 network
    "boards": {
        **_OF_PHOTOGRAPHS,
        "background_source": "rest",
        "n_background": 20,
        "n_clusters": 50,
    },
    # boards of travel photographs: most have between 60 and 100, so fewer pins are asked of each;
    # all are background, since the few smaller boards are too few for a vocabulary; times are when
    # photographs were taken, so no board is too old
    "travel": {
        **_OF_PHOTOGRAPHS,
        "boards_folder": "travel",
        "background_source": "all",
        "active_since": "1900-01-01",
        "n_clusters": 50,
        "min_pins": 60,
        "n_pins": 60,
        "n_test": 30,
        "train_sizes": (10, 20, 30),
    },
    # chapters 5 to 8 at the paper's size, without pictures: simulated embeddings, minutes
    "vectors": {
        "drawn": False,
        "n_seeds": 1,  # each would cluster the background again, minutes each time
        "n_users": 5790,
        "n_background": 1800,
        "n_clusters": 200,
        "alpha": 1e-4,  # of a background of 180,000 pins: a prior as heavy as 18
        "n_repeats": 0,  # likewise
    },
    # the world drawn at the paper's size, 579,000 pictures; its constants where they do not hang
    # on its network; hours, and some gigabytes of disk
    "paper-size": {
        "n_seeds": 1,  # each would cluster the background again
        "n_users": 5790,
        "n_background": 1800,
        "n_similar": 500,
        "n_clusters": 200,
        "n_map": 10_000,
        "alpha": 1e-4,  # as of vectors
        "n_repeats": 0,  # likewise
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
        "training_scenes": "simulated",
        "background_source": "all",
        "min_pins": 20,
        "active_since": "1900-01-01",
        "image_size": 0,
        "n_clusters": 20,
        "n_pins": 20,
        "n_test": 10,
        "train_sizes": (2, 4, 6, 8, 10),
        "n_style_clusters": 4,
    },
}

REAL_PRESETS = ("boards", "travel", "paper", "own")

# What parameters were called. Pages and commands of readers, and published ledgers, still say so.
FORMER_NAMES = {
    "counts": "user_counts",
    "n_ablation": "n_ablation_batches",
    "normalise": "output_norm",
    "normalised": "normalised_assignments",
    "scenes": "training_scenes",
    "sigma": "sigma_over",
    "world_pins": "n_simulated_pins",
}


def given_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those values that are named as parameters are, or were, which a study refuses.

    Modules and functions of a page may have such a name, too, and are left out.
    """
    names = [parameter.name for parameter in dataclasses.fields(Parameters)]
    former = [n for n in FORMER_NAMES if isinstance(values.get(n, ...), str | int | None)]
    return {name: values[name] for name in [*names, *former] if name in values}


def refuse_former_names(names: Iterable[str]) -> None:
    """Raise ValueError if a parameter is called what it was called formerly; say its name now."""
    if renamed := [f"{name} is now {FORMER_NAMES[name]}" for name in names if name in FORMER_NAMES]:
        raise ValueError("; ".join(renamed))


def with_names_of_now(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters by the names that they have now, such as of a ledger from before a change."""
    return {FORMER_NAMES.get(name, name): value for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A value as Python's own types have it: of NumPy, of a list, of a path."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, PurePath) else value


def preset_parameters(preset: str, changes: Mapping[str, Any]) -> Parameters:
    """Parameters of a preset with some changed.

    Parameters
    ----------
    preset : str
        One of `PRESETS`.
    changes : mapping
        Values by name; None leaves the preset's. Another backbone does not get the weights of the
        preset's own, unless weights are given too.

    Returns
    -------
    Parameters

    Raises
    ------
    ValueError
        If the preset or a parameter is unknown (the known ones are listed) or called by a former
        name, a value is none that it may have, or data are missing where the preset needs them, or
        given where none is looked at.

    Examples
    --------
    >>> preset_parameters("tiny", {"n_clusters": 5}).n_clusters
    5
    >>> preset_parameters("tiny", {"world_pins": 5})
    Traceback (most recent call last):
    ValueError: world_pins is now n_simulated_pins
    """
    if preset not in PRESETS:
        raise ValueError(f"preset is {preset!r}; known: {', '.join(PRESETS)}")
    refuse_former_names(changes)
    names = [parameter.name for parameter in dataclasses.fields(Parameters)]
    if unknown := sorted(set(changes) - set(names)):
        raise ValueError(f"unknown parameter(s) {', '.join(unknown)}; known: {', '.join(names)}")
    given = {name: _plain(value) for name, value in changes.items() if value is not None}
    of_preset = Parameters(**PRESETS[preset])
    if given.get("backbone", of_preset.backbone) != of_preset.backbone:
        given.setdefault("weights", "")
    made = dataclasses.replace(of_preset, **given)
    if preset in REAL_PRESETS and not made.data:
        raise ValueError(
            f"the preset {preset!r} is for real pictures: pass data=FOLDER (make book "
            f"PRESET={preset} DATA=FOLDER), a folder with {made.boards_folder}/ and, unless "
            f"training_scenes='simulated', {made.scenes_folder}/"
        )
    if made.data and not made.drawn:
        raise ValueError(
            f"data is {made.data!r}, but drawn=False simulates embeddings and looks at no picture "
            f"(preset {preset!r}): give one of the two"
        )
    if made.training_scenes == "simulated" and not made.data:
        raise ValueError(
            "training_scenes is 'simulated', which stands in for the scenes of a folder: pass "
            "data=FOLDER, or leave it out; without data all is simulated"
        )
    return made
