"""Kernels that begin with the library imported: forked from a process that has done it once.

A kernel of its own for every page keeps pages from seeing each other's state; importing what all
of them need took longer than most pages. A helper of this process imports it, and forks whenever a
kernel is asked for; it ends with this process, and its kernels with it.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from visprof._extras import needs
from visprof.book.errors import BookError
from visprof.book.forks import SELDOM, Helper, import_kept, own_answers
from visprof.machine import environment_version, keep_freed_memory

with needs("book"):
    import zmq
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.asynchronous import AsyncKernelClient
    from jupyter_client.channels import AsyncZMQSocketChannel
    from jupyter_client.connect import KernelConnectionInfo
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning import LocalProvisioner
    from traitlets import Type, Unicode

__all__ = [
    "COMPUTING", "NoAnswerError", "ReadyKernelManager", "call_ready", "import_library",
    "prepare_kernels",
]  # fmt: skip

# What pages import that read what is kept, and SciPy's BLAS; what a page needs beyond it, such as
# torch, it imports itself.
LIBRARY = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "matplotlib.pyplot", "scipy.linalg",
    "visprof.chapter", "visprof.tables", "visprof.results.claims", "visprof.book.note",
)  # fmt: skip
# What many pages compute with.
COMPUTING = (
    "scipy.stats", "sklearn.linear_model", "sklearn.neighbors", "visprof.bow", "visprof.hierarchy",
)  # fmt: skip

# Seconds between two looks for what comes at once: that a kernel listens, that it says no more to
# others, and that it has ended. With those that are usual, a short page takes twice as long.
SOON = 0.01

DEBUGGER = "debugpy"  # kernels look for it: nobody halts a page, and it takes long
_HELPER = Helper(__name__, "starts kernels")


def prepare_kernels(*, computing: bool = False) -> None:
    """Begin to import what kernels need, while this process goes on.

    Parameters
    ----------
    computing : bool
        Import also what many pages compute with: for several pages, or one that changes.
    """
    _HELPER.begin(*COMPUTING if computing else ())


def call_ready(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function in a process that has imported the library, forked for this one call.

    Parameters
    ----------
    function : callable
        Of a module; it finds this process' working directory and environment.
    *given
        What it is given; can be pickled, as its value.

    Returns
    -------
    object
        Its value.

    Raises
    ------
    BookError
        If the process ends before its time.
    Exception
        What the function raises.
    """
    wanted = {
        "call": pickle.dumps((function, given)).hex(),
        "cwd": os.getcwd(),
        "env": dict(os.environ),
    }
    if not (answer := _HELPER.ask(wanted)):
        raise BookError("a process that works for this one has ended, perhaps for want of memory")
    value, error = pickle.loads(bytes.fromhex(answer))
    if error is not None:
        raise error
    return value


class NoAnswerError(RuntimeError):
    """A kernel that ended before it answered, or did not answer for long."""


class _Broadcast(AsyncZMQSocketChannel):
    """What a kernel tells all that listen."""

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Wait for a message without end, or else not for long.

        Before its first cell a client waits until there is none any more.
        """
        return await super().get_msg(None if timeout is None else min(timeout, SOON))


class _NearClient(AsyncKernelClient):
    """A client of a kernel of this machine, which it alone uses."""

    iopub_channel_class = Type(_Broadcast)

    def _context_default(self) -> zmq.asyncio.Context:
        context = super()._context_default()
        context.setsockopt(zmq.RECONNECT_IVL, round(1000 * SOON))
        return context

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel answers.

        Raises
        ------
        NoAnswerError
            If it ends before, or does not for `timeout` seconds.
        """
        try:
            await super().wait_for_ready(timeout)
        except RuntimeError as error:  # which could be anybody's
            raise NoAnswerError(str(error)) from error


class ReadyKernelManager(AsyncKernelManager):
    """Starts kernels by the helper; what they say themselves goes to a file.

    On Python 3.13 a kernel that is busy when it is told to end says so, for example: nothing for
    who waits for a page.
    """

    client_factory = Type(_NearClient)
    log_path = Unicode(os.devnull, config=True, help="file that a kernel writes to")

    @property
    def kernel_spec(self) -> KernelSpec:
        """That of this Python: the helper forks no other, whatever is registered by its name."""
        return KernelSpec(**get_kernel_dict())

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        self.provisioner = _ForkedKernel(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )
        return await super()._async_pre_start_kernel(**kw)

    async def _async_wait(self, pollinterval: float = SOON) -> None:
        """Wait for the kernel's end."""
        await super()._async_wait(min(pollinterval, SOON))


class _ForkedKernel(LocalProvisioner):
    """A local kernel, but for how it is started."""

    async def launch_kernel(self, cmd: list[str], **kw: Any) -> KernelConnectionInfo:
        self.process = _Forked(
            {
                "arguments": cmd[cmd.index("ipykernel_launcher") + 1 :],
                "cwd": str(kw.get("cwd") or Path.cwd()),
                "env": dict(kw["env"]),
                "log": self.parent.log_path,
            }
        )
        self.pid = self.pgid = self.process.pid  # it leads a group of its own
        return self.connection_info


class _Forked:
    """What `subprocess.Popen` offers, of a process that another one has started."""

    stdin = stdout = stderr = None

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.pid = int(_HELPER.ask(wanted))

    def poll(self) -> int | None:
        """None while it runs; how it ended only the helper could know."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        while self.poll() is None:
            time.sleep(0.01)
        return 0

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


# --- the helper -----------------------------------------------------------------------------------


def import_library(*more: str) -> None:
    """Import the library, `more` modules, and what else a kernel begins with; done once."""
    # as ipykernel does, but before Matplotlib looks
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    sys.modules[DEBUGGER] = None  # as if it were not installed
    import_kept(("ipykernel.debugger", *LIBRARY, *more))
    del sys.modules[DEBUGGER]
    environment_version()  # read from hundreds of files, and told at the foot of every page


def serve(path: list[str], *more: str) -> None:
    """Fork a kernel for each line of the input, and answer with its process id, to the end.

    It begins with the library imported, and with `more` modules.
    """
    answers = own_answers()
    import_library(*more)
    keep_freed_memory()
    # What pages leave is mostly freed at once: to look through all that numba and torch hold, a
    # dozen times a page, takes a thirtieth of the time.
    gc.set_threshold(SELDOM)
    # Threads of a product of matrices wait for each other by spinning: beside another page each
    # product takes several times longer, and alone those of a page are too small to gain.
    threadpool_limits(1, user_api="blas")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # kernels that have ended leave nothing behind
    for line in sys.stdin:
        wanted = json.loads(line)
        if "call" in wanted:
            print(json.dumps(_called(**wanted)), file=answers, flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            answers.close()
            sys.path[:] = path
            _become_kernel(**wanted)
        print(pid, file=answers, flush=True)


def _called(call: str, cwd: str, env: dict[str, str]) -> str:
    """What a call gives or raises, pickled; empty if its process has ended before."""
    reads, writes = os.pipe()
    if os.fork() == 0:
        os.close(reads)
        _surround(cwd, env)
        with os.fdopen(writes, "wb") as answer:
            answer.write(_outcome(bytes.fromhex(call)))
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as answer:
        return answer.read().hex()


def _outcome(call: bytes) -> bytes:
    try:
        function, given = pickle.loads(call)
        return pickle.dumps((function(*given), None))
    except Exception as error:
        error.add_note(traceback.format_exc())
        return pickle.dumps((None, error))


def _become_kernel(arguments: list[str], cwd: str, env: dict[str, str], log: str) -> None:
    with needs("book"):
        from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for number, file in enumerate([os.devnull, log, log]):
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    _surround(cwd, env)
    ends_with = f"--IPKernelApp.parent_handle={os.getppid()}"  # the helper
    IPKernelApp.launch_instance([*arguments, ends_with])
    os._exit(0)


def _surround(cwd: str, env: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
