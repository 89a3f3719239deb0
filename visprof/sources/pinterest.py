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
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import requests
from requests.auth import AuthBase

from visprof.sources.collect import CollectSummary, write_manifest
from visprof.sources.http import FetchError, fetch, save_pictures, session

__all__ = ["API", "collect_pinterest"]

API = "https://api.pinterest.com/v5"
PAGE_SIZE = 250  # the API's limit
SCOPES = "boards:read and pins:read"
COLUMNS = ("board_id", "image", "added_at", "caption", "board_name", "privacy", "pin_id")
VIDEO = ("video", "multiple_videos")
SAFE_ID = r"[\w-]+"


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
        At most so many pins a board, in the order of the API.
    progress : bool
        Show a progress bar.

    Returns
    -------
    CollectSummary
        Pins kept and left out, with the reasons.

    Raises
    ------
    PermissionError
        If the API refuses the token.
    ValueError
        If the token is empty, `width` is no name of a size, or no pin is left.
    visprof.sources.http.FetchError
        If the API does not answer as documented, or the network is gone.
    """
    out = Path(out)
    if not token.strip():
        raise ValueError(f"the token is empty; pass a Pinterest token with the scopes {SCOPES}")
    if not re.fullmatch(r"\w+", width):
        raise ValueError(f"width is {width!r}; pass a size of the API, such as 600x or 1200x")
    left_out: Counter[str] = Counter()
    api = session()
    api.auth = _Bearer(token.strip())
    hidden: dict[str, str] = {}
    rows, wanted = [], {}
    for pin, board in _pins(api, base_url, max_pins, hidden):
        try:
            row, url = _row(pin, board, width)
        except _LeftOut as error:
            left_out[str(error)] += 1
        else:
            rows.append(row)
            wanted[out / row["image"]] = url
    failed = save_pictures(session(), wanted, progress=progress)
    left_out.update(failed.values())
    kept = [row for row in rows if out / row["image"] not in failed]
    if not kept:
        reasons = ", ".join(f"{why} ({n})" for why, n in left_out.most_common()) or "no pins"
        raise ValueError(f"no pin is left of the boards at {base_url}: {reasons}")
    write_manifest(out, kept, COLUMNS)
    return CollectSummary(len(kept), left_out, len({row["board_id"] for row in kept}), hidden)


def _pins(
    api: requests.Session, base_url: str, max_pins: int, hidden: dict[str, str]
) -> Iterator[tuple[dict, dict]]:
    """Yield every pin with its board; boards that the API will not show go into `hidden`."""
    for board in _items(api, base_url, "/boards"):
        board_id = str(board.get("id"))
        try:
            pins = _items(api, base_url, f"/boards/{quote(board_id, safe='')}/pins")
            yield from ((pin, board) for pin in islice(pins, max_pins))
        except FetchError as error:
            if error.status not in (403, 404):
                raise
            hidden[board_id] = error.reason


def _items(api: requests.Session, base_url: str, path: str) -> Iterator[dict]:
    """Yield the items of a paged answer; a page names its successor by a bookmark."""
    bookmark, seen = None, set()
    while bookmark not in seen:
        seen.add(bookmark)
        page = _page(api, base_url.rstrip("/") + path, bookmark)
        yield from page["items"]
        bookmark = page.get("bookmark")
        if not bookmark:
            return
    raise FetchError(base_url + path, "the API names the same page twice")


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
    except ValueError as error:
        raise FetchError(url, "the answer is not JSON") from error
    items = page.get("items") if isinstance(page, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise FetchError(url, "the answer holds no list of items")
    return page


def _row(pin: Mapping, board: Mapping, width: str) -> tuple[dict[str, str], str]:
    """Return the manifest's row of a pin and the address of its picture."""
    pin_id, board_id = str(pin.get("id")), str(board.get("id"))
    if not all(re.fullmatch(SAFE_ID, name) for name in (pin_id, board_id)):
        raise _LeftOut("strange id")
    time = pd.to_datetime(pin.get("created_at"), utc=True, errors="coerce")
    if pd.isna(time):
        raise _LeftOut("no valid time")
    row = {
        "board_id": board_id,
        "image": f"{width}/{board_id}/{pin_id}.jpg",
        "added_at": time.isoformat(),
        "caption": _caption(pin),
        "board_name": str(board.get("name") or ""),
        "privacy": str(board.get("privacy") or ""),
        "pin_id": pin_id,
    }
    return row, _picture_url(pin.get("media") or {}, width)


def _caption(pin: Mapping) -> str:
    title, description, alternative = (
        " ".join(str(pin.get(name) or "").split()) for name in ("title", "description", "alt_text")
    )
    return " ".join(dict.fromkeys(filter(None, (title, description)))) or alternative


def _picture_url(media: Mapping, width: str) -> str:
    """Choose the address of one picture of a pin."""
    if media.get("media_type") in VIDEO:
        raise _LeftOut("a video")
    shown = [media, *(media.get("items") or [])]
    images = next((part["images"] for part in shown if part.get("images")), {})
    sizes = {name: size for name, size in images.items() if size and size.get("url")}
    if not sizes:
        raise _LeftOut("no picture")
    widest = max(sizes.values(), key=lambda size: size.get("width") or 0)
    return sizes.get(width, widest)["url"]
