"""Fetching over HTTP: polite retries, sizes capped, every failure with a short reason.

Requests and urllib3 do the work: a status that may pass (429 and 5xx) and a refused connection are
tried again with growing pauses, or after the time that the server names; a body that breaks off is
fetched again. What still fails is a `FetchError` whose reason fits a table of what was left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm.auto import tqdm

from visprof._extras import needs
from visprof.sources.collect import PictureError, is_saved_picture, save_picture

with needs("collect"):
    import requests
    from requests.adapters import HTTPAdapter
    from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential
    from urllib3.util import Retry

__all__ = ["FetchError", "fetch", "save_pictures", "session"]

log = logging.getLogger("visprof")

MAX_BYTES = 20 * 2**20
TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two pieces of an answer
PAUSE = 0.5  # seconds; doubles with each further try
LONGEST_PAUSE = 120  # seconds, whatever the server asks for
PASSING = (429, 500, 502, 503, 504)
WORKERS = 8
SILENT_IN_A_ROW = 20
NO_NETWORK = NO_ANSWER, NOT_SECURE = ("no answer", "no secure connection")


class FetchError(OSError):
    """Something could not be fetched.

    Attributes
    ----------
    reason : str
        A few words without the address, the same for the same kind of failure.
    status : int or None
        The HTTP status, if the server gave one.
    """

    def __init__(self, url: str, reason: str, status: int | None = None) -> None:
        super().__init__(f"cannot fetch {url}: {reason}")
        self.reason = reason
        self.status = status


class _Retry(Retry):
    """Retries that know ``X-RateLimit-Reset`` beside ``Retry-After``."""

    def get_retry_after(self, response) -> float | None:
        reset = response.headers.get("X-RateLimit-Reset", "")
        if "Retry-After" in response.headers or response.status != 429 or not reset.isdigit():
            return super().get_retry_after(response)
        # some servers name the seconds left, others the second of the epoch
        return self.parse_retry_after(reset if int(reset) < 1e9 else str(_seconds_until(reset)))


def _seconds_until(epoch: str) -> int:
    return max(0, int(epoch) - int(time.time()))


def session(retries: int = 5) -> requests.Session:
    """Open a session that tries again what may pass.

    Parameters
    ----------
    retries : int
        Further tries after the first, for refused connections and the statuses 429, 500, 502,
        503 and 504. The pauses grow from half a second to 2 minutes; a ``Retry-After`` or
        ``X-RateLimit-Reset`` of the server comes first, up to 2 minutes.
    """
    policy = _Retry(
        total=retries,
        status_forcelist=PASSING,
        allowed_methods=("GET",),
        backoff_factor=PAUSE,
        backoff_max=LONGEST_PAUSE,
        retry_after_max=LONGEST_PAUSE,
        raise_on_status=False,
    )
    http = requests.Session()
    http.headers["User-Agent"] = "visprof (research on collections of pictures)"
    for scheme in ("http://", "https://"):
        http.mount(scheme, HTTPAdapter(max_retries=policy, pool_maxsize=WORKERS))
    return http


def fetch(
    http: requests.Session,
    url: str,
    *,
    params: Mapping[str, object] | None = None,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """Fetch the whole body of an address.

    Parameters
    ----------
    http : requests.Session
        See `session`.
    url : str
        Address, http or https.
    params : mapping, optional
        Added to the query of the address.
    max_bytes : int
        A longer body is refused, if possible before it is read.

    Raises
    ------
    FetchError
        If the status is not 2xx, nobody answers, the body is too long, or it keeps breaking off
        before the announced length.
    """
    try:
        return _body(http, url, params, max_bytes)
    except requests.exceptions.ChunkedEncodingError as error:
        raise FetchError(url, "breaks off") from error
    except requests.exceptions.SSLError as error:
        raise FetchError(url, NOT_SECURE) from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise FetchError(url, NO_ANSWER) from error
    except (requests.RequestException, ValueError) as error:  # urllib3 lets some bad ports through
        raise FetchError(url, f"bad address or answer ({type(error).__name__})") from error


@retry(
    retry=retry_if_exception_type(requests.exceptions.ChunkedEncodingError),
    stop=stop_after_attempt(3),
    wait=wait_exponential(multiplier=PAUSE),
    reraise=True,
)
def _body(
    http: requests.Session, url: str, params: Mapping[str, object] | None, max_bytes: int
) -> bytes:
    with http.get(url, params=params, timeout=TIMEOUT, stream=True) as response:
        if not response.ok:
            raise FetchError(url, f"HTTP {response.status_code}", response.status_code)
        announced = response.headers.get("Content-Length", "")
        too_long = FetchError(url, f"more than {max_bytes} bytes", response.status_code)
        if announced.isdigit() and int(announced) > max_bytes:
            raise too_long
        body = bytearray()
        for piece in response.iter_content(2**16):  # urllib3 checks the announced length
            body += piece
            if len(body) > max_bytes:
                raise too_long
        return bytes(body)


def save_pictures(
    http: requests.Session,
    wanted: Mapping[Path, str],
    *,
    params: Mapping[str, object] | None = None,
    progress: bool = True,
) -> dict[Path, str]:
    """Fetch pictures into files, several at a time; those that are there already are kept.

    Parameters
    ----------
    http : requests.Session
        See `session`.
    wanted : mapping of Path to str
        Where each picture goes and the address it comes from.
    params : mapping, optional
        Added to the query of every address.
    progress : bool
        Show a progress bar.

    Returns
    -------
    dict of Path to str
        The files that could not be made, with the reason.

    Raises
    ------
    FetchError
        If nobody answers 20 times in a row: the network is gone. What is saved stays, and the
        same call goes on from there.
    OSError
        If a file cannot be written (the disk is full, say); the message names it.
    """
    waiting = {path: url for path, url in wanted.items() if not is_saved_picture(path)}
    failed: dict[Path, str] = {}
    silent = 0
    pool = ThreadPoolExecutor(WORKERS)
    try:
        results = pool.map(lambda item: _save_picture(http, *item, params), waiting.items())
        bar = tqdm(results, total=len(waiting), disable=not progress, unit="picture")
        for path, reason in zip(waiting, bar, strict=True):
            if reason is not None:
                log.info("left out %s: %s", waiting[path], reason)
                failed[path] = reason
            silent = silent + 1 if reason in NO_NETWORK else 0
            if silent == SILENT_IN_A_ROW:
                what = f"{reason}, {silent} pictures in a row; collect again when it is back"
                raise FetchError(waiting[path], what)
    finally:
        pool.shutdown(cancel_futures=True)
    return failed


def _save_picture(
    http: requests.Session, path: Path, url: str, params: Mapping[str, object] | None
) -> str | None:
    """Fetch one picture into its file and return None, or else the reason why not."""
    try:
        data = fetch(http, url, params=params)
        save_picture(data, path)
    except FetchError as error:
        return error.reason
    except PictureError as error:
        return str(error)
    return None
