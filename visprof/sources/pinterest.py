"""The user's own Pinterest boards, through the official API v5.

You need an access token of your own with the scopes ``boards:read`` and ``pins:read``
(https://developers.pinterest.com: make an app, generate a token). With trial access the API answers
1,000 requests a day; a page of 250 pins is one request, and pictures are not asked of the API. The
token is sent to the API alone, never to the servers of the pictures, and neither written nor shown.

Read Pinterest's developer guidelines first (https://policy.pinterest.com/en/developer-guidelines):
they restrict what the API may be used for and what of its answers may be kept, and some versions
forbid apps to save photos. Collect only your own boards, for your own study, do not publish the
pictures (they are other people's), and delete them afterwards.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from visprof._extras import needs
from visprof.checks import listed
from visprof.manifests import parse_times
from visprof.sources.collect import CollectSummary, begin_collection, finish_collection
from visprof.sources.http import NO_NETWORK, FetchError, fetch, save_pictures, session

with needs("collect"):
    import requests
    from requests.auth import AuthBase

__all__ = ["API", "collect_pinterest"]

log = logging.getLogger("visprof")

API = "https://api.pinterest.com/v5"
PAGE_SIZE = 250  # the API's limit
SCOPES = "boards:read and pins:read"
COLUMNS = ("board_id", "image", "added_at", "caption", "board_name", "privacy", "pin_id")
VIDEO = ("video", "multiple_videos")
TOO_MANY = "HTTP 429"  # that is, requests
A_VIDEO = "a video"
SAFE_ID = r"[A-Za-z0-9_-]{1,100}"  # fit for the name of a file


class _Bearer(AuthBase):
    """The token as requests' auth: no .netrc overrides it, no other host gets it on a redirect."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _LeftOut(Exception):
    """A pin that makes no row; the text is the reason."""


def collect_pinterest(
    out: str | Path,
    *,
    token: str,
    base_url: str = API,
    width: str = "600x",
    max_pins: int = 1000,
    progress: bool = True,
) -> CollectSummary:
    """Collect the boards of the user whose token it is.

    The time of a pin is its ``created_at``; its caption is title and description, or else the
    alternative text. Of a pin with several pictures the first is taken; videos are left out.
    Pictures that are there already are not fetched again, so the same call goes on where it
    stopped, and later adds what is new.

    Parameters
    ----------
    out : path
        Gets ``manifest.csv``, for `visprof.boards.read_boards`, and the pictures.
    token : str
        Access token with the scopes boards:read and pins:read.
    base_url : str
        Address of the API.
    width : str
        Size of the pictures by the API's name: "600x" or "1200x", say. A pin that lacks it gives
        its widest picture.
    max_pins : int
        At most so many pins a board, in the order of the API; one that comes again counts once.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        Pins kept and left out, with the reasons (the log names each pin), and boards that failed:
        those that the API does not show, or not as documented. Of a board that failed nothing is
        kept.

    Raises
    ------
    PermissionError
        If the API refuses the token.
    ValueError
        If the token is empty, `width` is no name of a size, or no pin is left.
    visprof.sources.http.FetchError
        If the API does not answer as documented when it is asked for the boards, or the network is
        gone.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    """
    out = Path(out)
    if not token.strip():
        raise ValueError(f"the token is empty; pass a Pinterest token with the scopes {SCOPES}")
    if not re.fullmatch(r"\w+", width):
        raise ValueError(f"width is {width!r}; pass a size of the API, such as 600x or 1200x")
    api = session()
    api.auth = _Bearer(token.strip())
    left_out: Counter[str] = Counter()
    rows, wanted = [], {}
    boards, failed = _boards(api, base_url)
    for board in boards:
        if TOO_MANY in failed.values():  # waiting for the API once is enough
            failed[board["id"]] = f"not asked for after {TOO_MANY}"
            continue
        try:
            pins = _pins(api, base_url, board["id"], max_pins, left_out)
        except FetchError as error:
            if error.reason in NO_NETWORK:
                raise
            failed[board["id"]] = error.reason
            continue
        for pin in pins:
            try:
                row, url = _row(pin, board, width)
            except _LeftOut as error:
                _leave_out(left_out, pin, board["id"], error)
            else:
                rows.append(row)
                wanted[out / row["image"]] = url
    begin_collection(out, "Pinterest")
    unsaved = save_pictures(session(), wanted, progress=progress)
    left_out.update(unsaved.values())
    kept = [row for row in rows if out / row["image"] not in unsaved]
    if not kept:
        reasons = [f"{why} ({n})" for why, n in left_out.most_common()]
        reasons += [f"board {board}: {why}" for board, why in failed.items()]
        raise ValueError(
            f"no pin is left of the boards at {base_url}: {listed(reasons) or 'no pins'}"
        )
    finish_collection(out, "Pinterest", kept, COLUMNS)
    return CollectSummary(len(kept), left_out, len({row["board_id"] for row in kept}), failed)


def _boards(api: requests.Session, base_url: str) -> tuple[list[dict], dict[str, str]]:
    """List the boards, each once, and why those without a usable id fail."""
    boards: dict[str, dict] = {}
    failed: dict[str, str] = {}
    for number, board in enumerate(_items(api, base_url, "/boards"), 1):
        if isinstance(board, dict) and _is_id(board.get("id")):
            boards.setdefault(board["id"], board)
        else:
            failed[f"number {number} of the list"] = "strange id"
    if failed and not boards:
        raise FetchError(base_url, "the answer holds no list of items that are boards")
    return list(boards.values()), failed


def _pins(
    api: requests.Session, base_url: str, board_id: str, max_pins: int, left_out: Counter[str]
) -> list[object]:
    """List the pins of a board, each once though pages may overlap; count what comes again."""
    pins: dict[str, object] = {}
    again: Counter[str] = Counter()
    for number, pin in enumerate(_items(api, base_url, f"/boards/{board_id}/pins")):
        pin_id = pin.get("id") if isinstance(pin, dict) else None
        key = pin_id if _is_id(pin_id) else f"number {number}"  # no id: a blank is in none
        if key in pins:
            again["pin listed again"] += 1
        pins.setdefault(key, pin)
        if len(pins) == max_pins:
            break
    left_out.update(again)  # not before: a board that fails counts nowhere else
    return list(pins.values())


def _items(api: requests.Session, base_url: str, path: str) -> Iterator[object]:
    """Yield the items of a paged answer; a page names its successor by a bookmark."""
    url = base_url.rstrip("/") + path
    bookmark, seen = None, set()
    while bookmark not in seen:
        seen.add(bookmark)
        page = _page(api, url, bookmark)
        yield from page["items"]
        bookmark = page.get("bookmark")
        if not bookmark:
            return
        if not isinstance(bookmark, str):
            raise FetchError(url, "the answer names no next page that can be asked for")
    raise FetchError(url, "the API names the same page twice")


def _page(api: requests.Session, url: str, bookmark: str | None) -> dict:
    params = {"page_size": PAGE_SIZE} | ({"bookmark": bookmark} if bookmark else {})
    try:
        page = json.loads(fetch(api, url, params=params))
    except FetchError as error:
        if error.status == 401 or (error.status == 403 and url.endswith("/boards")):
            raise PermissionError(
                f"Pinterest refuses the token ({error.reason} at {url}): it may have expired, or "
                f"lack a scope. Generate one with the scopes {SCOPES}"
            ) from error
        raise
    except (RecursionError, ValueError) as error:
        raise FetchError(url, "the answer is not JSON") from error
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise FetchError(url, "the answer holds no list of items")
    return page


def _leave_out(left_out: Counter[str], pin: object, board_id: str, reason: _LeftOut) -> None:
    """Count a pin that makes no row, and name it in the log: a video is nothing to warn of."""
    named = _mapping(pin).get("id")
    level = logging.INFO if str(reason) == A_VIDEO else logging.WARNING
    log.log(level, "left out pin %.40r of board %s: %s", named, board_id, reason)
    left_out[str(reason)] += 1


def _row(pin: object, board: Mapping, width: str) -> tuple[dict[str, str], str]:
    """Return the manifest's row of a pin and the address of its picture."""
    if not isinstance(pin, dict):
        raise _LeftOut("not a pin")
    pin_id, board_id = pin.get("id"), board["id"]
    if not _is_id(pin_id):
        raise _LeftOut("strange id")
    (time,) = parse_times([pin.get("created_at")])
    if pd.isna(time):
        raise _LeftOut("no valid time")
    row = {
        "board_id": board_id,
        "image": f"{width}/{board_id}/{pin_id}.jpg",
        "added_at": time.isoformat(),
        "caption": _caption(pin),
        "board_name": _text(board, "name"),
        "privacy": _text(board, "privacy"),
        "pin_id": pin_id,
    }
    return row, _picture_url(_mapping(pin.get("media")), width)


def _caption(pin: Mapping) -> str:
    title, description, alternative = (
        _text(pin, name) for name in ("title", "description", "alt_text")
    )
    return " ".join(dict.fromkeys(filter(None, (title, description)))) or alternative


def _picture_url(media: Mapping, width: str) -> str:
    """Choose the address of one picture of a pin."""
    if media.get("media_type") in VIDEO:
        raise _LeftOut(A_VIDEO)
    items = media.get("items")
    shown = [media, *(items if isinstance(items, list) else [])]
    every = (_mapping(_mapping(part).get("images")) for part in shown)
    images = next(filter(None, every), {})
    sizes = {name: _mapping(size) for name, size in images.items()}
    addresses = {name: size["url"] for name, size in sizes.items() if _text(size, "url")}
    if not addresses:
        raise _LeftOut("no picture")
    return addresses.get(width) or addresses[max(addresses, key=lambda name: _width(sizes[name]))]


# The API's answers are JSON of a documented form; what is of another is as good as absent.


def _is_id(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(SAFE_ID, value) is not None


def _mapping(value: object) -> Mapping:
    return value if isinstance(value, dict) else {}


def _text(thing: Mapping, name: str) -> str:
    value = thing.get(name)
    return " ".join(value.split()) if isinstance(value, str) else ""


def _width(size: Mapping) -> float:
    width = size.get("width")
    return width if isinstance(width, int | float) and width > 0 else 0
