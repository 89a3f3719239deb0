"""Text for Markdown."""

from __future__ import annotations

__all__ = ["as_markdown"]


def as_markdown(text: str) -> str:
    """Write a text so that Markdown shows it as it is: signs stand as character references.

    Parameters
    ----------
    text : str
        Anything, such as the name of a board.

    Returns
    -------
    str

    Examples
    --------
    >>> as_markdown("two *bold* cats")
    'two &#42;bold&#42; cats'
    """
    return "".join(c if c.isalnum() or c in " ,./" else f"&#{ord(c)};" for c in text)
