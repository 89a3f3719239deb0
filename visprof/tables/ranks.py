"""Tables of the prediction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pandas as pd

from visprof import figures, sentences
from visprof.intervals import Estimate
from visprof.results.verdicts import verdict_above, verdict_of_lead
from visprof.steps.board_guesses import BoardGuesses
from visprof.steps.user_ranking import slug
from visprof.tables.style import Styler, bars_on_one_scale, table

__all__ = ["board_guesses", "image_verdicts", "profile_scores", "redrawn_mrr"]

SCORES = {  # heading: key and format
    "MRR": ("mrr", ".3f"),
    "recall@1": ("recall@1", ".2f"),
    "recall@5": ("recall@5", ".2f"),
    "recall@10": ("recall@10", ".2f"),
    "median rank": ("median-rank", ".1f"),
}


def profile_scores(mrr_table: pd.DataFrame, mrr: Mapping[str, Estimate]) -> Styler:
    """All scores of each profile with the most training pins, and its MRR with ties lost and won.

    Parameters
    ----------
    mrr_table : DataFrame
        The step of this name.
    mrr : mapping of str to Estimate
        The step ``mrr_numbers``.
    """
    n_train, rows, columns = mrr_table["n_train"].max(), [], defaultdict[str, list[Estimate]](list)
    for name in mrr_table["profile"].unique():
        at = f"{slug(name)}.{n_train}"
        scores = {shown: format(mrr[f"{key}.{at}"], of) for shown, (key, of) in SCORES.items()}
        ties = (mrr[f"mrr.{at}.{bound}"].value for bound in ("pessimistic", "optimistic"))
        won = " to ".join(f"{value:.3f}" for value in ties)
        rows.append({"profile": name, **scores, "MRR, ties lost and won": won})
        for shown, (key, _) in SCORES.items():
            columns[shown].append(mrr[f"{key}.{at}"])
    bars = {shown: bars_on_one_scale(of) for shown, of in columns.items()}
    return table(pd.DataFrame(rows), bars=bars)


def image_verdicts(mrr_table: pd.DataFrame, leads: pd.DataFrame, random: Estimate) -> Styler:
    """Whether the image profile is above a random ranking, and above text where there is any.

    Parameters
    ----------
    mrr_table : DataFrame
        The step of this name.
    leads : DataFrame
        The step ``profile_leads``.
    random : Estimate
        MRR of a random ranking.
    """
    text = leads[leads["other"] == "text"].set_index("n_train")
    rows, of_image = [], mrr_table[mrr_table["profile"] == "image"]
    for row in of_image.itertuples():
        shown = {
            "training pins": row.n_train,
            "image": f"{row.estimate:.3f}",
            f"above random ({random.value:.3f})": verdict_above(row.estimate, random.value),
        }
        if row.n_train in text.index:
            lead, p_value, adjusted = text.loc[row.n_train, ["estimate", "p", "p_holm"]]
            shown["image minus text"] = f"{lead:+.3f}"
            shown["p"] = f"{p_value:.4f}"
            shown["adjusted"] = f"{adjusted:.4f}"
            shown["above text"] = verdict_of_lead(lead, adjusted)
        rows.append(shown)
    bars = {"image": bars_on_one_scale(of_image["estimate"].to_list())}
    if len(text):
        leads_by_size = text["estimate"].reindex(of_image["n_train"]).to_list()
        bars["image minus text"] = bars_on_one_scale(
            [None if pd.isna(lead) else lead for lead in leads_by_size]
        )
    return table(pd.DataFrame(rows), bars=bars)


def redrawn_mrr(redrawn: pd.DataFrame) -> Styler:
    """MRR where what was drawn is drawn anew: mean, and least to most.

    Parameters
    ----------
    redrawn : DataFrame
        The step ``redrawn_mrr``.
    """
    found = [f"{row.value:.3f} ({row.least:.3f} to {row.most:.3f})" for row in redrawn.itertuples()]
    named = redrawn.rename(columns={"redrawn": "drawn anew"}).assign(found=found)
    by_profile = named.set_index(["drawn anew", "times", "profile"])["found"].unstack(sort=False)
    return table(by_profile.rename_axis(columns=None).reset_index())


def board_guesses(guesses: BoardGuesses) -> figures.HTMLFigure | Styler:
    """Rounds of guessing to play, or how often the profile is right where there are no pictures.

    Parameters
    ----------
    guesses : BoardGuesses
        The step of this name.
    """
    if any(guesses.rounds["images"].iloc[0]):
        caption = sentences.guessed_boards(guesses)
        return figures.guess_boards(guesses.rounds, guesses.mrr, guesses.first, caption)
    scores = {"MRR": f"{guesses.mrr:.3f}", "right at once": f"{guesses.first:.3f}"}
    return table(pd.DataFrame([{"rounds": f"{guesses.n_rounds:,}", **scores}]))
