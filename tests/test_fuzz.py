"""A short run of the fuzzers: a million inputs are for `python -m tests.benchmarks.fuzz`."""

from __future__ import annotations

import pytest

from .benchmarks import fuzz


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_hostile_input_finds_nothing(target: str) -> None:
    finds = fuzz.run(inputs=6000, seed=7, names=[target])[target]
    assert finds.list == []
    assert finds.inputs >= 30
