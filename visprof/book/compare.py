"""Runs side by side: the parameters that differ, their numbers, and differences by user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from visprof.book.runs import Run
from visprof.intervals import Estimate
from visprof.results.users import NotPairedError, paired_differences

__all__ = ["Comparison", "compare_runs", "differing_parameters"]


@dataclass(frozen=True)
class Comparison:
    """Runs side by side.

    Attributes
    ----------
    parameters : DataFrame
        Those that differ: columns parameter, and a run each.
    numbers : DataFrame
        Those that all have: columns number, a run each (with its 95 % interval), and the difference
        of each other run from the first. Where it is paired by user it has an interval.
    not_paired : dict of str to str
        Runs whose differences are not paired, and why, by name.
    """

    parameters: pd.DataFrame
    numbers: pd.DataFrame
    not_paired: dict[str, str]


def compare_runs(runs: Sequence[Run], names: Sequence[str]) -> Comparison:
    """Set runs side by side.

    Parameters
    ----------
    runs : sequence of Run
        At least two.
    names : sequence of str
        Heads of their columns.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If there are fewer than two runs, or they have no number in common.
    """
    if len(runs) < 2:
        raise ValueError(f"runs: expected at least 2 to compare, got {len(runs)}")
    first, *others = runs
    common = [key for key in first.numbers if all(key in other.numbers for other in others)]
    if not common:
        told = [f"{run.folder} (chapter {run.chapter}, {len(run.numbers)} numbers)" for run in runs]
        raise ValueError(
            f"{' and '.join(told)} have no number in common; compare runs of one chapter"
        )
    differing = differing_parameters([run.parameters for run in runs])
    parameters = [(name, *(run.parameters.get(name) for run in runs)) for name in differing]
    values = [run.users for run in runs]
    seed = int(first.parameters.get("seed") or 0)
    columns: dict[str, list[str]] = {"number": common}
    for run, name in zip(runs, names, strict=True):
        columns[name] = [f"{run.numbers[key]:.4g}" for key in common]
    not_paired = {}
    for run, of_run, name in zip(others, values[1:], names[1:], strict=True):
        differences = {
            key: Estimate(run.numbers[key].value - first.numbers[key].value) for key in common
        }
        try:
            differences |= paired_differences(values[0], of_run, common, seed)
        except NotPairedError as error:
            not_paired[name] = str(error)
        columns[f"{name} less {names[0]}"] = [f"{differences[key]:+.4g}" for key in common]
    return Comparison(
        pd.DataFrame(parameters, columns=["parameter", *names], dtype=object),
        pd.DataFrame(columns),
        not_paired,
    )


def differing_parameters(of_runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the parameters that have not one value in all runs, in alphabetical order.

    Examples
    --------
    >>> differing_parameters([{"n_clusters": 25, "seed": 0}, {"n_clusters": 50, "seed": 0}])
    ['n_clusters']
    """
    names = sorted(set().union(*of_runs))
    return [name for name in names if any(of.get(name) != of_runs[0].get(name) for of in of_runs)]
