"""The process of `visprof.book.watch` that makes the page: warm, and begun anew with the library.

It is sent a request a line (JSON) and answers with lines, each with the number of its request:

- ``fields``: the page's parameters, as the form shows them
- ``doing``: what is being made, in words
- last ``made`` (where the page is, and what it took), ``failed`` (why) or ``stopped``, after SIGINT

It ends when its input does, with all that it has started.
"""

from __future__ import annotations

import io
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any

from visprof.book.errors import BookError
from visprof.book.forks import end_helpers, fork_helpers, own_answers
from visprof.book.kernels import prepare_kernels
from visprof.book.page import Page, find_chapter, read_page
from visprof.book.parameters import default_of_preset, told_allowed, told_type
from visprof.book.renderer import prepare_renderer
from visprof.book.runs import RECORD, checked_values, run_chapter
from visprof.files import write_whole
from visprof.parameters import PRESETS

__all__ = ["page_fields", "remake", "serve"]

TRACEBACK = "watch.traceback.txt"  # of an error that is not a chapter's


def serve(_: list[str]) -> None:
    """Answer requests to the end of the input; see the module."""
    # it gives a page up; who was started in the background ignores it, and so would this process
    signal.signal(signal.SIGINT, signal.default_int_handler)
    answers = own_answers()
    fork_helpers()
    prepare_kernels(computing=True)
    prepare_renderer()
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(waiting,), daemon=True).start()
    number = 0
    while True:
        try:
            request = waiting.get()
            number = request.pop("number")
            remake(partial(_answer, answers, number), **request)
        except KeyboardInterrupt:
            _answer(answers, number, "stopped", "")


def _answer(answers: IO[str], number: int, what: str, how: Any) -> None:
    print(json.dumps({"number": number, what: how}), file=answers, flush=True)


def _read(waiting: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        waiting.put(json.loads(line))
    end_helpers()
    os._exit(0)


def remake(
    tell: Callable[[str, Any], None],
    chapter: str,
    given: Mapping[str, str],
    root: str,
    out: str,
    *,
    anew: bool,
) -> None:
    """Make a page, and say what comes of it.

    Parameters
    ----------
    tell : callable
        Gets ``"fields"``, ``"doing"`` and last ``"made"`` or ``"failed"``, and what that is.
    chapter, given, root, out, anew
        As for `visprof.book.runs.run_chapter`; values are texts.
    """
    began = time.time()
    try:
        page = read_page(find_chapter(chapter, root), root)
        tell("fields", page_fields(page, given.get("preset", "")))
        try:
            checked_values(Path(root), page, given)
        except (FileNotFoundError, ValueError) as error:
            tell("failed", str(error).splitlines()[-1])  # before it all parameters are listed
            return
        line = _Line(lambda text: tell("doing", text))
        run = run_chapter(page, given, out, None, root, line, page.name, anew=anew)
    except (BookError, OSError, ValueError) as error:
        tell("failed", str(error))
    except Exception as error:
        file = Path(out) / TRACEBACK
        write_whole(file, traceback.format_exc().encode())
        tell("failed", f"{type(error).__name__}: {error}\n(traceback: {file})")
    else:
        is_new = (run.folder / RECORD).stat().st_mtime >= began  # else it was up to date
        html = Path("html") / page.path.with_suffix(".html")
        tell("made", {
            "page": (Path(run.folder.name) / html).as_posix(),
            "computing": run.computing if is_new else 0.0,
        })  # fmt: skip


def page_fields(page: Page, preset: str = "") -> list[dict[str, Any]]:
    """Parameters of a page as a form shows them.

    Parameters
    ----------
    page : Page
    preset : str
        The one that is given, whose defaults are told; if it is none, those of the page's own.

    Returns
    -------
    list of dict
        Each with ``name``, ``type``, ``default`` (as text), ``help``, ``allowed`` (in words),
        ``choices`` (to pick from, instead; empty if there are none) and whether the page has it as
        its ``own``. A run keeps its ledger where it likes, so that is not among them.
    """
    if preset not in PRESETS:
        own = page.parameters["preset"].default if "preset" in page.parameters else ""
        preset = own if own in PRESETS else "demo"
    fields = []
    for name, parameter in page.parameters.items():
        choices = _choices(name, told_type(parameter))
        field = {
            "name": name,
            "type": told_type(parameter),
            "default": _as_text(default_of_preset(parameter, preset)),
            "help": parameter.help,
            "allowed": "" if choices else told_allowed(parameter),
            "choices": choices,
            "own": name in page.own_parameters,
        }
        fields.append(field)
    return [field for field in fields if field["name"] != "ledger"]


def _choices(name: str, kind: str) -> list[str]:
    if name == "preset":
        return list(PRESETS)
    return ["true", "false"] if kind == "bool" else []


def _as_text(value: object) -> str:
    """A value as the form takes it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Line(io.TextIOBase):
    """The last line of a terminal: what is written onto it takes the place of what it said."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if told := text.removeprefix("\r\x1b[K").strip():
            self._tell(told)
        return len(text)
