"""Presets that fit themselves to the data: what fewer boards, pins or scenes than usual allow.

A preset's values are made for as many boards as it expects. Where the data hold fewer, the values
that depend on their number are lowered, each by a rule below and never beneath its limit; values
that somebody gave are left as they are. What cannot be had is told at once, all of it.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visprof.boards import background_split, board_name
from visprof.checks import listed
from visprof.maps import largest_perplexity
from visprof.parameters import Parameters

__all__ = ["FITTED", "PLACES", "Census", "Choice", "Fit", "fit_to_data", "fit_to_folders"]

LEAST_USERS = 6  # pins a board are lowered until as many boards are analysed
FEWEST_USERS = 2  # with fewer there is nobody to compare
LEAST_PINS = 20  # of an analysed board
LEAST_BACKGROUND = 3  # boards set aside; where there are fewer, all pins are the background
BACKGROUND_SHARE = 3  # at most one in so many analysable boards is set aside where they are few
LEAST_POINTS = 10  # of a map
PINS_PER_CLUSTER = 5  # distinct pictures of the background for each cluster
# Parameters that may be fitted
FITTED = (
    "min_pins", "n_pins", "n_test", "train_sizes", "background_source", "n_background",
    "n_clusters", "n_components", "n_similar", "n_dissimilar", "perplexity",
)  # fmt: skip
PLACES = ("scenes_folder",)  # fitted before anything is read: it says what is


@dataclass(frozen=True)
class Census:
    """What there is of boards and scenes.

    Attributes
    ----------
    pins : DataFrame
        Columns board and time, one row a pin that can be read.
    contents : ndarray, shape (len(pins),)
        Equal where two pins show the same picture.
    train_scenes : Series
        Training scenes by class; empty where no scenes are looked at.
    n_test_scenes : int
        Scenes of the test part.
    problems : tuple of str
        What else is missing, such as scenes or the network's weights.
    """

    pins: pd.DataFrame
    contents: np.ndarray
    train_scenes: pd.Series = field(default_factory=lambda: pd.Series(dtype=int))
    n_test_scenes: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """A value that the data made another one than the preset's."""

    name: str
    usual: Any
    value: Any
    reason: str

    def __str__(self) -> str:
        return f"{self.name} is {self.value!r} instead of {self.usual!r}: {self.reason}"


@dataclass(frozen=True)
class Fit:
    """Parameters that the data allow, and which of them are not the preset's, and why."""

    parameters: Parameters
    choices: tuple[Choice, ...] = ()


def fit_to_folders(parameters: Parameters, given: Collection[str]) -> Fit:
    """Take the usual folder of labelled scenes where the data have none of the preset's name.

    Parameters
    ----------
    parameters : Parameters
        As asked for.
    given : collection of str
        Names of those that somebody gave: they stay as they are.

    Returns
    -------
    Fit
    """
    data, name, usual = Path(parameters.data), parameters.scenes_folder, Parameters.scenes_folder
    if (
        "scenes_folder" in given
        or not parameters.data
        or (data / name).is_dir()
        or not (data / usual).is_dir()
    ):
        return Fit(parameters)
    choice = Choice("scenes_folder", name, usual, f"the data have no folder {name}/")
    return Fit(dataclasses.replace(parameters, scenes_folder=usual), (choice,))


def fit_to_data(parameters: Parameters, given: Collection[str], census: Census) -> Fit:
    """Lower what a preset asks for to what the data hold.

    Parameters
    ----------
    parameters : Parameters
        As asked for.
    given : collection of str
        Names of those that somebody gave: they stay as they are.
    census : Census
        What the data hold.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        If the data hold too little, or less than what was given; all that is too little is listed.

    Examples
    --------
    >>> asked = Parameters(data="folder", n_map=100)
    >>> times = pd.date_range("2015-01-01", periods=60 * 120, freq="h", tz="UTC")
    >>> pins = pd.DataFrame({"board": np.repeat(np.arange(60), 120), "time": times})
    >>> fitted = fit_to_data(asked, {"data", "n_map"}, Census(pins, np.arange(len(pins)) % 300))
    >>> for choice in fitted.choices:
    ...     print(choice)
    n_clusters is 60 instead of 100: the background holds 300 different pictures, 5 for each cluster
    """
    fitting = _Fitting(parameters, frozenset(given), census)
    fitting.pins_of_boards()
    fitting.background_boards()
    fitting.clusters()
    fitting.components()
    fitting.pairs_of_scenes()
    fitting.perplexity()
    fitting.board()
    if fitting.problems:
        raise ValueError(
            "the data hold too little for these parameters:\n"
            + "\n".join(f"  - {problem}" for problem in fitting.problems)
        )
    return Fit(fitting.made, tuple(fitting.choices.values()))


class _Fitting:
    """The rules, one after the other; each sees what the former chose."""

    def __init__(self, asked: Parameters, given: frozenset[str], census: Census) -> None:
        self.asked, self.given, self.census = asked, given, census
        self.made = asked
        self.choices: dict[str, Choice] = {}
        self.problems = list(census.problems)
        boards = census.pins.groupby("board", observed=True)["time"]
        table = boards.agg(["size", "max"])
        recent = table["max"] >= pd.Timestamp(asked.active_since, tz="UTC")
        self.sizes = table.loc[recent, "size"].sort_values(ascending=False, kind="stable")
        self.n_boards = len(table)

    def choose(self, reason: str, **values: Any) -> None:
        """Take other values; all at once, since some make sense together only."""
        self.made = dataclasses.replace(self.made, **values)
        for name, value in values.items():
            if (usual := getattr(self.asked, name)) != value:
                self.choices[name] = Choice(name, usual, value, reason)

    def pins_of_boards(self) -> None:
        asked = self.asked
        if "min_pins" in self.given and "n_pins" in self.given:
            if asked.n_pins > asked.min_pins:
                self.problems.append(
                    f"boards: n_pins={asked.n_pins} pins are sampled of each, but min_pins="
                    f"{asked.min_pins} lets smaller ones in: raise min_pins or lower n_pins"
                )
                return
        elif "n_pins" in self.given and asked.n_pins > asked.min_pins:
            self.choose("as many pins are sampled of each board", min_pins=asked.n_pins)
        elif "min_pins" in self.given:
            self.sample(min(asked.min_pins, asked.n_pins), "boards of so few pins are let in")
        elif "n_pins" not in self.given:
            wanted = LEAST_USERS
            if asked.background_source == "active":
                wanted += LEAST_BACKGROUND
            if (self.sizes >= asked.min_pins).sum() < wanted and len(self.sizes):
                largest = int(self.sizes.iloc[:wanted].iloc[-1])
                least = min(max(largest, LEAST_PINS), asked.min_pins)
                n = int((self.sizes >= asked.min_pins).sum())
                why = f"only {n} of {self.n_boards} boards have {asked.min_pins} pins"
                self.choose(why, min_pins=least)
                self.sample(min(least, asked.n_pins), why)
        if (n_users := int((self.sizes >= self.made.min_pins).sum())) < FEWEST_USERS:
            largest = self.sizes.max() if len(self.sizes) else 0
            self.problems.append(
                f"boards: {n_users} of {self.n_boards} have at least {self.made.min_pins} pins "
                f"and one since {asked.active_since} (the largest of these has {largest}); at "
                f"least {FEWEST_USERS} are needed: add boards or pictures"
                + (", or lower min_pins" if self.made.min_pins > LEAST_PINS else "")
                + (", or active_since" if len(self.sizes) < self.n_boards else "")
            )

    def sample(self, n_pins: int, reason: str) -> None:
        """Sample so many pins of each board; training and test pins shrink by the same share."""
        asked = self.asked
        if n_pins >= asked.n_pins:
            return
        n_test, train_sizes = asked.n_test, asked.train_sizes
        if "n_test" not in self.given:
            n_test = max(1, asked.n_test * n_pins // asked.n_pins)
        if "train_sizes" not in self.given:
            scaled = (max(1, size * n_pins // asked.n_pins) for size in asked.train_sizes)
            train_sizes = tuple(dict.fromkeys(scaled))
        if train_sizes[-1] + n_test > n_pins:
            self.problems.append(
                f"boards: {reason}, and train_sizes={train_sizes} with n_test={n_test} ask for "
                f"{train_sizes[-1] + n_test}: lower those"
            )
            return
        self.choose(reason, n_pins=n_pins, n_test=n_test, train_sizes=train_sizes)

    def background_boards(self) -> None:
        asked, fits = self.asked, self.sizes >= self.made.min_pins
        n_active = int(fits.sum())
        n_rest = self.n_boards - n_active
        source = asked.background_source
        if source == "all" or n_active < FEWEST_USERS:
            return
        if "n_background" in self.given:
            least, most = asked.n_background, n_rest if source == "rest" else n_active - 2
            if least > most:
                self.problems.append(
                    f"background: n_background={least}, but {max(most, 0)} boards can be "
                    f"background (background_source={source!r}): lower it, or pass another source"
                )
            return
        if source == "rest":
            if n_rest >= LEAST_BACKGROUND:
                if n_rest < asked.n_background:
                    why = f"only {n_rest} boards are not analysed"
                    self.choose(why, n_background=n_rest)
                return
            if "background_source" in self.given:
                self.problems.append(
                    f"background: {n_rest} boards are not analysed; background_source='rest' "
                    f"needs {LEAST_BACKGROUND}: pass 'active' or 'all'"
                )
                return
        share = n_active // BACKGROUND_SHARE
        if source == "active" and n_active - asked.n_background >= min(LEAST_USERS, 2 * share):
            return
        why = f"{n_active} of {self.n_boards} boards can be analysed"
        if share >= LEAST_BACKGROUND:
            n_background = min(asked.n_background, share)
            self.choose(why, background_source="active", n_background=n_background)
        elif "background_source" in self.given:
            self.problems.append(
                f"background: {n_active} boards can be analysed; background_source={source!r} "
                f"needs {BACKGROUND_SHARE * LEAST_BACKGROUND}: pass 'all', or add boards"
            )
        else:
            self.choose(f"{why}, too few to set some aside", background_source="all")

    def board(self) -> None:
        asked = board_name(self.asked.board)
        analysed = [str(name) for name in self.sizes.index[self.sizes >= self.made.min_pins]]
        if asked and asked not in analysed:
            near = difflib.get_close_matches(asked.casefold(), map(str.casefold, analysed), 1)
            hint = next((f" (did you mean {b}?)" for b in analysed if b.casefold() in near), "")
            self.problems.append(
                f"boards: board={asked!r} is not among the {len(analysed)} that can be "
                f"analysed{hint}: {listed(sorted(analysed), 20)}"
            )

    def clusters(self) -> None:
        if self.problems:
            return  # it is not known which pins would be the background
        pins, made = self.census.pins, self.made
        background = np.ones(len(pins), dtype=bool)
        if made.background_source != "all":
            kept = pins[pins["board"].isin(self.sizes.index[self.sizes >= made.min_pins])]
            chosen, _ = background_split(
                pins, kept, made.n_background, made.background_source, made.seed
            )
            background = pins["board"].isin(chosen["board"].unique()).to_numpy()
        self.n_background_pins = int(background.sum())
        n_distinct = self.n_distinct = len(np.unique(self.census.contents[background]))
        have = f"the background holds {n_distinct} different pictures"
        if "n_clusters" in self.given:
            if made.n_clusters > n_distinct:
                wanted = f"n_clusters={made.n_clusters}"
                self.problems.append(f"clusters: {have}, not enough for {wanted}: lower it")
            return
        most = max(2, n_distinct // PINS_PER_CLUSTER)
        if n_distinct < 2 * PINS_PER_CLUSTER:
            self.problems.append(f"clusters: {have}; at least {2 * PINS_PER_CLUSTER} are needed")
        elif made.n_clusters > most:
            self.choose(f"{have}, {PINS_PER_CLUSTER} for each cluster", n_clusters=most)

    def components(self) -> None:
        if self.problems:
            return
        have = f"the background holds {self.n_distinct} different pictures"
        if self.made.n_components >= self.n_distinct:  # about their mean, they span one less
            if "n_components" in self.given:
                wanted = f"n_components={self.made.n_components}"
                self.problems.append(f"components: {have}, too few for {wanted}: lower it")
            else:
                self.choose(f"{have}, about their mean", n_components=self.n_distinct - 1)

    def pairs_of_scenes(self) -> None:
        sizes = self.census.train_scenes.sort_values(kind="stable")
        if len(sizes) < 2:
            return
        smallest, second = int(sizes.iloc[0]), int(sizes.iloc[1])
        for name, most in (
            ("n_similar", smallest * (smallest - 1) // 2),
            ("n_dissimilar", smallest * second),
        ):
            if (wanted := getattr(self.asked, name)) <= most:
                continue
            drawn = self.asked.training_scenes == "simulated"
            which = "each class of the drawn scenes" if drawn else f"the class {sizes.index[0]}"
            why = f"{which} has {smallest} training scenes"
            if name in self.given or most < 1:
                self.problems.append(f"scenes: {why}, which make {most} pairs, not {name}={wanted}")
            else:
                self.choose(why, **{name: most})

    def perplexity(self) -> None:
        if self.problems:
            return
        points = {"pins": min(self.made.n_map, self.n_background_pins)}
        if self.census.n_test_scenes:
            points["test scenes"] = self.census.n_test_scenes
        unit, n = min(points.items(), key=lambda item: item[1])
        if n < LEAST_POINTS:
            self.problems.append(f"map: {n} {unit}; at least {LEAST_POINTS} are needed")
            return
        wanted, most = self.asked.perplexity, largest_perplexity(n)
        if wanted > most:
            why = f"{n} {unit} are on the map, which allows {most:g}"
            if "perplexity" in self.given:
                self.problems.append(f"map: perplexity={wanted:g}, but {why}: lower it")
            else:
                self.choose(why, perplexity=most)
