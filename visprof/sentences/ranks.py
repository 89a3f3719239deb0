"""Sentences of the prediction."""

from __future__ import annotations

from typing import Any

import pandas as pd

from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_of_lead
from visprof.sentences.numerals import listed
from visprof.steps.data import PinArrays

__all__ = ["fewer_users", "image_or_mean", "image_profile", "lacking_profiles"]

LACKING = {
    "text": "no text, fused and bags of words (captions share no words; serial numbers and names "
    "of cameras are none)",
    "palette": "no histograms of labels, palette and file facts (no picture was drawn)",
    "file facts": "no file facts (all pictures are of one size and format)",
}


def lacking_profiles(
    mrr_table: pd.DataFrame, captions: PinArrays | None, n_clusters: int
) -> dict[str, Any]:
    """Which profiles the data do not give, and whether captions have fewer clusters.

    Parameters
    ----------
    mrr_table : DataFrame
        The step of this name.
    captions : PinArrays, optional
        Assignments of captions to clusters; None where there are none.
    n_clusters : int
        Clusters that were asked for.
    """
    profiles = set(mrr_table["profile"])
    known = profiles if "palette" in profiles else profiles | {"file facts"}  # told with it
    lacking = [words for name, words in LACKING.items() if name not in known]
    n_texts = n_clusters if captions is None else captions.background.shape[1]
    if n_texts < n_clusters:
        lacking.append(f"fewer clusters of captions, since only {n_texts} differ")
    return {"lacking": f"Here: {'; '.join(lacking)}." if lacking else ""}


def image_profile(mrr_table: pd.DataFrame, random: Estimate) -> dict[str, Any]:
    """MRR of the image profile with the most training pins, and of the highest profile.

    Parameters
    ----------
    mrr_table : DataFrame
        The step of this name.
    random : Estimate
        MRR of a random ranking, with the number of users.
    """
    n_train = int(mrr_table["n_train"].max())
    most = mrr_table[mrr_table["n_train"] == n_train].set_index("profile")
    image, best = most.loc["image", "estimate"], most["value"].idxmax()
    return {
        "n_train": n_train,
        "n_users": f"{random.n:,}",
        "image": f"{image:.3f}",
        "random": f"{random.value:.4f}",
        "times": f"{image.value / random.value:.0f}",
        "best": best,
        "best.mrr": float(most.loc[best, "value"]),
    }


def image_or_mean(leads: pd.DataFrame) -> dict[str, Any]:
    """At which numbers of training pins image and mean embedding are ahead of each other.

    Parameters
    ----------
    leads : DataFrame
        The step ``profile_leads``.
    """
    leads = leads[leads["other"] == "mean embedding"].set_index("n_train")
    sizes: dict[str, list[str]] = {"holds": [], "does not hold": [], "not resolved": []}
    for n_train, lead, p_value in leads[["estimate", "p_holm"]].itertuples(name=None):
        sizes[verdict_of_lead(lead, p_value)].append(str(n_train))
    ahead, behind, unresolved = (
        f"{listed(of)} training pins" if of else "" for of in sizes.values()
    )
    clusters, mean = "paper's clusters", "plain mean embedding"
    if ahead:
        words = f"The {clusters} are ahead of the {mean} at {ahead}"
        words += f", and behind it at {behind}" if behind else ""
    elif behind:
        words = f"The {mean} is ahead of the {clusters} at {behind}"
    else:
        words = f"The data do not decide between the {clusters} and the {mean}"
    if unresolved and (ahead or behind):
        words += f"; which of the two is ahead is not resolved at {unresolved}"
    most = leads.loc[leads.index.max()]
    lead = f"{most['estimate']:+.3f}, p = {most['p']:.4f}, adjusted {most['p_holm']:.4f}"
    return {"simple": words, "simple.lead": lead}


def fewer_users(mrr_by_users: pd.DataFrame) -> dict[str, Any]:
    """MRR of the image profile among the fewest users and among all.

    Parameters
    ----------
    mrr_by_users : DataFrame
        The step of this name.
    """
    image = mrr_by_users[mrr_by_users["profile"] == "image"]
    few, many = image.iloc[0], image.iloc[-1]
    return {
        "few": f"{few['n_users']:,}",
        "few.mrr": float(few["value"]),
        "many.mrr": float(many["value"]),
    }
