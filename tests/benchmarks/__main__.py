"""All benchmarks, one table in Markdown; the others come with `pip install -e .[bench]`.

python -m tests.benchmarks [--quick] [ROW ...]
"""

from __future__ import annotations

import argparse
import sys

from . import http_calls, http_events, imports, memory, scale, simulator, ws_rows
from .harness import HEAD, measured

MODULES = [http_calls, http_events, ws_rows, memory, imports, simulator, scale]


def main() -> None:
    assert __doc__
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("rows", nargs="*", metavar="ROW", help="all, unless some are named")
    options.add_argument("--quick", action="store_true", help="less exact, in under a minute")
    options.add_argument("--list", action="store_true", help="print the names of the rows")
    given = options.parse_args()
    rows = [row for module in MODULES for row in module.rows(given.quick)]
    names = [row.name for row in rows]
    unknown = set(given.rows) - set(names)
    if unknown:
        options.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if given.list:
        print("\n".join(names))
        return
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    print(HEAD, flush=True)
    for row in rows:
        if row.name in (given.rows or names):
            print(measured(row, given.quick), flush=True)


if __name__ == "__main__":
    main()
