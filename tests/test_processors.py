"""The same numbers on every processor and with any number of threads."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from filelock import FileLock

from tests.processors import PROCESSORS, Numbers, compare, run, study_numbers

BOUND = 1e-9  # of a number's size: what a processor or a number of threads may change of it

POSSIBLE = [processor for processor in PROCESSORS if processor.is_possible]


@pytest.fixture(scope="module")
def here(scratch):
    """Numbers of this processor, computed by the first of pytest's processes that asks."""
    file = scratch / "numbers-of-this-processor.json"
    with FileLock(f"{file}.lock"):
        if not file.exists():
            file.write_text(json.dumps(asdict(study_numbers("tiny", PROCESSORS[0], 1))))
    return Numbers(**json.loads(file.read_text()))


# neighbours in the list differ in all libraries; threads take turns
@pytest.mark.slow
@pytest.mark.parametrize(
    ("processor", "n_threads"),
    [(processor, 1 + number % 2) for number, processor in enumerate(POSSIBLE[1:])],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_no_number_depends_on_processor_or_threads(processor, n_threads, here):
    difference = compare(here, study_numbers("tiny", processor, n_threads))
    assert difference.n > 200
    assert difference.largest <= BOUND, difference.key
    assert difference.verdicts == ()


_TELL = """
import json, cv2, numba, numpy, sklearn.cluster, torch
from threadpoolctl import threadpool_info

print(json.dumps({
    "torch": torch.backends.cpu.get_cpu_capability(),
    "numpy": numpy._core._multiarray_umath.__cpu_features__.get("AVX512_SKX", False),
    "opencv": "*AVX512-SKX" in cv2.getCPUFeaturesLine().replace("*AVX512-SKX?", ""),
    "numba": numba.core.registry.cpu_target.target_context.codegen()._get_host_cpu_name(),
    "blas": sorted({i["architecture"] for i in threadpool_info() if "architecture" in i}),
    "threads": sorted({torch.get_num_threads(), numba.get_num_threads(),
                       *(i["num_threads"] for i in threadpool_info())}),
}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_threads", [1, 2])
def test_libraries_believe_what_they_are_told(n_threads):
    haswell = PROCESSORS[1]
    told = json.loads(run(_TELL, haswell, n_threads).stdout)
    assert told == {
        "torch": "AVX2", "numpy": False, "opencv": False, "numba": "haswell",
        "blas": ["Haswell"], "threads": [n_threads],
    }  # fmt: skip


def test_a_difference_is_told_with_its_key_and_what_it_decides():
    one = Numbers({"a value": 1.0, "b value": 2.0, "c value": float("nan")}, {"b.p": "below .05"})
    other = Numbers({**one.values, "b value": 2.5}, {"b.p": "not below"})
    difference = compare(one, other)
    assert (difference.n, difference.n_equal) == (3, 2)
    assert (difference.largest, difference.key) == (0.2, "b value")
    assert difference.verdicts == ("b.p",)
    with pytest.raises(ValueError, match=r"numbers differ: .*d value"):
        compare(one, Numbers({**one.values, "d value": 0.0}, {}))


def test_a_failing_process_is_told_with_its_processor_and_error():
    with pytest.raises(RuntimeError, match=r"(?s)on this one, 1 threads.*ZeroDivisionError"):
        run("1 / 0", PROCESSORS[0], 1)
