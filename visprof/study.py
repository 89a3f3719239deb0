"""A study: one set of parameters, and the steps of the paper computed from it.

Each step is a function of `visprof.steps` whose arguments name what it needs: other steps,
parameters, ``folder`` (a folder of its own) or ``client`` (of a cluster).
``Study(...)["map_numbers"]`` therefore computes what Table 1 needs and nothing else. A step's value
is kept on disk under a key made of its parameters, the keys of the steps it needs, and the source
of the code it reaches: change one parameter and only what follows from it is computed again,
whichever chapter asks. What the algorithm draws is drawn `n_seeds` times, by as many seeds (see
`visprof.steps.registry`).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import logging
import platform
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from visprof import cluster, memo, sizing, trace
from visprof.blocks import Client, map_blocks
from visprof.digests import digest
from visprof.intervals import Estimate
from visprof.machine import machine_version
from visprof.parameters import LARGEST_SEED, Parameters, given_parameters, preset_parameters
from visprof.results.ledger import Ledger
from visprof.sources import world
from visprof.steps import STEPS, find_step
from visprof.steps.registry import arguments, is_kept, needed_steps

__all__ = ["HEADLINE", "STEPS", "Study"]

log = logging.getLogger("visprof")
NAMES = frozenset(parameter.name for parameter in dataclasses.fields(Parameters))
PATIENCE = 5.0  # seconds of waiting for another process, until it is looked again what is to do
HEADLINE = (  # steps whose numbers the claims rest on
    "map_numbers", "pair_numbers", "significance_numbers", "variance_numbers", "mrr_numbers",
    "days_numbers", "carry_over_numbers", "fusion_numbers", "transfer_numbers",
)  # fmt: skip


class Study:
    """The paper on one set of parameters.

    Parameters
    ----------
    preset : str
        One of `visprof.parameters.PRESETS`.
    home : path, optional
        Folder in which steps are kept; by default one in ``_build/cache`` of the checkout, or of
        the working folder where the package is installed elsewhere. What another machine has
        rounded is not taken for this one's: each has its own.
    client : distributed.Client, optional
        Of a cluster that does what can be cut into blocks (`visprof.blocks`), whose workers see
        `home`, and the data, by the same paths. No number depends on it.
    **changes
        Parameters that differ from the preset's; None leaves the preset's value. What is left to
        the preset is fitted to the data when it is first needed (see `visprof.sizing`).

    Raises
    ------
    ValueError
        If the preset or a parameter is unknown (the known ones are listed), a value is none that
        the parameter may have, or a preset for real pictures gets no data.

    Examples
    --------
    >>> study = Study("tiny", n_clusters=10)
    >>> study["mrr_numbers"]["mrr.image.10"].n
    8
    """

    def __init__(
        self,
        preset: str = "demo",
        home: str | Path | None = None,
        client: Client | None = None,
        **changes: Any,
    ):
        self.asked = preset_parameters(preset, changes)
        self.preset = preset
        self.given = frozenset(name for name, value in changes.items() if value is not None)
        self.client = client
        self.home = Path(home) if home is not None else _default_home(client)
        self._waits = True  # for what another process computes
        # by step and start; those of another start than the first are kept for one start at a time
        self._values: dict[tuple[str, int | None], Any] = {}
        self._passing: dict[tuple[str, int | None], Any] = {}
        self._keys: dict[tuple[str, int | None], str] = {}
        self._drawn: dict[str, bool] = {}
        self._fingerprints: dict[str, str] = {}

    @classmethod
    def of_page(cls, variables: Mapping[str, Any]) -> Study:
        """The study of a page: of its variable ``preset``, and of all named as parameters are.

        So a page has every parameter that it was given, whether its own cell lists it or not; and
        the cluster that the book is built with, if there is one.

        Parameters
        ----------
        variables : mapping
            The page's ``globals()``.

        Returns
        -------
        Study
        """
        client = cluster.client_of_page()
        return cls(variables["preset"], client=client, **given_parameters(variables))

    @cached_property
    def fit(self) -> sizing.Fit:
        """Parameters as the data allow them, and what that changed.

        Raises
        ------
        ValueError
            If the data hold too little; all that is too little is listed.
        """
        places = self._places
        fit = sizing.fit_to_data(places.parameters, self.given, self._census())
        fit = dataclasses.replace(fit, choices=(*places.choices, *fit.choices))
        for choice in fit.choices:
            log.info("fitted to the data: %s", choice)
        return fit

    @cached_property
    def _places(self) -> sizing.Fit:
        """Where the data are, which is known before they are read."""
        return sizing.fit_to_folders(self.asked, self.given)

    @property
    def parameters(self) -> Parameters:
        """All parameters, fitted to the data."""
        return self.fit.parameters

    def _census(self) -> sizing.Census:
        """What there is of boards and scenes; of simulated ones, without drawing them."""
        asked = self.asked
        problems: list[str] = []
        if asked.data and asked.weights not in ("", "random") and not Path(self._weights).is_file():
            problems.append(
                f"network: no file of weights at {self._weights}; put it there, or pass "
                "backbone=efficientnet-lite0, whose weights come with a package"
            )
        train, n_test = pd.Series(dtype=int), 0
        if asked.data and asked.training_scenes == "own":
            try:
                split = self["scene_split"]
            except (FileNotFoundError, ValueError) as error:
                # in the place of a preset's folder, the usual one is taken (sizing)
                usual = Parameters.scenes_folder
                either = asked.scenes_folder != usual and "scenes_folder" not in self.given
                also = f"; a folder {usual}/ does as well" if either else ""
                problems.append(f"scenes: {error}{also}")
            else:
                train, n_test = split.train["label"].value_counts(), len(split.test)
        elif asked.drawn:
            train, n_test = self._simulated_scenes()
        if asked.data:
            pins = self["pins"].readable
            return sizing.Census(pins, self["picture_contents"], train, n_test, tuple(problems))
        n = asked.n_users * asked.n_simulated_pins
        # every board is active, and a repeat shows what another pin shows
        since = pd.Timestamp(asked.active_since, tz="UTC")
        boards = np.repeat(np.arange(asked.n_users), asked.n_simulated_pins)
        n_new = max(1, round(n * (1 - asked.repeat_share) * (1 - asked.shared_share)))
        return sizing.Census(
            pd.DataFrame({"board": boards, "time": since}), np.arange(n) % n_new, train, n_test
        )

    def _simulated_scenes(self) -> tuple[pd.Series, int]:
        """Training scenes by class, and test scenes, as `scenes.split_scenes` parts drawn ones."""
        n_test = max(1, round(self.asked.scenes_per_class / 2))
        n_train = self.asked.scenes_per_class - n_test
        return pd.Series(n_train, index=world.SCENE_CLASSES), n_test * len(world.SCENE_CLASSES)

    def __getitem__(self, name: str) -> Any:
        """Value of a step: from memory, from disk, or computed now with all that it needs.

        Of a step that the algorithm's seed plays a part in, it is that of the first start.
        """
        if name not in STEPS:
            raise KeyError(f"no step {name!r}; known: {', '.join(STEPS)}")
        return self._value(name, self.starts[0])

    def every(self, name: str) -> list[Any]:
        """Values of a step by start, in the order of `starts`.

        Parameters
        ----------
        name : str
            The step.

        Returns
        -------
        list

        Notes
        -----
        With a cluster, each start's is computed by a worker. What another process computes of a
        start is left to it, and the next start taken first.
        """
        if self.client is not None:
            self._keep_starts(name)
        found: dict[int, Any] = {}
        while left := [start for start in self.starts if start not in found]:
            if self._waits:
                self._waits = False
                try:
                    for start in left:
                        with contextlib.suppress(memo.InUseError):
                            found[start] = self._value(name, start)
                finally:
                    self._waits = True
            if left := [start for start in left if start not in found]:
                found[left[0]] = self._value(name, left[0])
        return [found[start] for start in self.starts]

    def compute(self, name: str, given: Mapping[str, Any]) -> Any:
        """Compute a step from values that are given, and keep nothing of it.

        Parameters
        ----------
        name : str
            The step.
        given : mapping of str to object
            What stands in for parameters of the study and values of other steps, by name; what the
            step needs beside them is the study's own.

        Returns
        -------
        object
            Its value, of the first start.
        """
        return self._compute(name, find_step(name, self), self.starts[0], given)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Seeds of what the algorithm draws, (n_seeds,): the study's own first."""
        seed, n_seeds = self.asked.seed, self.asked.n_seeds
        others = np.random.SeedSequence(seed).generate_state(n_seeds - 1) % LARGEST_SEED
        return (seed, *others.tolist())

    def _value(self, name: str, start: int) -> Any:
        at = (name, start if self._is_drawn(name) else None)
        values = self._values
        if at[1] not in (None, self.starts[0]):
            if any(other != start for _, other in self._passing):
                self._passing.clear()
            values = self._passing
        if at not in values:
            self._note(name)
            function = find_step(name, self)
            if is_kept(function):
                values[at] = self._kept(name, function, start)
            else:
                values[at] = self._compute(name, function, start)
        return values[at]

    def _kept(self, name: str, function: Callable[..., Any], start: int) -> Any:
        """Value of a step from disk, or computed now and kept.

        While another process computes it, this one computes what that will need and nobody does yet
        (other starts, say), and waits only where there is nothing to do.
        """
        folder = self._folder(name, start)

        def keep(waits: bool | float) -> Any:
            return memo.keep(folder, lambda: self._compute(name, function, start), waits)

        if not self._waits:
            return keep(False)
        with contextlib.suppress(memo.InUseError):
            return keep(False)
        since = time.time()
        while True:
            if self.client is None:
                self._help(name, start)
            with trace.waiting(name, since), contextlib.suppress(memo.InUseError):
                return keep(PATIENCE)

    def _help(self, name: str, start: int) -> None:
        """Compute and keep what a value needs, the last first, which the one who computes it meets.

        Of that, what has all that it needs itself, and is not being computed.
        """
        other = copy.copy(self)  # without values: these are not for this page
        other._waits = False
        for at in reversed(self._due(name, start, set())):
            if memo.is_there(self._folder(name, start)):
                return
            if other._due(*at, set()) == [at]:
                with contextlib.suppress(memo.InUseError):
                    other._value(*at)

    def _is_drawn(self, name: str) -> bool:
        """Whether a step's value depends on the start: of its own, or of a step that it needs."""
        if name not in self._drawn:
            function = find_step(name, self)
            steps = needed_steps(function).items()
            self._drawn[name] = "start" in arguments(function) or any(
                self._is_drawn(of) for argument, of in steps if argument == of
            )
        return self._drawn[name]

    def __getattr__(self, name: str) -> Any:
        """Value of a parameter; the data are looked at only for those that depend on them."""
        if name not in NAMES:
            raise AttributeError(name)
        if name in sizing.PLACES:
            return getattr(self._places.parameters, name)
        return getattr(self.parameters if name in sizing.FITTED else self.asked, name)

    def key(self, name: str, start: int | None = None) -> str:
        """Key of a step: its parameters, its needs' keys and its code, as one hash.

        Parameters
        ----------
        name : str
            The step.
        start : int, optional
            One of `starts`; by default the first.
        """
        start = self.starts[0] if start is None else start
        at = (name, start if self._is_drawn(name) else None)
        if at not in self._keys:
            function = find_step(name, self)
            steps = needed_steps(function)
            parts: dict[str, str] = {"step": name, "code": _version(function)}
            for needed in arguments(function):
                if needed in steps:
                    starts = (start,) if needed == steps[needed] else self.starts
                    parts[needed] = " ".join(self.key(steps[needed], of) for of in starts)
                elif needed == "start":
                    parts[needed] = repr(start)
                elif needed == "data":
                    parts[needed] = self._fingerprint(self.data) if self.data else ""
                elif needed == "weights":
                    parts[needed] = self._fingerprint(self._weights) if self._weights else ""
                elif needed == "folder":  # values may name files in it: not valid elsewhere
                    parts[needed] = str(self.home.resolve())
                elif needed != "client":  # who computes a value does not change it
                    parts[needed] = repr(getattr(self, needed))
            self._keys[at] = digest(json.dumps(parts, sort_keys=True))
        return self._keys[at]

    def _fingerprint(self, path: str) -> str:
        """As of `memo.fingerprint`, looked at once: a study is of the data as they are then."""
        if path not in self._fingerprints:
            self._fingerprints[path] = memo.fingerprint(path)
        return self._fingerprints[path]

    def _note(self, name: str) -> None:
        """Write down what a step is made from: its code, that of all it needs, and files."""
        needed: dict[str, Callable[..., Any]] = {}
        waiting, parameters = {name}, set()
        while waiting:
            found = waiting.pop()
            needed[found] = find_step(found, self)
            waiting |= set(needed_steps(needed[found]).values()) - needed.keys()
            parameters |= set(arguments(needed[found]))
        files = {"data": self.data, "weights": self._weights}
        trace.note_inputs(
            {f"{found.__module__}.{found.__name__}": _version(found) for found in needed.values()},
            {
                str(Path(path).resolve()): self._fingerprint(path)
                for key, path in files.items()
                if key in parameters and path
            },
        )

    def _compute(
        self,
        name: str,
        function: Callable[..., Any],
        start: int,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        steps, given = needed_steps(function), given or {}
        values = {}
        for needed in arguments(function):
            if needed in given:
                values[needed] = given[needed]
            elif needed in steps and needed != steps[needed]:
                values[needed] = self.every(steps[needed])
            elif needed in steps:
                values[needed] = self._value(needed, start)
            elif needed == "start":
                values[needed] = start
            elif needed == "folder":
                values[needed] = self._folder(name, start)
            else:
                values[needed] = self._weights if needed == "weights" else getattr(self, needed)
        begin = time.perf_counter()
        several = self._is_drawn(name) and len(self.starts) > 1
        seed = f", seed {self.starts.index(start) + 1} of {len(self.starts)}" if several else ""
        with trace.computing(f"{name}{seed}"):
            value = function(**values)
        log.info("%s%s: computed in %.1f s", name, seed, time.perf_counter() - begin)
        return value

    def _keep_starts(self, name: str) -> None:
        """Let workers compute what is not kept yet of a step's values, one start each."""
        due = {start: self._due(name, start, set()) for start in self.starts}
        for step in dict.fromkeys(step for needed in due.values() for step, _ in needed):
            if not self._is_drawn(step):  # the same for all starts: here, and once
                self._value(step, self.starts[0])
        starts = [
            start
            for start, needed in due.items()
            if any(self._is_drawn(step) for step, _ in needed)
        ]
        if len(starts) > 1:
            with trace.computing(f"{name}, {len(starts)} seeds on the cluster"):
                keep_start = partial(_keep_start, self, name, Path.cwd())
                deque(map_blocks(keep_start, starts, self.client), maxlen=0)

    def _due(
        self, name: str, start: int, seen: set[tuple[str, int | None]]
    ) -> list[tuple[str, int]]:
        """Steps that must be computed and kept for a value, each after what it needs."""
        at = (name, start if self._is_drawn(name) else None)
        function = find_step(name, self)
        is_there = is_kept(function) and memo.is_there(self._folder(name, start))
        if at in seen or at in self._values or is_there:
            return []
        seen.add(at)
        found: list[tuple[str, int]] = []
        for argument, needed in needed_steps(function).items():
            for of in (start,) if argument == needed else self.starts:
                found += self._due(needed, of, seen)
        return [*found, (name, start)] if is_kept(function) else found

    def __getstate__(self) -> dict[str, Any]:
        """As a worker gets it, or a copy: without client and values, which it finds at home."""
        nothing: dict[str, Any] = {"client": None, "_values": {}, "_passing": {}}
        return self.__dict__ | nothing | {"home": self.home.resolve()}

    @property
    def _weights(self) -> str:
        """Path of the weights, which lie beside the pictures they are used for; none is empty."""
        return str(Path(self.data) / self.weights) if self.data and self.weights else self.weights

    def _folder(self, name: str, start: int) -> Path:
        return self.home.resolve() / name / self.key(name, start)

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
        """What the claims rest on: Table 1, Figure 5, tests, variance shares, Figure 6, days."""
        return {key: number for step in HEADLINE for key, number in self[step].items()}

    def record(
        self,
        numbers: Mapping[str, Estimate],
        ledger: str | Path,
        confirms: Mapping[str, Any] | None = None,
    ) -> None:
        """Write numbers with this study's parameters into a ledger; no path, no ledger.

        What they confirm, if anything, is kept with them (see `visprof.confirm`).
        """
        if str(ledger):
            fitted = {choice.name: str(choice) for choice in self.fit.choices}
            parameters = dataclasses.asdict(self.parameters)
            Ledger(ledger).write(
                numbers, parameters, self.preset, fitted, self["data_digest"], confirms, self.engine
            )

    @property
    def engine(self) -> dict[str, Any]:
        """What computes, for provenance; empty if it is this process alone."""
        return {} if self.client is None else cluster.engine(self.client)


def _version(function: Callable[..., Any]) -> str:
    return memo.code_version(function.__module__, function.__name__)


def _keep_start(study: Study, name: str, folder: Path, start: int) -> None:
    """Compute what a step's value at a start is made of, on a worker, and keep it at home.

    A worker waits for nobody, since who holds a lock may wait for this very worker: then there is
    nothing kept, and who asked for it finds it missing and waits.
    """
    if not study.home.is_dir():
        raise FileNotFoundError(
            f"a worker on {platform.node()} does not see {study.home}; workers must have that "
            "folder of kept steps, and the data, by the same paths as who asks"
        )
    study._waits = False
    with contextlib.chdir(folder), contextlib.suppress(memo.InUseError):
        study._value(name, start)


def _default_home(client: Client | None = None) -> Path:
    checkout = Path(__file__).resolve().parent.parent
    base = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    machines = machine_version() if client is None else cluster.machines(client)
    return base / "_build" / "cache" / machines[:12]
