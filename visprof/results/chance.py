"""How much of each number behind the claims is chance, and of which kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict, verdicts_by_seed

__all__ = ["chance_parts"]


def chance_parts(numbers: Mapping[str, Estimate], n_train: int) -> pd.DataFrame:
    """Say of the numbers behind the claims how much of each is chance, and of which kind.

    Parameters
    ----------
    numbers : mapping of str to Estimate
        As ``Study.headline`` gives them.
    n_train : int
        Training pins at which profiles are compared.

    Returns
    -------
    DataFrame
        One row a number that has an interval. Columns number (in words), key, value (with
        interval), sd_units and sd_seeds (parts of its standard error), "part of the seeds" (in its
        variance), seeds (least and largest value of one), verdict (see `verdict`), and "one seed
        alone" (in how many of the seeds the verdict would be the same; empty for one seed).

    Examples
    --------
    >>> seeds = ((0.3, 0.2, 0.4), (0.1, -0.1, 0.3))
    >>> lead = Estimate(0.2, 0.1, 0.3, sd_units=0.03, sd_seeds=0.04, by_seed=seeds)
    >>> numbers = {"map.hybrid-cnn": lead, "map.hybrid": Estimate(0.5), "map.cnn": Estimate(0.3)}
    >>> parts = chance_parts(numbers, 50).iloc[0]
    >>> parts["part of the seeds"], parts["one seed alone"]
    ('64%', '1 of 2')
    """
    words = {
        "map.hybrid-cnn": "mAP: hybrid less CNN alone",
        "map.heldout.hybrid-cnn": "mAP: hybrid less CNN alone, unseen classes",
        "map.hybrid-probe": "mAP: hybrid less linear probe",
        "map.cnn-bow": "mAP: CNN alone less SIFT",
        "map.bow-random": "mAP: SIFT less chance",
        "map.siamese-untrained": "mAP: Siamese less untrained",
        "pairs.differ": "pairs that differ (Z)",
        "variance.image.user": "share of users in the variance",
        f"mrr.image.{n_train}": "MRR: image",
        f"mrr.image-text.{n_train}": "MRR: image less text",
        f"mrr.image-mean-embedding.{n_train}": "MRR: image less mean embedding",
        f"mrr.image-probe-histogram.{n_train}": "MRR: image less probe histogram",
        f"mrr.image-bag-of-words.{n_train}": "MRR: image less bag of words",
        f"mrr.image-file-facts.{n_train}": "MRR: image less file facts",
        f"mrr.image-less-file-facts.{n_train}": "MRR: image without file facts",
        f"mrr.within-class-residual.{n_train}": "MRR: within-class residual",
    }
    rows = []
    for key, name in words.items():
        number = numbers.get(key)
        if number is None or number.low is None:
            continue
        found, values = verdict(key, numbers), [value for value, *_ in number.by_seed]
        alone = [of == found for of in verdicts_by_seed(key, numbers)]
        seeds = number.sd_seeds or 0.0
        total = number.sd_units**2 + seeds**2
        several = len(values) > 1
        rows.append(
            {
                "number": name,
                "key": key,
                "value": f"{number:.3f}",
                "sd_units": number.sd_units,
                "sd_seeds": seeds,
                "part of the seeds": f"{seeds**2 / total:.0%}" if several and total else "",
                "seeds": f"{min(values):.3f} to {max(values):.3f}" if several else "",
                "verdict": found,
                "one seed alone": _how_many(alone) if several else "",
            }
        )
    return pd.DataFrame(rows)


def _how_many(alike: Sequence[bool]) -> str:
    return f"all {len(alike)}" if all(alike) else f"{sum(alike)} of {len(alike)}"
