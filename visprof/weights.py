"""Files of weights, opened without running code in them, and checked against their network."""

from __future__ import annotations

import pickle
import pickletools
import re
from collections.abc import Mapping
from pathlib import Path

from visprof._extras import needs
from visprof.checks import listed

with needs("nets"):
    import torch
    from safetensors.torch import load_file
    from torch import Tensor, nn

__all__ = ["class_names_beside", "load_state", "n_outputs", "read_state"]


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by their names, less the "module." that data-parallel training adds.

    Parameters
    ----------
    path : Path
        A state dict, alone or as ``state_dict`` of a mapping: safetensors by its suffix, else of
        torch.

    Returns
    -------
    dict of str to Tensor

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is broken or cut short, holds more than weights (what would run code is named,
        and is not run), or no state dict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file of weights at {str(path)!r}")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # no list is complete: torch parses whatever bytes there are
        # not torch's own words, which advise to run the code in the file
        code = re.search(r"GLOBAL (\S+)", str(error))
        if isinstance(error, pickle.UnpicklingError) and (code or _is_pickle_of_code(path)):
            raise ValueError(
                f"{str(path)!r} holds more than weights ({code[1] if code else 'pickled objects'}) "
                "and would run code when loaded, so it was not loaded; if you trust it, save its "
                "state dict alone elsewhere (torch.save(model.state_dict(), ...) or safetensors)"
            ) from None
        raise ValueError(
            f"{str(path)!r} is broken, cut short or not a file of weights; fetch or save it again"
        ) from error
    state = state.get("state_dict", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping):
        raise ValueError(f"{str(path)!r} holds a {type(state).__name__}, not a state dict")
    others = [f"{k!r} ({type(v).__name__})" for k, v in state.items() if not _is_weight(k, v)]
    if others:
        raise ValueError(
            f"{str(path)!r} is no state dict: {', '.join(others[:3])} are not tensors; save "
            "model.state_dict(), alone or as 'state_dict'"
        )
    return {re.sub(r"(^|\.)module\.", r"\1", key): tensor for key, tensor in state.items()}


def _is_weight(key: object, value: object) -> bool:
    return isinstance(key, str) and isinstance(value, Tensor)


def _is_pickle_of_code(path: Path) -> bool:
    """Whether the file is a bare pickle that names things to call; it is read, never run.

    Torch itself names what it refuses, but not in pickles of protocols other than its own.
    """
    try:
        opcodes = {opcode.name for opcode, _, _ in pickletools.genops(path.read_bytes())}
    except ValueError:  # no pickle at all
        return False
    return not opcodes.isdisjoint({"GLOBAL", "STACK_GLOBAL", "INST"})


def load_state(module: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load a state dict, or say which tensors are missing, unknown or of another shape.

    Parameters
    ----------
    module : torch.nn.Module
        Gets the weights, in place.
    state : mapping of str to Tensor
        From `read_state`.
    source : str
        Where they are from, for messages.

    Raises
    ------
    ValueError
        If the tensors are of another network (it says which differ), not finite, or of a kind that
        cannot be copied.
    """
    own = module.state_dict()
    wrong = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    problems = {
        # of use to training only, and absent from files older than torch 0.4.1, as Places365's
        "missing": [k for k in own if k not in state and not k.endswith("num_batches_tracked")],
        "unknown": [key for key in state if key not in own],
        "of another shape": wrong,
    }
    if any(problems.values()):
        found = "; ".join(
            f"{len(keys)} {what}: {', '.join(keys[:3])}" for what, keys in problems.items() if keys
        )
        raise ValueError(
            f"the weights in {source!r} do not fit this network: {found}. The file is cut short "
            "or belongs to another network"
        )
    damaged = [key for key, _ in module.named_parameters() if not _is_finite(state[key])]
    if damaged:
        raise ValueError(
            f"the weights in {source!r} are not all finite, in {listed(damaged)}; the file is "
            "damaged, or the training diverged"
        )
    try:
        module.load_state_dict(dict(state))
    except RuntimeError as error:  # torch cannot copy tensors of this kind
        raise ValueError(f"the weights in {source!r} cannot be used: {error}") from error


def _is_finite(weight: Tensor) -> bool:
    return weight.is_sparse or weight.is_meta or bool(weight.isfinite().all())


def n_outputs(state: Mapping[str, Tensor], last_key: str, default: int) -> int:
    """Width of the last layer, as a state dict has it.

    Parameters
    ----------
    state : mapping of str to Tensor
        From `read_state`.
    last_key : str
        Name of the last layer.
    default : int
        The width where the state dict has no weights of that layer.

    Returns
    -------
    int

    Examples
    --------
    >>> n_outputs({"fc.weight": torch.zeros(205, 8)}, "fc", default=1000)
    205
    """
    weight = state.get(f"{last_key}.weight")
    return default if weight is None or weight.ndim == 0 else len(weight)


def class_names_beside(weights: Path, n: int) -> tuple[str, ...] | None:
    """Names of the classes, from ``categories_places365.txt`` beside a file of weights.

    Parameters
    ----------
    weights : Path
        The file of weights.
    n : int
        Number of classes.

    Returns
    -------
    tuple of str or None
        Of lines such as "/d/desert/sand 130", "desert/sand", in that order; None if there is no
        such file.

    Raises
    ------
    ValueError
        If the file is no text in UTF-8, or does not number `n` classes.
    """
    path = weights.with_name("categories_places365.txt")
    if not path.is_file():
        return None
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not a text in UTF-8: {error}") from error
    lines = [re.fullmatch(r"/[^/]*/(.+) (\d+)", line) for line in text.splitlines() if line]
    if [line and int(line[2]) for line in lines] != list(range(n)):
        raise ValueError(
            f"{str(path)!r} must number {n} classes from 0 to {n - 1} in order, in lines such as "
            "'/a/abbey 0'"
        )
    return tuple(line[1] for line in lines)
