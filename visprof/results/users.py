"""Values of each user, beside the ledger whose numbers are means of them; differences by user.

A table has a row for each user, profile, number of training pins and seed, and the columns

- ``profile``, ``n_train``: as in the keys of a ledger, ``mrr.PROFILE.N_TRAIN``;
- ``seed``: 1, 2, ..., in the order of a study's seeds;
- ``user``, ``sessions``: whose, and how many sessions their pins have;
- ``held_out``: digest of the user's held-out pins, what they show and when they were added;
- ``rank``, ``reciprocal_rank``: of the user's own test profile among those of all N users, the
  middle one of ties;
- ``p``: the share of all test profiles that are as near to the user's training profile as the own
  one, or nearer. Were the own one any of them, it would be at most p with probability p or less.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path

from visprof._extras import needs
from visprof._lazy import lazily
from visprof.files import write_whole
from visprof.intervals import Estimate, mean_over_seeds

with lazily():
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "NotPairedError", "numbered_users", "paired_differences", "read_users", "user_scores",
    "users_file", "write_users",
]  # fmt: skip


class NotPairedError(ValueError):
    """A number of two runs cannot be compared user by user; the text is the reason."""


def users_file(ledger: str | Path) -> Path:
    """Where the values of a ledger's users are.

    Examples
    --------
    >>> users_file("run/numbers.json").as_posix(), users_file("results/demo.json").as_posix()
    ('run/users.parquet', 'results/demo.users.parquet')
    """
    ledger = Path(ledger)
    name = ledger.name.removesuffix(".json").removesuffix(".ledger")
    return ledger.with_name("users.parquet" if name == "numbers" else f"{name}.users.parquet")


def write_users(values: pd.DataFrame, ledger: str | Path) -> None:
    """Write the values of a ledger's users beside it.

    Parameters
    ----------
    values : DataFrame
        A table as this module describes it.
    ledger : path
        The ledger; it need not be there yet.
    """
    with needs("book"):
        import pyarrow  # noqa: F401  (which pandas writes it with)
    file = io.BytesIO()
    values.to_parquet(file, index=False)
    write_whole(users_file(ledger), file.getvalue())


def read_users(ledger: str | Path) -> pd.DataFrame | None:
    """Read what `write_users` wrote; None if it wrote nothing beside this ledger.

    Raises
    ------
    ValueError
        If the file was cut or changed; its name is told.
    """
    file = users_file(ledger)
    if not file.is_file():
        return None
    with needs("book"):
        import pyarrow  # noqa: F401
    try:
        return pd.read_parquet(file)
    except Exception as error:  # pyarrow raises nearly anything on damaged bytes
        raise ValueError(f"{file} cannot be read ({error}); delete it and make it anew") from error


def numbered_users(values: pd.DataFrame) -> pd.DataFrame:
    """The same values, of users who are numbered by the order of their names: to be published."""
    numbers = np.unique(values["user"].to_numpy(), return_inverse=True)[1]
    return values.drop(columns="held_out").assign(user=numbers)


def user_scores(values: pd.DataFrame, key: str) -> NDArray[np.float64] | None:
    """What a number of the ledger is the mean of, by seed and user.

    Parameters
    ----------
    values : DataFrame
        A table as this module describes it.
    key : str
        Of the number: ``mrr.PROFILE.N_TRAIN``, or ``recall@K`` in the place of ``mrr``.

    Returns
    -------
    ndarray, shape (S, n), or None
        Users in sorted order; None if the number is no mean of these values.

    Examples
    --------
    >>> rows = {"profile": "image", "n_train": 5, "seed": 1, "user": ["a", "b"], "rank": [1, 4]}
    >>> values = pd.DataFrame(rows).assign(reciprocal_rank=[1, 0.25])
    >>> user_scores(values, "mrr.image.5"), user_scores(values, "recall@1.image.5")
    (array([[1.  , 0.25]]), array([[1., 0.]]))
    """
    named = re.fullmatch(r"(mrr|recall@(\d+))\.([^.]+)\.(\d+)", key)
    if named is None:
        return None
    score, k, profile, n_train = named.groups()
    rows = values[(values["profile"] == profile) & (values["n_train"] == int(n_train))]
    if rows.empty:
        return None
    column = "reciprocal_rank" if score == "mrr" else "rank"
    by_user = rows.pivot(index="seed", columns="user", values=column).to_numpy(np.float64)
    return by_user if score == "mrr" else (by_user <= int(k)).astype(np.float64)


def paired_differences(
    a: pd.DataFrame | None, b: pd.DataFrame | None, keys: Iterable[str], random_state: int = 0
) -> dict[str, Estimate]:
    """Numbers of one run less those of another, user by user.

    Parameters
    ----------
    a, b : DataFrame or None
        Tables as this module describes them; None of a run that has none.
    keys : iterable of str
        Of the numbers.
    random_state : int
        Seed of the bootstrap draws.

    Returns
    -------
    dict of str to Estimate
        ``b`` less ``a``, with a bootstrap interval over users and seeds, as a ledger has it of the
        difference of two profiles (`visprof.intervals.mean_over_seeds`). Without the numbers that
        are no means over users (`user_scores`).

    Raises
    ------
    NotPairedError
        If the two are not of the same users with the same held-out pins and as many seeds.
    """
    if a is None or b is None:
        raise NotPairedError("no values of users are kept")
    _refuse_others(*(of[["user", "held_out"]].drop_duplicates() for of in (a, b)))
    n_seeds = [of["seed"].nunique() for of in (a, b)]
    if n_seeds[0] != n_seeds[1]:
        raise NotPairedError(f"{n_seeds[1]} seeds against {n_seeds[0]}")
    differences = {}
    for key in keys:
        of_a, of_b = user_scores(a, key), user_scores(b, key)
        if of_a is not None and of_b is not None:
            differences[key] = of_b - of_a
    if not differences:
        return {}
    stacked = np.stack(list(differences.values()), axis=-1)
    found = mean_over_seeds(stacked, "users", random_state=random_state)
    return dict(zip(differences, found, strict=True))


def _refuse_others(a: pd.DataFrame, b: pd.DataFrame) -> None:
    """Raise NotPairedError if users differ, or the pins of them that are held out."""
    both = a.merge(b, on="user")
    if not len(both) == len(a) == len(b):
        raise NotPairedError(f"other users: {len(b)} against {len(a)}, {len(both)} in both")
    others = int((both["held_out_x"] != both["held_out_y"]).sum())
    if others:
        raise NotPairedError(f"other held-out pins, of {others} of {len(both)} users")
