"""A short run of the soak: minutes of it are for `python -m tests.benchmarks.soak`."""

from __future__ import annotations

import pytest

from onebot_simple import ws_client as module

from .benchmarks import soak


def test_six_seconds_of_faults_lose_nothing_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.1)  # set again, and put back, by the soak
    monkeypatch.setattr(module, "LAST_DELAY", 0.5)
    result = soak.run(seconds=6, seed=7)
    assert result["problems"] == []
    assert result["rounds"] > 3
    assert result["outcomes"]["answered"] > 100
    assert result["stats"]["WsClient"]["reconnects"] > 0
