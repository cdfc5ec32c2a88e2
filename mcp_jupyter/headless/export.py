# SPDX-License-Identifier: BSD-3-Clause
"""Export a notebook as a plain Python script that serves the same tools, resources and prompts.

Our magics become decorators of a `FastMCP` server. Other magics and shell commands are left out, each with a
note. The notebook is not run.
"""

from __future__ import annotations

import ast
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import nbformat
from IPython.core.error import UsageError
from IPython.core.inputtransformer2 import TransformerManager

from .._ipython.arguments import parse
from .._util.text import safe_line
from ..errors import McpJupyterError
from ..kernel.magics import McpMagics, text_prompt
from ..kernel.variables import variable_uri

__all__ = [
    "MAX_NOTEBOOK_BYTES",
    "ExportError",
    "Exported",
    "HeadlessError",
    "export",
    "read_notebook",
]


_SILENT: Final = frozenset({"mcp_status", "mcp_serve"})
"""Magics that only display something in a notebook; they are left out without a note."""

_AROUND: Final = frozenset({"time", "capture", "prun"})
"""Magics that wrap code: the script keeps the code without them."""

_SERVING: Final = frozenset({"tool", "resource", "prompt"})
_UNSAID: Final = frozenset({"serve", "status", "updated"})
_OF_NOTEBOOK: Final = _UNSAID | {"variable", "connect"}
"""Functions of `mcp_jupyter.notebook` that a `FastMCP` server lacks."""

_EXTENSIONS: Final = frozenset({"load_ext", "unload_ext", "reload_ext"})

_HINTS: Final = {
    "read_only": "readOnlyHint",
    "destructive": "destructiveHint",
    "idempotent": "idempotentHint",
    "open_world": "openWorldHint",
}

_PRINTS: Final = """# Over stdio, stdout belongs to the protocol: what the cells print goes to stderr.
_stdout, _stdout_descriptor = _sys.stdout, _os.dup(1)
_sys.stdout = _sys.stderr
_os.dup2(2, 1)"""

_SERVES: Final = """_os.dup2(_stdout_descriptor, 1)
_os.close(_stdout_descriptor)
_sys.stdout = _stdout

if __name__ == "__main__":
    mcp.run()
"""

_DISPLAY: Final = '''

def display(*values, **options):
    """Nothing is displayed where there is no notebook."""
'''


_Function = ast.FunctionDef | ast.AsyncFunctionDef


class ExportError(McpJupyterError):
    """A notebook cannot be exported as a script; the message names the cell."""


@dataclass
class Exported:
    """A script, and notes for the user about what was left out, one line each."""

    script: str
    notes: list[str] = field(default_factory=list)


def export(path: Path) -> Exported:
    """Return a notebook as a script.

    Raises
    ------
    HeadlessError
        The file cannot be read.
    ExportError
        A cell cannot be part of a script: it awaits at its top level, or is not Python.
    """
    writer = _Writer(path.name)
    sources = (cell.source for cell in read_notebook(path).cells if cell.cell_type == "code")
    for number, source in enumerate((source for source in sources if source.strip()), 1):
        writer.cell(number, source)
    return Exported(writer.script(path.stem), writer.notes)


class _Writer:
    """Collects cells and returns the script."""

    def __init__(self, name: str) -> None:
        self.notes: list[str] = []
        self._name = name
        self._number = 0
        self._parts: list[str] = []
        self._future: list[str] = []
        self._aliases: set[str] = set()  # names that the cells give to `mcp_jupyter.notebook`
        self._read: set[str] = set()
        self._bound: set[str] = set()
        self._serves = False
        self._instructions = ""
        self._transform = TransformerManager().transform_cell

    def script(self, name: str) -> str:
        """Return the whole script."""
        body = "\n\n\n".join(self._parts)
        imports = ["from mcp_jupyter.server.fastmcp import FastMCP"]
        if "ToolAnnotations(" in body:
            imports.append("from mcp_jupyter.types import ToolAnnotations")
        helper = ""
        told = f", instructions={self._instructions!r}" if self._instructions else ""
        head = [f'"""Written from {self._name} by `jupyter mcp export`."""', ""]
        head += (
            [f"from __future__ import {', '.join(dict.fromkeys(self._future))}", ""] if self._future else []
        )
        head += [
            "import os as _os",  # the cells may use the plain names for something else
            "import sys as _sys",
            "",
            *imports,
            "",
            f"mcp = FastMCP({name!r}{told})",
            "",
            _PRINTS,
        ]
        if not self._serves:
            self.notes.append(
                f"{self._name} serves nothing: no cell has %%mcp_tool, %%mcp_resource or %%mcp_prompt. "
                "Is it saved?"
            )
        if "display" in self._read - self._bound:
            self.notes.append("display() shows nothing in a script.")
            helper += _DISPLAY
        return "\n".join(head) + "\n" + helper + f"\n\n{body}\n\n\n{_SERVES}"

    def cell(self, number: int, source: str) -> None:
        """Add one cell."""
        self._number = number
        text = self._written(source)
        if text.strip():
            self._parts.append(f"# Cell {number}\n{text.strip()}")

    def _written(self, source: str) -> str:
        magic, line, body = _cell_magic(source)
        if magic is None:
            return self._plain(source)
        if (write := _CELLS.get(magic)) is not None:
            while (around := _cell_magic(body))[0] in _AROUND:
                self._note(f"%%{around[0]} does not work in a script; its code is kept")
                body = around[2]
            return write(self, line, body)
        if magic in _AROUND:
            self._note(f"%%{magic} does not work in a script; its code is kept")
            return self._written(body)
        self._note(f"%%{magic} does not work in a script; its cell is left out")
        return _commented(source)

    def _note(self, text: str) -> None:
        self.notes.append(f"Cell [{self._number}]: {text}.")

    def _error(self, text: str) -> ExportError:
        return ExportError(f"Cell [{self._number}] of {self._name}: {text}")

    def _options(self, magic: Any, line: str) -> Namespace:
        try:
            found = parse(magic, line)
        except UsageError as exc:
            raise self._error(str(exc)) from None
        if found is None:
            raise self._error("it asks for --help, and serves nothing.")
        return found

    # -- Python ----------------------------------------------------------------------------------

    def _tree(self, source: str) -> tuple[list[str], ast.Module]:
        text = self._transform(source)
        try:
            tree = ast.parse(text)
        except SyntaxError as exc:
            raise self._error(f"it is not Python: {exc.msg}, line {exc.lineno}") from None
        if any(_awaits(statement) for statement in tree.body):
            raise self._error("it awaits at its top level, which a script cannot; put it into a function.")
        return text.splitlines(), tree

    def _plain(self, source: str, decorate: Callable[[_Function], str] | None = None) -> str:
        """Return the source for a script, with a decorator over each public function."""
        lines, tree = self._tree(source)
        self._look(tree)
        # From the last statement to the first, so that line numbers of those still to come stay valid.
        for statement in reversed(tree.body):
            begin, end = statement.lineno - 1, statement.end_lineno
            if _calls_ipython(statement):
                lines[begin:end] = self._of_ipython(statement, lines[begin:end])
            elif isinstance(statement, ast.ImportFrom) and statement.module == "mcp_jupyter":
                lines[begin:end] = _imported(statement)
            elif isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                self._future += [name.name for name in statement.names]
                lines[begin:end] = []
            elif (call := self._of_notebook(statement)) is not None:
                lines[begin:end] = self._without_notebook(call, lines[begin:end])
            elif decorate is not None and (function := _public_function(statement)) is not None:
                decorators = [item.lineno - 1 for item in function.decorator_list]
                lines.insert(min([begin, *decorators]), decorate(function))
                self._serves = True
        return "\n".join(lines)

    def _look(self, tree: ast.Module) -> None:
        """Record which names a cell binds and reads, and note uses of what the script lacks."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom | ast.Import):
                self._bound |= {alias.asname or alias.name for alias in node.names}
                if isinstance(node, ast.ImportFrom) and node.module == "mcp_jupyter":
                    own = [alias for alias in node.names if alias.name == "notebook"]
                    self._aliases |= {alias.asname or alias.name for alias in own}
            elif isinstance(node, ast.Name):
                (self._read if isinstance(node.ctx, ast.Load) else self._bound).add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._bound.add(node.name)
        self._look_at_notebook(tree)

    def _look_at_notebook(self, tree: ast.Module) -> None:
        """Note uses of IPython and of `mcp_jupyter.notebook` that the script cannot have."""
        for statement in tree.body:
            if _is_definition(statement) and _names_ipython(statement):
                self._note(f"{getattr(statement, 'name', '')} uses IPython, which a script does not have")
            for node in ast.walk(statement) if self._of_notebook(statement) is None else ():
                if not isinstance(node, ast.Attribute) or not self._is_notebook(node):
                    continue
                self._serves = self._serves or node.attr in _SERVING
                if node.attr in _OF_NOTEBOOK:
                    self._note(f"{ast.unparse(node)} is not there in a script")

    def _is_notebook(self, node: ast.Attribute) -> bool:
        return isinstance(node.value, ast.Name) and node.value.id in self._aliases

    def _of_notebook(self, statement: ast.stmt) -> ast.Call | None:
        """Return the call if the statement calls a notebook function that a server lacks."""
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return None
        return call if self._is_notebook(call.func) and call.func.attr in _OF_NOTEBOOK else None

    def _without_notebook(self, call: ast.Call, lines: list[str]) -> list[str]:
        what = getattr(call.func, "attr", "")
        if what in _UNSAID:
            return []
        said = {word.arg: word.value for word in call.keywords}
        said.update(zip(["variable"], call.args, strict=False))
        values = {key: node.value for key, node in said.items() if isinstance(node, ast.Constant)}
        if what == "variable" and isinstance(values.get("variable"), str):
            named = {key: values.get(key) for key in ("name", "title", "description")}
            return self._variable(Namespace(what=values["variable"], **named)).splitlines()
        self._note(f"{ast.unparse(call)} does not work in a script and is left out")
        return _commented("\n".join(lines)).splitlines()

    def _of_ipython(self, statement: ast.stmt, lines: list[str]) -> list[str]:
        """Return the lines that replace a statement that IPython made from `%magic` or `!command`."""
        name, line = _magic_in(statement)
        if name in _SILENT or (name in _EXTENSIONS and line.strip() == "mcp_jupyter"):
            return []
        if name == "mcp_resource":
            return self._variable(self._options(McpMagics.mcp_resource, line)).splitlines()
        if name in _AROUND and isinstance(statement, ast.Expr):
            self._note(f"%{name} does not work in a script; its code is kept")
            return self._plain(line).splitlines()
        shown = f"%{name} {line}".strip() if name else ast.unparse(statement)
        self._note(f"{shown} does not work in a script and is left out")
        return _commented("\n".join(lines)).splitlines()

    # -- tools, resources and prompts ------------------------------------------------------------

    def _tool(self, line: str, body: str) -> str:
        options = self._options(McpMagics.mcp_tool, line)
        for name in ("concurrent", "timeout", "executor"):
            if getattr(options, name, None):
                self._note(f"--{name} is left out: in a script of its own nothing waits for a cell")
        hints = ", ".join(f"{hint}=True" for name, hint in _HINTS.items() if getattr(options, name, False))
        said = _said(options, "name", "title", "description")
        if hints:
            said["annotations"] = f"ToolAnnotations({hints})"
        return self._plain(body, partial(_decorator, "tool", said))

    def _resource(self, line: str, body: str) -> str:
        options = self._options(McpMagics.mcp_resource, line)
        if not options.what:
            raise self._error("%%mcp_resource needs a URI.")
        said = {"uri": repr(options.what), **_said(options, "name", "title", "description", "mime_type")}
        if options.paths:
            said["paths"] = "True"
        decorator = f"@mcp.resource({_keywords(said)})"
        lines, tree = self._tree(body)
        last = tree.body[-1] if tree.body else None
        if not isinstance(last, ast.Expr):
            return self._plain(body, lambda _: decorator)
        self._serves = True
        if "name" not in said:
            said["name"] = repr(options.what)
            decorator = f"@mcp.resource({_keywords(said)})"
        beside = lines[last.lineno - 1].encode()[: last.col_offset].decode().rstrip("; ")  # `a = 1; a`
        before = self._plain("\n".join([*lines[: last.lineno - 1], beside])) if len(tree.body) > 1 else ""
        self._look(ast.Module([last], []))
        value = f"_value_{self._number}"  # computed once, as in the notebook
        before = f"{before}\n\n{value} = {ast.unparse(last.value)}"
        function = f"{decorator}\ndef _resource_{self._number}():\n    return {value}"
        return f"{before}\n\n\n{function}"

    def _variable(self, options: Namespace) -> str:
        if not options.what:
            raise self._error("%mcp_resource needs the name of a variable.")
        said = {"uri": repr(variable_uri(options.what)), "name": repr(options.name or options.what)}
        said |= _said(options, "title", "description", "mime_type")
        self._serves = True
        return (
            f"\n@mcp.resource({_keywords(said)})\ndef _resource_{options.what}():\n"
            f"    return {options.what}\n"
        )

    def _prompt(self, line: str, body: str) -> str:
        options = self._options(McpMagics.mcp_prompt, line)
        said = _said(options, "title", "description")
        wanted = options.name or options.prompt
        if wanted:
            said = {"name": repr(wanted), **said}
        decorator = f"@mcp.prompt({_keywords(said)})"
        try:
            is_code = any(_public_function(statement) for statement in ast.parse(body).body)
        except SyntaxError:
            is_code = False
        if is_code:
            return self._plain(body, partial(_decorator, "prompt", said))
        self._serves = True
        try:
            names = text_prompt(body).__signature__.parameters  # type: ignore[attr-defined]
        except ValueError as exc:
            raise self._error(f"%%mcp_prompt: {exc}") from None
        parameters = ", ".join(f"{name}: str" for name in names)
        values = ", ".join(f"{name}={name}" for name in names)
        text = body.strip("\n")
        head = f"{decorator}\ndef _prompt_{self._number}({parameters}) -> str:"
        return f"{head}\n    return {text!r}.format({values})"

    def _told(self, line: str, body: str) -> str:
        self._options(McpMagics.mcp_instructions, line)
        self._instructions = body.strip()
        return ""


_CELLS: Final[dict[str, Callable[[_Writer, str, str], str]]] = {
    "mcp_tool": _Writer._tool,
    "mcp_resource": _Writer._resource,
    "mcp_prompt": _Writer._prompt,
    "mcp_instructions": _Writer._told,
}


def _said(options: Namespace, *names: str) -> dict[str, str]:
    return {name: repr(getattr(options, name)) for name in names if getattr(options, name, None)}


def _keywords(said: dict[str, str]) -> str:
    return ", ".join(value if name == "uri" else f"{name}={value}" for name, value in said.items())


def _decorator(kind: str, said: dict[str, str], function: _Function) -> str:
    """Return the registering decorator. It gives the name when a decorator of the user may change it."""
    if function.decorator_list:
        said = {"name": repr(function.name), **said}
    return f"@mcp.{kind}({_keywords(said)})"


def _cell_magic(source: str) -> tuple[str | None, str, str]:
    """Return a cell's magic, the arguments on its line, and its body."""
    first, _, body = source.lstrip("\n").partition("\n")
    magic = re.fullmatch(r"%%(\w+)\s*(.*)", first.strip())
    return (None, "", source) if magic is None else (magic[1], magic[2], body)


def _commented(source: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in source.splitlines())


def _public_function(statement: ast.stmt) -> _Function | None:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and not statement.name.startswith("_"):
        return statement
    return None


def _magic_in(statement: ast.stmt) -> tuple[str, str]:
    """Return name and arguments if the statement is a line magic, else empty texts."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(call, ast.Call):
        words = [word.value for word in call.args if isinstance(word, ast.Constant)]
        if len(words) == 2:
            return str(words[0]), str(words[1])
    return "", ""


def _imported(statement: ast.ImportFrom) -> list[str]:
    """Replace `from mcp_jupyter import notebook` by the server, which has the same decorators."""
    lines = [f"{name.asname or name.name} = mcp" for name in statement.names if name.name == "notebook"]
    others = [name for name in statement.names if name.name != "notebook"]
    if others:
        lines.append(ast.unparse(ast.ImportFrom(statement.module, others, statement.level)))
    return lines


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _outside_functions(child)


def _awaits(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    kinds = ast.Await | ast.AsyncFor | ast.AsyncWith
    return any(
        isinstance(node, kinds) or (isinstance(node, ast.comprehension) and node.is_async)
        for node in _outside_functions(statement)
    )


def _calls_ipython(statement: ast.stmt) -> bool:
    return not _is_definition(statement) and _names_ipython(statement)


def _is_definition(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _names_ipython(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(statement))


# -- document ------------------------------------------------------------------------------------
#
# Read a notebook document from a file.

MAX_NOTEBOOK_BYTES: Final = 256 * 2**20
"""Bytes of a document with its outputs: it is read into memory."""


class HeadlessError(McpJupyterError):
    """A notebook cannot be run, because of its file or its kernel."""


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a document of any version of the notebook format.

    Raises
    ------
    HeadlessError
        The file cannot be read, is too large, or is not a notebook.
    """
    read: Any = nbformat.read
    try:
        if path.stat().st_size > MAX_NOTEBOOK_BYTES:
            raise HeadlessError(f"{path} is larger than {MAX_NOTEBOOK_BYTES} bytes.")
        notebook: nbformat.NotebookNode = read(path, as_version=4)
    except HeadlessError:
        raise
    except OSError as exc:
        raise HeadlessError(f"{path} cannot be read: {exc.strerror or exc}.") from None
    except Exception as exc:  # noqa: BLE001 - whatever nbformat's readers of old formats raise
        raise HeadlessError(
            f"{path} is not a valid notebook: {safe_line(str(exc).partition(chr(10))[0])}"
        ) from None
    return notebook
