"""Short versions of `python -m tests.benchmarks.load`."""

from __future__ import annotations

from .benchmarks import load


def test_thousands_of_events_over_one_connection_come_once_and_in_order() -> None:
    result = load.events_over_one_connection(5_000)
    assert result["stats"]["events"] == 5_000
    assert result["stats"]["queued"] == 0
    assert result["wrong"] == []


def test_a_long_queue_is_warned_of_at_each_doubling_and_its_memory_is_given_back() -> None:
    result = load.events_over_one_connection(5_000, held=True)
    assert result["warned_at"] == [1000, 2000, 4000]
    assert result["wrong"] == []
    assert result["peak_kib"] > 5_000
    assert result["kept_kib"] < 1_000


def test_many_accounts_at_once_are_answered_and_leave_nothing() -> None:
    result = load.reverse_connections(60)
    assert result["at_once"] == 60
    assert result["stopped_in"] < 5
    assert result["kept_kib"] < 1_000


def test_a_slow_conversation_delays_nobody_among_a_thousand_busy_ones() -> None:
    result = load.one_slow_among_many(1000)
    assert result["queued_behind_the_slow_one"] == 99
    assert result["longest_ms"] < 5_000  # the slow one takes a minute
