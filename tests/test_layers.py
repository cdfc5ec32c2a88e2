# SPDX-License-Identifier: BSD-3-Clause
"""Rules about the source itself: layers, licence line, public names, size. Knows no behaviour."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPDX = "SPDX-License-Identifier: BSD-3-Clause"
MAX_LINES = 450  # a file with one job is shorter; of the package, lines of code

PACKAGE = sorted((ROOT / "mcp_jupyter").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PANEL = sorted(path for path in (ROOT / "labextension" / "src").rglob("*") if path.is_file())

COMMANDS = ("mcp_jupyter/cli/", "mcp_jupyter/testing/plugin.py")
"""`jupyter mcp` and pytest start faster when a command or a fixture imports what it needs itself."""

LATE = {
    "Few notebooks use it, and its import would slow down every start of a kernel.": (
        "mcp_jupyter.client",
        "mcp_jupyter.ipc.attached_notebook",
        "mcp_jupyter.kernel.http",
        "mcp_jupyter.notebook_client",
        "mcp_jupyter.server.executors",
        "mcp_jupyter.server.http",
        "mcp_jupyter.server.standalone",
        "mcp_jupyter.server.stdio",
        "mcp_jupyter.widgets",
    ),
    "A host waits for the first answer of `run` and `attach`.": ("mcp_jupyter.ipc.reconnecting_channel",),
    "Each process of an executor imports it.": (
        "mcp_jupyter.server.content",
        "mcp_jupyter.server.context",
        "mcp_jupyter.server.runner",
    ),
    "Only some schemas, URLs, attributes of errors and formats of files need it.": (
        "mcp_jupyter.protocol.schema_checker",
        "mcp_jupyter.server.lowlevel.urls",
        "mcp_jupyter.types",
        "dotenv",
        "pydantic",
        "tomllib",
        "yaml",
    ),
    "Users may not have it, or not have imported it.": ("PIL", "narwhals", "pandas", "pyarrow"),
    "The same code runs in processes without it.": (
        "IPython",
        "anyio",
        "ipykernel",
        "jupyter_core",
        "psutil",
    ),
    "Only Windows has to send signals with it.": ("_thread",),
    "The names of a package are imported when they are asked for.": ("importlib",),
}
"""What functions import, and why not the module: outside of `COMMANDS` for these reasons only."""


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_public(path: Path) -> bool:
    """Tell whether no part of the path begins with an underscore; `__init__` stands for its package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return not any(part.startswith("_") and part != "__init__" for part in parts)


def lacks_all(source: str) -> bool:
    """Tell whether a module has content, more than its docstring, and no ``__all__``."""
    body = ast.parse(source).body
    if len(body) <= 1:
        return False
    assigned = {
        target.id
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return "__all__" not in assigned


def code_lines(path: Path) -> int:
    """Count the lines that hold code: neither blank, nor a comment, nor a docstring."""
    source = path.read_text(encoding="utf-8")
    texts = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and type(node.value.value) is str
    ]
    documented = {line for text in texts for line in range(text.lineno, (text.end_lineno or 0) + 1)}
    lines = enumerate(map(str.strip, source.splitlines()), 1)
    return sum(bool(line) and line[0] != "#" and number not in documented for number, line in lines)


def imported_in_functions(path: Path) -> Iterator[str]:
    """Yield the full names of the modules that a file's functions import."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    package = ".".join(parts[:-1])
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield resolve_name("." * node.level + (node.module or ""), package)


def test_functions_import_only_what_would_slow_down_a_start() -> None:
    late = [module for modules in LATE.values() for module in modules]
    used = set()
    for path in PACKAGE:
        if relative(path).startswith(COMMANDS):
            continue
        for name in imported_in_functions(path):
            reasons = [module for module in late if f"{name}.".startswith(f"{module}.")]
            assert reasons, f"{relative(path)} imports {name} in a function: import it at the top, or say why"
            used.update(reasons)
    assert sorted(set(late) - used) == []


def test_imports_point_downwards_only() -> None:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    linter = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linter.returncode == 0, linter.stdout + linter.stderr


@pytest.mark.parametrize("files", [PACKAGE, TESTS, PANEL], ids=["package", "tests", "panel"])
def test_first_line_of_each_file_names_the_licence(files: list[Path]) -> None:
    first_lines = {path: path.read_text(encoding="utf-8").partition("\n")[0] for path in files}
    assert first_lines, "found no files"
    assert [relative(path) for path, line in first_lines.items() if SPDX not in line] == []


def test_public_modules_list_their_public_names() -> None:
    public = [path for path in PACKAGE if is_public(path)]
    assert [relative(path) for path in public if lacks_all(path.read_text(encoding="utf-8"))] == []


def test_files_stay_small() -> None:
    sizes = {relative(path): path.read_bytes().count(b"\n") for path in TESTS + PANEL}
    sizes |= {relative(path): code_lines(path) for path in PACKAGE}
    assert {path: lines for path, lines in sizes.items() if lines > MAX_LINES} == {}
