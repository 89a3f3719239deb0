"""Several processes that train as one, as ``torchrun`` starts them; alone where it started none.

Each process takes its share of what is costly (pictures through a network), and all have the whole
of what follows. So what is learnt is that of one process but for the order of sums: statistics of a
batch are of the whole batch, and there is one gradient.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from visprof._extras import needs

with needs("nets"):
    import torch
    from torch import Tensor, distributed, nn

__all__ = [
    "check_same", "count", "first_alone", "gathered", "is_first", "joined", "share", "start_alike",
    "sum_gradients", "summed",
]  # fmt: skip

_PATIENCE = timedelta(days=30)  # the others wait where the first decodes, say


@contextmanager
def joined(device: str) -> Iterator[None]:
    """Join the processes that ``torchrun`` has started, while a block runs.

    Parameters
    ----------
    device : {"cpu", "cuda"}
        Where networks run. Each process of a machine has a GPU to itself.

    Raises
    ------
    ValueError
        If there are more processes than GPUs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device == "cuda":
        place, n_gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= n_gpus:
            raise ValueError(
                f"{place + 1} processes or more, but {n_gpus} GPU(s); use --nproc-per-node {n_gpus}"
            )
        torch.cuda.set_device(place)
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=_PATIENCE)
    yield  # after an error the process ends, and torchrun ends the others
    distributed.destroy_process_group()


def count() -> int:
    """Return the number of processes."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def is_first() -> bool:
    """Whether this process is the one that writes files and says how far it is."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


@contextmanager
def first_alone() -> Iterator[None]:
    """Let the first process run a block, and then the others, which find what it has made."""
    if not is_first():
        _meet()
    yield
    if is_first():
        _meet()


def _meet() -> None:
    if count() > 1:
        distributed.all_reduce(torch.zeros(1))


def share(n: int, of: int | None = None, number: int | None = None) -> slice:
    """Places that one process takes, of `n`; shares differ by one at most.

    Parameters
    ----------
    n : int
        Places.
    of, number : int, optional
        How many processes there are, and which one is asked about; by default, this one.

    Returns
    -------
    slice

    Examples
    --------
    >>> [share(5, of=2, number=number) for number in range(2)]
    [slice(0, 3, None), slice(3, 5, None)]
    """
    of = count() if of is None else of
    if number is None:
        number = distributed.get_rank() if distributed.is_initialized() else 0
    each, more = divmod(n, of)
    start = number * each + min(number, more)
    return slice(start, start + each + (number < more))


def gathered(mine: Tensor, places: slice, n: int) -> Tensor:
    """Rows of all processes, (n, d), from this one's; gradients go back to this one's.

    Parameters
    ----------
    mine : Tensor, shape (k, d)
        Rows of this process.
    places : slice
        From `share`.
    n : int
        Rows of all.

    Returns
    -------
    Tensor, shape (n, d)
    """
    return mine if count() == 1 else _Gathered.apply(mine, places, n)


class _Gathered(torch.autograd.Function):
    """All make the whole loss of these rows, so each knows the whole gradient of its own."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor, places: slice, n: int) -> Tensor:
        ctx.places = places
        whole = mine.new_zeros(n, *mine.shape[1:])
        whole[places] = mine
        distributed.all_reduce(whole)  # to each row, the others add 0
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient[ctx.places], None, None


def sum_gradients(shared: nn.Module, whole: nn.Module) -> None:
    """Give all processes the same gradients.

    Parameters
    ----------
    shared : Module
        What saw each process' share: its gradients are summed.
    whole : Module
        What saw all: its gradients are those of the first process, as processors may round
        unlike.
    """
    if count() == 1:
        return
    _at_once(_gradients(shared), distributed.all_reduce)
    _at_once(_gradients(whole), lambda of: distributed.broadcast(of, 0))


def _gradients(module: nn.Module) -> list[Tensor]:
    return [of.grad for of in module.parameters() if of.grad is not None]


def _at_once(tensors: list[Tensor], exchange: Any) -> None:
    """Exchange tensors of one type as one: each exchange makes all processes wait."""
    if tensors:
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        exchange(flat)
        for tensor, values in zip(
            tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True
        ):
            tensor.copy_(values.view_as(tensor))


def start_alike(model: nn.Module) -> None:
    """Give the models of all processes the weights and statistics of the first."""
    if count() > 1:
        for values in model.state_dict().values():
            distributed.broadcast(values, 0)


def check_same(number: int, what: str) -> None:
    """Check that all processes have the same number.

    Raises
    ------
    ValueError
        In the processes that have another than the first.
    """
    if count() > 1:
        of_first = torch.tensor([number])
        distributed.broadcast(of_first, 0)
        if of_first.item() != number:
            raise ValueError(
                f"{what} is {number} here and {of_first.item()} in the first process; all "
                "processes must see the same files"
            )


def summed(arrays: Iterable[Tensor]) -> None:
    """Sum tensors that lie in the machine's memory over all processes, in place."""
    if count() > 1:
        for array in arrays:
            distributed.all_reduce(array)
