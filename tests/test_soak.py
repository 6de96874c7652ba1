"""A short run of the soak: minutes of it are for `python -m tests.benchmarks.soak`."""

from __future__ import annotations

from .benchmarks import soak
from .conftest import SetPauses


def test_six_seconds_of_faults_lose_nothing_and_leave_nothing(set_pauses: SetPauses) -> None:
    set_pauses(0.1, 0.5)  # set again, and put back, by the soak
    result = soak.run(seconds=6, seed=7)
    assert result["problems"] == []
    assert result["rounds"] > 1
    assert result["outcomes"]["answered"] > 100
    assert result["stats"]["WsClient"]["reconnects"] > 0
