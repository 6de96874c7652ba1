"""The order of the modules, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import onebot_simple

PACKAGE = Path(onebot_simple.__file__).parent

LEVELS = [
    [
        "errors",
        "segment",
        "conversations",
        "http_connection",
        "server_websocket",
        "tls_socket",
        "typed",
    ],
    [
        "extended_actions",
        "addresses",
        "files",
        "handlers",
        "http_front",
        "lean_websocket",
        "ws_hub",
    ],
    ["actions", "quick_operation", "console"],
    ["decorators", "http_client", "ws_connection"],
    ["bot"],
    ["event_server", "ws_client", "ws_server", "probe"],
    ["__init__", "call", "listen"],
    ["reception"],
    ["doctor"],
    ["__main__"],
]
RANK = {name: level for level, names in enumerate(LEVELS) for name in names}


def imports_of(path: Path) -> set[str]:
    """The modules of the package that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names = [node.module] if node.module else [alias.name for alias in node.names]
            found |= {name.split(".")[0] for name in names if name}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("onebot_simple"):
            found |= {alias.name for alias in node.names}
    return found


MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem in RANK)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_up(module: str) -> None:
    for imported in imports_of(PACKAGE / f"{module}.py"):
        assert RANK[imported] < RANK[module], f"{module} imports {imported}"


def test_every_module_has_its_place() -> None:
    assert set(MODULES) == set(RANK)


@pytest.mark.parametrize(
    ("name", "not_needed"),
    [
        ("WsClient", {"flask", "requests", "websockets"}),
        ("WsServer", {"flask", "requests", "websocket"}),
        ("HttpClient", {"flask", "websocket", "websockets"}),
        ("EventServer", {"requests", "websocket", "websockets"}),
    ],
)
def test_a_class_loads_only_what_it_needs(name: str, not_needed: set[str]) -> None:
    code = f"import sys; from onebot_simple import {name}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"onebot_simple.typed", *not_needed} & set(run.stdout.split())


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="HttpServer"):
        onebot_simple.HttpServer  # noqa: B018
