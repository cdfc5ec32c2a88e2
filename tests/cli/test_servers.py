# SPDX-License-Identifier: BSD-3-Clause
"""Which object of a file is the server, and what is said when there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_jupyter.cli.servers import FileFailed, ModuleMissing, ServerFile, ServerFileError

HEAD = "from mcp_jupyter.server.fastmcp import FastMCP\nfrom mcp_jupyter.server.lowlevel import Server\n"


@pytest.fixture(autouse=True)
def modules_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loading changes this process: what came from the test's folder is forgotten."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def write(folder: Path, source: str, name: str = "a_server_file.py") -> Path:
    path = folder / name
    path.write_text(HEAD + source)
    return path


@pytest.mark.parametrize(
    ("source", "named", "found"),
    [
        ("mcp = FastMCP('a')", "", "a"),
        ("app = FastMCP('a'); server = FastMCP('b'); x = FastMCP('c')", "", "b"),
        ("anything = FastMCP('a')", "", "a"),
        ("low = Server('a')", "", "a"),
        ("x = y = FastMCP('a')", "", "a"),
        ("mcp = 1; real = FastMCP('a')", "", "a"),
        ("mcp = FastMCP('a'); other = FastMCP('b')", ":other", "b"),
    ],
)
def test_the_server_is_found(tmp_path: Path, source: str, named: str, found: str) -> None:
    assert ServerFile.parse(f"{write(tmp_path, source)}{named}").load().name == found


@pytest.mark.parametrize(
    ("source", "named", "words"),
    [
        ("x = FastMCP('a'); y = Server('b')", "", "a_server_file.py:x, a_server_file.py:y"),
        ("x = 1", "", "has no server"),
        ("mcp = FastMCP('a')", ":other", "Unknown name 'other' in"),
        ("mcp = FastMCP('a')", ":other", "Known servers: a_server_file.py:mcp"),
        ("number = 1", ":number", "number in"),
        ("number = 1", ":number", "is of the type int"),
        ("from mcp.server.lowlevel import Server as Official; s = Official('x')", "", "from mcp_jupyter"),
    ],
)
def test_what_is_no_server_is_told(tmp_path: Path, source: str, named: str, words: str) -> None:
    with pytest.raises(ServerFileError) as error:
        ServerFile.parse(f"{write(tmp_path, source)}{named}").load()
    assert words in str(error.value)


def test_the_main_block_does_not_run(tmp_path: Path) -> None:
    path = write(tmp_path, "mcp = FastMCP('a')\nif __name__ == '__main__':\n    raise SystemExit(3)")
    assert ServerFile.parse(str(path)).load().name == "a"


def test_a_file_imports_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "a_neighbour_module.py").write_text("NAME = 'from next door'")
    path = write(tmp_path, "import a_neighbour_module\nmcp = FastMCP(a_neighbour_module.NAME)")
    assert ServerFile.parse(str(path)).load().name == "from next door"


def test_a_file_may_be_called_like_a_library(tmp_path: Path) -> None:
    import json

    path = write(tmp_path, "import json\nmcp = FastMCP(json.loads('\"ours\"'))", "json.py")
    assert ServerFile.parse(str(path)).load().name == "ours"
    assert sys.modules["json"] is json


def test_what_is_defined_in_a_file_can_be_found_again(tmp_path: Path) -> None:
    source = "import pickle\nclass Row: pass\npickle.loads(pickle.dumps(Row()))\nmcp = FastMCP('a')"
    assert ServerFile.parse(str(write(tmp_path, source))).load().name == "a"


@pytest.mark.parametrize(
    ("source", "kind", "words"),
    [
        ("1 / 0", FileFailed, "line 3: ZeroDivisionError: division by zero"),
        ("def f():\n    raise ValueError('two\\nlines')\nf()", FileFailed, "line 5: ValueError: two lines"),
        ("x = (", FileFailed, "line 3: SyntaxError"),
        ("import no_such_module_at_all", ModuleMissing, "line 3: ModuleNotFoundError"),
        ("raise SystemExit('set KEY first')", FileFailed, "line 3: SystemExit: set KEY first"),
        ("import json; json.loads('{')", FileFailed, "line 3: JSONDecodeError"),
    ],
)
def test_a_file_that_raises_is_told_with_the_place(
    tmp_path: Path, source: str, kind: type[FileFailed], words: str
) -> None:
    path = write(tmp_path, source)
    with pytest.raises(kind) as error:
        ServerFile.parse(str(path)).load()
    assert str(error.value).startswith(f"{path}, line ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert "importlib" not in error.value.account
    assert __file__ not in error.value.account


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere.py", "File not found: nowhere.py"),
        ("nowhere.py:mcp", "File not found: nowhere.py"),
        ("note.txt", "is not a Python file"),
        ("folder.py", "is not a Python file"),
        ("analysis.ipynb", "is a notebook, which has no object"),
        ("analysis.ipynb:mcp", "is a notebook, which has no object"),
    ],
)
def test_what_is_no_file_of_python_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("")
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(ServerFileError, match=words):
        ServerFile.parse(text)
