# SPDX-License-Identifier: BSD-3-Clause
"""What no file of the package may do, but for the listed ones (SECURITY, T42)."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent / "mcp_jupyter"

MODULES = {"marshal", "pickle", "shelve", "dill", "cloudpickle", "joblib"}
NAMES = {"eval", "exec", "compile", "__import__"}
CALLS = {"yaml.load", "yaml.full_load", "yaml.unsafe_load", "os.system", "os.popen", "subprocess.getoutput"}

EXCEPTIONS = {
    ("server/worker.py", "import pickle"),  # what executors send to workers of the person's own
    ("server/worker.py", "import cloudpickle"),
    ("kernel/cells.py", "eval"),  # the person's own cell
    ("kernel/cells.py", "compile"),
}


def named(node: ast.AST) -> str:
    """A dotted name as it is written; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{named(node.value)}.{node.attr}"
    return ""


def dangers(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            found |= {f"import {name}" for name in names if name.partition(".")[0] in MODULES}
        elif isinstance(node, ast.Call):
            called = named(node.func)
            if called in NAMES | CALLS:
                found.add(called)
            if called.endswith("import_module"):
                given = [each.value for each in node.args if isinstance(each, ast.Constant)]
                found |= {f"import {name}" for name in given if name in MODULES}
            if any(each.arg == "shell" and getattr(each.value, "value", 1) for each in node.keywords):
                found.add("shell=True")
    return found


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), danger)
        for path in ROOT.rglob("*.py")
        for danger in dangers(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == EXCEPTIONS


def test_the_search_finds_what_it_is_for() -> None:
    source = """
import pickle.x, os
from shelve import open
importlib.import_module("marshal")
eval("1"); yaml.load(f); os.system("x"); subprocess.run("x", shell=True); subprocess.run(x, shell=y)
subprocess.run(x, shell=False); yaml.safe_load(f); re.compile("x"); server.exec()
"""
    assert dangers(ast.parse(source)) == {
        *("import pickle.x", "import shelve", "import marshal", "eval", "yaml.load", "os.system"),
        "shell=True",
    }
