"""Fixtures shared by all tests."""

from __future__ import annotations

import gc
import logging
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import pytest
from hypothesis import settings

import visprof  # noqa: F401  (before torch, for which it sets how threads wait)

if TYPE_CHECKING:
    from torch import Tensor

    from visprof.architectures import Backbone
    from visprof.intervals import Estimate
    from visprof.study import Study

ROOT = Path(__file__).resolve().parent.parent
# A machine that is slow or busy is no failure, and every run tries the same examples; where a test
# does not say how many, fewer with the tests of seconds than with all of them.
settings.register_profile("all", deadline=None, derandomize=True, max_examples=100)
settings.register_profile("fast", settings.get_profile("all"), max_examples=10)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("fast" if "not slow" in config.option.markexpr else "all")


@pytest.fixture(scope="session")
def look() -> dict[str, object]:
    """Settings of figures in a fresh process."""
    return dict(dict.items(mpl.rcParams))


@pytest.fixture(autouse=True)
def _own_look(look: dict[str, object]) -> Iterator[None]:
    """Figures look as in a fresh process, whatever pages an earlier test has made in this one."""
    yield
    if dict.items(mpl.rcParams) != look.items():  # rc_context() would check 300 settings each time
        dict.update(mpl.rcParams, look)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: a process that ends early takes over what is short, and none ends late."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Two things that would take longer than many a test, at each test.

    Libraries stay until the end, so the collector of garbage need not look at them. What is logged
    is caught at the root, to which torch's dozens of loggers do not pass it on unless told.
    """
    gc.freeze()
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.propagate = True


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real photographs, boards and weights; kept outside the repository."""
    default = ROOT.parent / "shared"
    data = Path(os.environ.get("VISPROF_SHARED", default)) / "data"
    if not data.is_dir():
        pytest.skip(f"no real data at {data}; set VISPROF_SHARED to the folder that holds data/")
    return data


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of this run; all of its processes have the same."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def home(scratch: Path) -> Path:
    """Folder in which tests keep the steps of tiny studies."""
    return scratch / "home"


@pytest.fixture(scope="session")
def tiny_book(scratch: Path) -> Path:
    """Folder of this book, built with the preset tiny; who asks later finds it up to date."""
    from visprof.book.build import build_book

    return build_book(ROOT, "tiny", out=scratch / "book", jobs=2).parent


@pytest.fixture(scope="session")
def tiny(home: Path) -> Study:
    """The tiny study, with its headline numbers computed."""
    from visprof.study import Study

    study = Study("tiny", home=home)
    study.headline()
    return study


@pytest.fixture(scope="session")
def equal_numbers() -> Callable[[Mapping[str, Estimate], Mapping[str, Estimate]], bool]:
    """Whether two computations found the same numbers.

    In two processes the last bits of a sum may differ, seldom: some libraries of linear algebra
    round by where in memory rows begin.
    """
    import numpy as np

    from visprof.results.verdicts import ROUNDING

    def flat(of: Estimate) -> list[float]:
        main = [of.value, of.low, of.high, of.sd_units, of.sd_seeds]
        return [np.nan if one is None else one for one in [*main, *sum(of.by_seed, ())]]

    def are_equal(one: Mapping[str, Estimate], other: Mapping[str, Estimate]) -> bool:
        rounding = {"rtol": ROUNDING["rel_tol"], "atol": ROUNDING["abs_tol"], "equal_nan": True}
        return one.keys() == other.keys() and all(
            (a.n, a.unit, len(a.by_seed)) == (b.n, b.unit, len(b.by_seed))
            and np.allclose(flat(a), flat(b), **rounding)
            for a, b in ((one[key], other[key]) for key in one)
        )

    return are_equal


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A disk that takes no file of more than some bytes, while a block runs."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture(scope="session")
def dead_process() -> int:
    """Number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


# --- networks at their smallest, for tests of more than one module


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    from visprof.backbones import load_backbone

    return load_backbone("efficientnet-lite0", image_size=64)


@pytest.fixture(scope="module")
def squeezenet() -> Backbone:
    from visprof.backbones import load_backbone

    return load_backbone("squeezenet-places365", "random", image_size=64)


@pytest.fixture(scope="module")
def alexnet() -> Backbone:
    from visprof.backbones import load_backbone

    return load_backbone("alexnet", "random", image_size=64)


@pytest.fixture(scope="module")
def resnet18() -> Backbone:
    from visprof.backbones import load_backbone

    return load_backbone("resnet18", "random", image_size=64)


@pytest.fixture(scope="module")
def timm_vit() -> Backbone:
    from visprof.backbones import load_backbone

    return load_backbone("timm:test_vit", "random", image_size=64)


@pytest.fixture
def pixels() -> Tensor:
    """Three prepared pictures of noise, (3, 3, 64, 64)."""
    import numpy as np
    import torch

    noise = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    return torch.from_numpy(noise)
