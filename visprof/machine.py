"""The machine that numbers are made on: its processor, and what the libraries take of it.

Which instructions a library takes, and over how many threads it sums, decides how it rounds.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import psutil
from threadpoolctl import threadpool_info, threadpool_limits

from visprof._environment import environment
from visprof._lazy import lazily
from visprof.digests import digest

with lazily():
    import numpy as np

__all__ = [
    "MALLOC_SETTINGS", "UNUSED_BYTES", "describe_hardware", "environment_version", "hardware",
    "keep_freed_memory", "machine_version", "numba_threads", "thread_settings", "threads_as",
]  # fmt: skip

CPUINFO = Path("/proc/cpuinfo")
# Of the flags of a processor: what numbers are computed with.
VECTOR_FLAG = re.compile(r"sse4_[12]|avx.*|amx.*|fma|f16c|asimd.*|sve.*|neon|bf16|i8mm")
# Environment variables that keep a library from instructions that the processor has.
INSTRUCTION_SETTINGS = (
    "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_FEATURES", "NUMBA_CPU_NAME",
    "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE",
)  # fmt: skip
# An older glibc may refuse more, and then keep less than if it were asked for nothing.
_OLD_GLIBC = [int(number) for number in platform.libc_ver()[1].split(".") if number] < [2, 36]
# Environment variables by which glibc's malloc keeps what is freed, in a process that begins with
# them; with one arena, as blocks of the size of a layer go to none but the first.
MALLOC_SETTINGS = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**25 if _OLD_GLIBC else 2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
}
_MALLOPT = {"MALLOC_MMAP_THRESHOLD_": -3, "MALLOC_TRIM_THRESHOLD_": -1}  # numbers of malloc.h
THREAD_SETTINGS = (
    "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
)  # fmt: skip
# Of those, whose threads share a sum; and numba takes no other number once its threads have begun.
SUM_SETTINGS = tuple(name for name in THREAD_SETTINGS if name != "NUMBA_NUM_THREADS")

# Memory that this process was forked with and has not used, by what was loaded with it.
UNUSED_BYTES: dict[object, int] = {}


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, for what it allocates next.

    By default glibc hands large blocks back to the system, so that each layer of a network has its
    memory paged in anew: half of the time of a small one on the CPU. Other C libraries are left as
    they are. Threads but the first are helped only by `MALLOC_SETTINGS`, from the start.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, number in _MALLOPT.items():
            mallopt(number, int(MALLOC_SETTINGS[name]))


def hardware() -> dict[str, Any]:
    """Describe this machine, and what the libraries that are loaded take of it.

    Returns
    -------
    dict
        ``processor`` (its model), ``instruction_sets`` (those with vectors that the ``processor``
        has; which of them ``numpy``, its ``blas`` and, where it is loaded, ``torch`` take; and the
        environment variables that keep libraries from some), ``threads`` (of a library's
        computation, at most), ``cores``, ``memory_bytes`` and ``system``.
    """
    model, flags = _processor()
    pools = threadpool_info()
    taken = {"processor": " ".join(flags), "numpy": _of_numpy(), "blas": _of_blas(pools)}
    if "torch" in sys.modules:  # importing it takes seconds
        taken["torch"] = sys.modules["torch"].backends.cpu.get_cpu_capability()
    return {
        "processor": model,
        "instruction_sets": {name: sets for name, sets in taken.items() if sets}
        | _set(INSTRUCTION_SETTINGS),
        "threads": max([numba_threads(), *(pool["num_threads"] for pool in pools)]),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.system(),
    }


def describe_hardware(machine: Mapping[str, Any]) -> str:
    """Return in words what `hardware` found.

    Examples
    --------
    >>> machine = {"processor": "AMD EPYC", "cores": 2, "memory_bytes": 2**34, "system": "Linux"}
    >>> describe_hardware(machine | {"instruction_sets": {"torch": "AVX2"}, "threads": 2})
    'AMD EPYC (torch AVX2), 2 cores, 2 threads, 16 GiB, Linux'
    """
    names = {"numpy": "NumPy", "blas": "BLAS", "torch": "torch"}
    sets = machine["instruction_sets"]
    taken = [f"{shown} {sets[name]}" for name, shown in names.items() if name in sets]
    settings = [f"{name}={sets[name]}" for name in INSTRUCTION_SETTINGS if name in sets]
    return (
        f"{machine['processor']} ({'; '.join(taken + settings)}), {machine['cores']} cores, "
        f"{machine['threads']} threads, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}"
    )


def machine_version(threads: bool = True) -> str:
    """Return a digest of all that decides how numbers are rounded here, whatever is loaded.

    Parameters
    ----------
    threads : bool
        Whether the environment's numbers of threads count.
    """
    model, flags = _processor()
    settings = _set(INSTRUCTION_SETTINGS) | (_set(THREAD_SETTINGS) if threads else {})
    return digest(
        platform.system(), platform.machine(), model, *flags, str(_usable_cores()),
        *(f"{name}={value}" for name, value in settings.items()),
    )  # fmt: skip


def numba_threads() -> int:
    """Threads of numba's pool, as numba takes them from the environment; it need not be loaded."""
    asked = os.environ.get("NUMBA_NUM_THREADS", "")
    return int(asked) if asked.isdigit() else _usable_cores()


def thread_settings() -> dict[str, dict[str, Any]]:
    """Say over how many threads libraries sum in this process, for `threads_as` in another.

    Returns
    -------
    dict
        ``environment``, for libraries that are yet to be loaded (None where a variable is not
        set), and ``pools``, for those that are, by kind; PyTorch, which counts its own, is one.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    pools = {"openmp": int(asked) if asked.isdigit() else _usable_cores()}
    pools |= {pool["user_api"]: pool["num_threads"] for pool in threadpool_info()}
    if "torch" in sys.modules:
        pools["torch"] = sys.modules["torch"].get_num_threads()
    return {"environment": {name: os.environ.get(name) for name in SUM_SETTINGS}, "pools": pools}


@contextmanager
def threads_as(settings: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Let libraries sum over as many threads as in another process: so they round as there.

    Parameters
    ----------
    settings : mapping
        As `thread_settings` gives them there.

    Examples
    --------
    >>> with threads_as({"environment": {}, "pools": {"openmp": 3}}):
    ...     thread_settings()["pools"]["openmp"] in (3, _usable_cores())  # where one is loaded
    True
    """
    pools = dict(settings["pools"])
    with (
        environment(settings["environment"]),
        threadpool_limits(pools),
        _torch_threads(pools.get("torch", pools.get("openmp"))),
    ):
        yield


@contextmanager
def _torch_threads(number: int | None) -> Iterator[None]:
    """Set PyTorch's number of threads: it sets its own anew in each thread that first uses it."""
    if "torch" not in sys.modules or number is None:
        yield
        return
    torch = sys.modules["torch"]
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@functools.cache  # what this process runs stays as it was when it began
def environment_version() -> str:
    """Return a digest of Python's version and those of all installed packages."""
    packages = sorted({_name_and_version(found) for found in distributions()})
    return digest(platform.python_version(), *(f"{name}=={v}" for name, v in packages))


def _name_and_version(package: Distribution) -> tuple[str, str]:
    """As its metadata have them, without parsing all of the text that describes it."""
    head = (package.read_text("METADATA") or "").partition("\n\n")[0]
    found = dict(re.findall(r"^(Name|Version): *(.*?) *$", head, re.MULTILINE))
    if len(found) < 2:  # of an older form
        found = {field: package.metadata[field] for field in ("Name", "Version")}
    return found["Name"], found["Version"]


def _processor() -> tuple[str, list[str]]:
    """Its model, and its instruction sets with vectors, where the system tells."""
    model, flags = platform.processor() or platform.machine(), []
    if CPUINFO.exists():
        lines = CPUINFO.read_text("utf-8").splitlines()
        found = {key.strip(): value for key, _, value in (line.partition(":") for line in lines)}
        model = found.get("model name", model).strip()
        flags = found.get("flags", found.get("Features", "")).split()  # of x86, of ARM
    return model, sorted({flag for flag in flags if VECTOR_FLAG.fullmatch(flag)})


def _set(names: tuple[str, ...]) -> dict[str, str]:
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _of_numpy() -> str:
    """The widest of the sets that NumPy has loops for and takes here."""
    sets = np.show_config(mode="dicts")["SIMD Extensions"]
    return (sets.get("found") or sets.get("baseline") or [""])[-1]


def _of_blas(pools: list[dict[str, Any]]) -> str:
    """The kernels that NumPy's own BLAS takes here; other packages may bring another."""
    own = [pool for pool in pools if pool["user_api"] == "blas"]
    own.sort(key=lambda pool: "numpy" not in pool["filepath"])
    return str(own[0].get("architecture") or own[0]["internal_api"]) if own else ""
