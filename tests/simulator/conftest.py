"""A raw caller of the simulator, over HTTP and over WebSocket: what it sees is NapCat's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onebot_simple.simulator import Simulator

from .callers import Caller, HttpCaller, WsCaller


@pytest.fixture
def world() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


@pytest.fixture(params=["http", "ws"])
def napcat(world: Simulator, request: pytest.FixtureRequest) -> Iterator[Caller]:
    with HttpCaller(world) if request.param == "http" else WsCaller(world) as caller:
        yield caller


@pytest.fixture
def http(world: Simulator) -> Iterator[HttpCaller]:
    with HttpCaller(world) as caller:
        yield caller


@pytest.fixture
def ws(world: Simulator) -> Iterator[WsCaller]:
    with WsCaller(world) as caller:
        yield caller
