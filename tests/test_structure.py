"""The order of the modules, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import onebot_simple

PACKAGE = Path(onebot_simple.__file__).parent


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "__init__"


FILES = {name_of(path): path for path in PACKAGE.rglob("*.py")}


def imports_of(name: str) -> set[str]:
    """The modules of the package that a module imports while it is loaded."""
    package = list(FILES[name].relative_to(PACKAGE).parent.parts)
    found: set[str] = set()
    tree = ast.parse(FILES[name].read_text(encoding="utf-8"))
    for_editors = [node for node in ast.walk(tree) if is_for_editors(node)]
    skipped = {inner for node in for_editors for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node in skipped:
            continue
        if node.level:
            above = package[: len(package) + 1 - node.level]
            base = ".".join([*above, *([node.module] if node.module else [])])
        elif (node.module or "").split(".")[0] == "onebot_simple":
            base = ".".join((node.module or "").split(".")[1:])
        else:
            continue
        for alias in node.names:
            inner = f"{base}.{alias.name}".lstrip(".")
            found.add(inner if inner in FILES else base or "__init__")
    return found - {name}


def is_for_editors(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


IMPORTS = {name: imports_of(name) for name in FILES}


def test_imports_only_go_up_and_never_in_a_circle() -> None:
    list(TopologicalSorter(IMPORTS).static_order())  # a CycleError names the circle


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_module_imports_only_what_it_may(name: str) -> None:
    folders = {found.split(".")[0] for found in IMPORTS[name]}
    if name.startswith("simulator"):
        assert folders <= {"simulator", "segment", "errors"}
    elif not name.startswith("playground"):
        assert not folders & {"simulator", "playground"}
    if name != "playground.echo_bot":  # a bot like any other
        assert "__init__" not in IMPORTS[name]


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
