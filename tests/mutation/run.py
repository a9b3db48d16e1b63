"""Mutation testing: cosmic-ray's mutants of one module, each tried by the tests that are about it.

    python tests/mutation/run.py ratelimit.engine                  # all mutants; minutes to an hour
    python tests/mutation/run.py ratelimit.gcra --out gcra.json    # goes on where it was stopped

A mutant lives in memory alone and in a process of its own, forked from one that has imported what tests need, so no
file is ever changed. Left out are mutants that are no program, and those that differ in annotations alone, which
nothing evaluates. A mutant that makes the tests run into the time-out is killed. Survivors are listed in SURVIVORS.md
with the reason. Needs cosmic-ray (``pip install cosmic-ray``), and Linux or macOS.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib
import importlib.abc
import importlib.util
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np  # noqa: F401 (what is imported here is not imported anew by each process)
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from types import ModuleType

ROOT = Path(__file__).parents[2]

#: The tests that are about each module, the fast and telling ones first.
TESTS = {
    "ratelimit.gcra": ["tests/test_gcra.py", "ratelimit/gcra.py"],
    "ratelimit.evidence": ["tests/test_evidence.py", "tests/test_values.py", "ratelimit/evidence.py"],
    "ratelimit.engine": ["tests/test_engine.py", "tests/test_batches.py", "tests/test_cohorts.py", "tests/laws"],
    "ratelimit.terms": ["tests/test_engine.py", "tests/test_batches.py"],
    "ratelimit.signals.affinity": ["tests/test_signal_prices.py", "tests/test_signals.py"],
    "ratelimit.signals.coverage": ["tests/test_signal_prices.py", "tests/test_signals.py"],
    "ratelimit.signals.stamina": ["tests/test_signal_prices.py", "tests/test_signals.py"],
    "ratelimit.signals.wander": ["tests/test_signal_prices.py", "tests/test_signals.py"],
    "ratelimit.stores.memory": [
        "tests/stores/test_memory_edges.py", "tests/test_engine.py", "tests/stores/test_memory.py",
        "tests/stores/test_adjust.py", "tests/test_cohorts.py",
    ],
}


class Bare(ast.NodeTransformer):
    """Takes off all that is never evaluated."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """Take off an argument's annotation."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: Any) -> Any:
        """Take off what a function says that it returns."""
        node.returns = None
        return self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (the name that ast looks for)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Make all annotations of attributes alike: only whether there is one counts."""
        node.annotation = ast.Name("x", ast.Load())
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Take off imports for type checkers."""
        names = {one.id for one in ast.walk(node.test) if isinstance(one, ast.Name)}
        return None if names == {"TYPE_CHECKING"} else self.generic_visit(node)


def meaning(code: str) -> str:
    """Return what of *code* is evaluated. Raises: SyntaxError."""
    return ast.dump(Bare().visit(ast.parse(code)))


def mutants(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the mutants of the module at *path*: its code, and what differs."""
    plugins, mutating = map(importlib.import_module, ("cosmic_ray.plugins", "cosmic_ray.mutating"))
    source = path.read_text("utf-8")
    original = meaning(source)
    for name in sorted(plugins.operator_names()):
        kind = plugins.get_operator(name)
        if kind.arguments():  # it has to be told what to replace
            continue
        for number in itertools.count():
            code = mutating.mutate_code(source, kind(), number)
            if code is None:
                break
            try:
                if meaning(code) == original:
                    continue
            except SyntaxError:
                continue
            lines = difflib.unified_diff(source.splitlines(), code.splitlines(), n=0, lineterm="")
            yield {"code": code, "changed": [line for line in lines if line[:1] in "+-"][2:]}


class Mutant(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads *code* in place of the module *named*, whose file is at *path*."""

    def __init__(self, named: str, path: Path, code: str) -> None:
        self._named, self._path, self._code = named, path, code

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Say that it loads this module."""
        if fullname != self._named:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        """Run it."""
        exec(compile(self._code, self._path, "exec"), module.__dict__)  # noqa: S102 (that is what it is for)


def outcome(named: str, path: Path, code: str, timeout: float) -> str:
    """Return ``killed`` or ``survived``, for *code* in place of the module *named*."""
    child = os.fork()
    if not child:
        os.setsid()
        os._exit(_tried(named, path, code))
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            with contextlib.suppress(ProcessLookupError):  # what its tests have left running
                os.killpg(child, signal.SIGKILL)
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "killed"


def _tried(named: str, path: Path, code: str) -> int:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    sys.meta_path.insert(0, Mutant(named, path, code))
    try:
        # Before pytest looks for it: the hook by which that rewrites assertions would load the original.
        importlib.import_module(named)
    except BaseException:  # noqa: BLE001 (a mutant raises anything)
        return 1
    return int(pytest.main(["-q", "-x", "--hypothesis-seed=1", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-W",
                            "ignore::pytest.PytestAssertRewriteWarning", "-o", "addopts=--import-mode=importlib",
                            *TESTS[named]]))


def main() -> int:
    """Try all mutants of one module, and list those that survive; end with 1 if more than a tenth does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("module", choices=sorted(TESTS))
    parser.add_argument("--out", metavar="FILE", help="where outcomes are kept")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one mutant")
    chosen = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = str(ROOT)
    path = ROOT / f"{chosen.module.replace('.', '/')}.py"
    if outcome(chosen.module, path, path.read_text("utf-8"), chosen.timeout) != "survived":
        print("the tests fail as it is")
        return 2
    kept = Path(chosen.out) if chosen.out else None
    known: dict[str, str] = json.loads(kept.read_text("utf-8")) if kept is not None and kept.exists() else {}
    every = list(mutants(path))
    for number, mutant in enumerate(every):
        key = "\n".join(mutant["changed"]) + f"\n{number}"
        if key not in known:
            known[key] = outcome(chosen.module, path, mutant["code"], chosen.timeout)
            if kept is not None:
                kept.write_text(json.dumps(known, indent=1), "utf-8")
        if known[key] == "survived":
            print(*mutant["changed"], sep="\n", end="\n\n")
    alive = sum(1 for one in known.values() if one == "survived")
    print(f"{chosen.module}: {len(every)} mutants, {alive} survive, {1 - alive / len(every):.1%} are killed")
    return int(alive > len(every) / 10)


if __name__ == "__main__":
    sys.exit(main())
