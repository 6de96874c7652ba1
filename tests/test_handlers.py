"""Which events are handled one after another, and what a peer can make of their ids."""

from __future__ import annotations

import time
from typing import Any

import pytest

from onebot_simple.event import conversation_of, person_of


def key(user_id: Any) -> Any:
    event = {"post_type": "message", "message_type": "private", "self_id": 1, "user_id": user_id}
    return conversation_of(event), person_of(event)


@pytest.mark.parametrize("same", [(7, "7"), (10**17, str(10**17)), (0, "0"), ("a", "a")])
def test_a_number_and_its_digits_are_the_same_id(same: tuple[Any, Any]) -> None:
    assert key(same[0]) == key(same[1])


@pytest.mark.parametrize("other", [True, "+7", " 7 ", "7_0", "７", "7.0", -7, None, [], {}])
def test_nothing_else_is(other: Any) -> None:
    assert key(other) not in (key(7), key(70), key(1))


def test_no_ids_make_the_search_for_a_conversation_slow() -> None:
    modulus = 2**61 - 1  # numbers that differ by it have the same hash
    began = time.process_time()
    keys = {key(number * modulus) for number in range(1, 20_000)}
    keys |= {key(str(number * modulus)) for number in range(1, 20_000)}
    assert len(keys) == 19_999
    assert time.process_time() - began < 2  # minutes, if they did
