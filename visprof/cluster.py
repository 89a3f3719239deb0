"""The cluster that does blocks of work: found by its address, or begun on this machine (Dask)."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from visprof._environment import environment
from visprof._extras import needs
from visprof.blocks import Client
from visprof.digests import digest
from visprof.machine import MALLOC_SETTINGS, machine_version

__all__ = ["CLUSTER", "client_of_page", "connect", "engine", "machines", "open_cluster"]

CLUSTER = "VISPROF_CLUSTER"  # environment variable: address of the cluster that pages use
LOCAL = "local:"
# What Dask keeps of its own work: nobody looks at it, and on the cores that work it costs a tenth.
UNWATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}
PATIENCE = 60  # seconds to wait for a scheduler and its first worker
SILENCE = 3  # seconds of that before it is said that somebody waits


@contextmanager
def open_cluster(where: str | None) -> Iterator[None]:
    """Let pages that are executed in the block use a cluster.

    Parameters
    ----------
    where : str or None
        Address of a scheduler, such as ``tcp://10.0.0.1:8786``; or ``local:N`` for N worker
        processes of this machine, which end with the block. None for no cluster.

    Raises
    ------
    ValueError
        If it is neither.
    OSError
        If no scheduler answers, or it has no worker.
    MissingExtraError
        If Dask is not installed.
    """
    if where is None:
        yield
    elif where.startswith(LOCAL):
        with (
            _local_cluster(where) as (address, credentials),
            environment(credentials | {CLUSTER: address}),
        ):
            yield
    else:
        if "://" not in where:
            raise ValueError(f"cluster is {where!r}; it must be tcp://HOST:PORT or {LOCAL}N")
        with _telling_of_a_wait(where):
            connect(where).close()  # what is wrong with it is told before any page runs
        with environment({CLUSTER: where}):
            yield


@contextmanager
def _telling_of_a_wait(address: str) -> Iterator[None]:
    told = f"waiting for a scheduler with a worker at {address}, up to {PATIENCE} s each"
    timer = threading.Timer(SILENCE, lambda: print(told, file=sys.stderr, flush=True))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def client_of_page() -> Client | None:
    """The client of the cluster that this page is to use; None if there is none."""
    address = os.environ.get(CLUSTER)
    return _connected(address) if address else None


_connected = functools.cache(lambda address: connect(address))  # a page may have several studies


def connect(address: str) -> Client:
    """Connect to a scheduler, and wait until it has a worker.

    Parameters
    ----------
    address : str
        As a scheduler tells it when it begins.

    Returns
    -------
    distributed.Client

    Raises
    ------
    OSError
        If no scheduler answers, or it has no worker, within a minute.
    MissingExtraError
        If Dask is not installed.
    """
    with needs("cluster"):
        from distributed import Client

    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise OSError(f"no scheduler answers at {address}: {error}") from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        client.close()
        raise OSError(
            f"the scheduler at {address} has no worker; begin one: dask worker {address}"
        ) from error
    return client


def engine(client: Client) -> dict[str, Any]:
    """Say what does the blocks of a client, for the provenance of numbers.

    Returns
    -------
    dict
        ``name``, ``version``, and the numbers of ``workers`` and of their ``threads``.
    """
    with needs("cluster"):
        import distributed

    threads = client.nthreads()
    return {
        "name": "Dask",
        "version": distributed.__version__,
        "workers": len(threads),
        "threads": sum(threads.values()),
    }


def machines(client: Client) -> str:
    """A digest of what decides how numbers are rounded: here, and by the workers of a client.

    Where the workers' machines are like this one it is `visprof.machine.machine_version`, for then
    their numbers are those of this one.
    """
    others = set(client.run(machine_version, threads=False).values())
    if others == {machine_version(threads=False)}:
        return machine_version()
    return digest(machine_version(), *sorted(others))


@contextmanager
def _local_cluster(where: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Address of a cluster on this machine, and what lets nobody else use it."""
    number = where.removeprefix(LOCAL)
    if not number.isdecimal() or int(number) < 1:
        raise ValueError(f"cluster is {where!r}; it must be {LOCAL}N with N workers, at least 1")
    with needs("cluster"):
        import dask
        from distributed import LocalCluster

    before = set(os.environ)
    kept = {name: os.environ.get(name, value) for name, value in MALLOC_SETTINGS.items()}
    with (
        # in place of Dask's numbers of threads; set in the environment of this process, too
        dask.config.set({"distributed.nanny.pre-spawn-environ": kept} | UNWATCHED),
        LocalCluster(
            n_workers=int(number),
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",  # whatever port is free; and nothing is shown there
            scheduler_kwargs={"dashboard": False},
            security=True,
        ) as cluster,
    ):
        for name in set(os.environ) - before:
            del os.environ[name]
        own = cluster.security
        credentials = {
            "distributed.comm.tls.ca-file": own.tls_ca_file,
            "distributed.comm.tls.client.key": own.tls_client_key,
            "distributed.comm.tls.client.cert": own.tls_client_cert,
        }
        names = [f"DASK_{key.upper().replace('.', '__').replace('-', '_')}" for key in credentials]
        with dask.config.set(credentials):  # for this process; the environment is for its children
            yield cluster.scheduler_address, dict(zip(names, credentials.values(), strict=True))
