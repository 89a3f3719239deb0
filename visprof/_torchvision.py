"""Import torchvision, also where its compiled operators do not fit the installed torch.

A CPU build of torch next to a CUDA build of torchvision cannot load torchvision's compiled
library, and the import then stops at "operator torchvision::nms does not exist". Models,
transforms and data sets need none of these operators: declaring their schemas is enough for the
import to pass. Where the plain import works nothing is declared. Import this module before
anything that imports torchvision (timm does).
"""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

from visprof._extras import needs

with needs("nets"):
    import torch

__all__ = ["torchvision"]

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
_declared: list[torch.library.Library] = []  # a schema lives only as long as its library object


def _import_torchvision() -> ModuleType:
    """Import torchvision; declare, one by one, the operators it reports as missing."""
    for _ in range(len(_SCHEMAS)):
        try:
            return importlib.import_module("torchvision")
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            if missing is None or missing[1] not in _SCHEMAS:
                raise
            _forget_half_imported()
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(_SCHEMAS[missing[1]])
            _declared.append(library)
    return importlib.import_module("torchvision")


def _forget_half_imported() -> None:
    for name in [m for m in sys.modules if m == "torchvision" or m.startswith("torchvision.")]:
        del sys.modules[name]


with needs("nets"):
    torchvision = _import_torchvision()
