"""How far do headline numbers move if the CNN's features are off by rounding?

Another architecture, or a GPU, gives features that differ by some 5e-6 of their size. Here each is
multiplied by 1 + 5e-6 times a normal number, several times, and all that follows is computed again.

    python -m benchmarks.perturbation --preset demo
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.harness import ROOT
from visprof.files import write_whole
from visprof.intervals import Estimate
from visprof.results.provenance import provenance
from visprof.results.verdicts import verdict
from visprof.steps.registry import find_step, needed_steps
from visprof.study import Study

SIZE = 5e-6
FEATURES = ("scene_features", "pin_features")


class PerturbedFeatures:
    """Features and outputs of another study, each off by chance."""

    def __init__(self, of: Any, rng: np.random.Generator) -> None:
        self.features, self.outputs = (
            (values * (1 + SIZE * rng.standard_normal(values.shape))).astype(np.float32)
            for values in (np.asarray(of.features), np.asarray(of.outputs))
        )


class PerturbedStudy(Study):
    """A study that takes all that no feature plays a part in from another; nothing is kept."""

    def __init__(self, of: Study, number: int) -> None:
        super().__init__(of.preset, of.home, **{name: getattr(of, name) for name in of.given})
        self.of, self.rng = of, np.random.default_rng(number)
        self._follows: dict[str, bool] = dict.fromkeys(FEATURES, True)

    def _value(self, name: str, start: int) -> Any:
        if name not in FEATURES and not self._is_after(name):
            return self.of._value(name, start)
        at = (name, start if self._is_drawn(name) else None)
        if at not in self._values:
            if name in FEATURES:
                value = PerturbedFeatures(self.of[name], self.rng)
            else:
                value = self._compute(name, find_step(name, self), start)
            for other in [of for of in self._values if of[1] not in (None, start, self.starts[0])]:
                del self._values[other]  # of the start before
            self._values[at] = value
        return self._values[at]

    def _is_after(self, name: str) -> bool:
        """Whether features play a part in a step."""
        if name not in self._follows:
            needed = needed_steps(find_step(name, self)).values()
            self._follows[name] = any(map(self._is_after, needed))
        return self._follows[name]


def numbers_of(study: Study) -> dict[str, Estimate]:
    """Headline numbers, and the measures of the map: t-SNE magnifies any difference."""
    return study.headline() | study["map_quality"]


def moved(before: dict[str, Estimate], after: dict[str, Estimate], key: str) -> float:
    """How far a number moved, in half-widths of its interval; of none, relative to its value."""
    old, new = before[key], after[key]
    if old.low is None or old.high == old.low:
        return abs(new.value - old.value) / (abs(old.value) or 1.0)
    return abs(new.value - old.value) / ((old.high - old.low) / 2)


def main() -> None:
    """Perturb, print what moved most, and keep it with its provenance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--data", default=None)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    study = Study(options.preset, data=options.data)
    before = numbers_of(study)
    verdicts = {key: verdict(key, before) for key in before}
    found: dict[str, list[float]] = {key: [] for key in before}
    digits: dict[str, list[float]] = {key: [] for key in before}
    changed: list[dict[str, Any]] = []
    for number in tqdm(range(options.times), "perturbed"):
        after = numbers_of(PerturbedStudy(study, number))
        for key, old in before.items():
            found[key].append(moved(before, after, key))
            off = abs(after[key].value - old.value) / (abs(old.value) or 1.0)
            digits[key].append(-math.log10(off) if off else 16.0)
            if verdict(key, after) != verdicts[key]:
                changed.append({"number": key, "time": number, "before": verdicts[key],
                                "after": verdict(key, after)})  # fmt: skip
    order = sorted(before, key=lambda key: -max(found[key]))
    far = [key for key in order if max(found[key]) > 0.01]
    print(f"{len(before)} numbers, {len(far)} moved by more than a hundredth of a half-width")
    for key in order[:20]:
        print(f"{key:40} {max(found[key]):.2e} half-widths, {min(digits[key]):.1f} digits stay")
    print("verdicts that change:", changed or "none")
    out = options.out or ROOT / "results" / "perturbation" / f"{options.preset}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "preset": options.preset, "times": options.times, "size": SIZE, "run": provenance(),
        "half_widths": {key: max(found[key]) for key in order},
        "digits": {key: round(min(digits[key]), 1) for key in order}, "changed_verdicts": changed,
    }  # fmt: skip
    write_whole(out, f"{json.dumps(kept, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
