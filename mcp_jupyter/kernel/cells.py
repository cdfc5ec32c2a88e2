# SPDX-License-Identifier: BSD-3-Clause
"""Run the body of a cell under one of our magics as a plain cell runs, and return what it defined.

Its errors look like those of a plain cell, with the cell's number and lines. Syntax errors are raised before
IPython runs the cell (`CellTransformer`), others while the body runs (`run_cell`). The magics decide what
becomes of the functions.
"""

from __future__ import annotations

import ast
import inspect
import traceback
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from .._ipython.arguments import wants_help
from .._ipython.private import number_of_running_cell, rendered_syntax_error, rendered_traceback

__all__ = ["Cell", "CellTransformer", "is_code", "run_cell"]

NOTHING: Final = object()
"""The value of a cell that does not end in an expression."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The result of a cell.

    Attributes
    ----------
    functions : dict of str to callable
        The public functions at its top level.
    value : Any
        The value of its last expression.
    unserved : sequence of str
        A sentence about each thing at its top level that looks like a function to serve, and why it is not.
    """

    functions: dict[str, Callable[..., Any]]
    value: Any = NOTHING
    unserved: Sequence[str] = ()

    @property
    def has_value(self) -> bool:
        """Whether the cell ended in an expression."""
        return self.value is not NOTHING


class CellTransformer:
    """Prepares cells under our magics; one of IPython's input transformers.

    IPython refuses a cell magic without a body before it calls the magic, so `--help` alone in a cell would
    fail: such a cell gets an empty line as its body. Syntax errors are raised here, because IPython shows one
    that a magic raises with the whole stack.

    Parameters
    ----------
    shell : InteractiveShell
    magics : container of str
        Names of our cell magics.
    """

    has_side_effects = True
    """Makes IPython leave it out when a console checks whether a cell that is being typed is complete."""

    def __init__(self, shell: InteractiveShell, magics: Container[str]) -> None:
        self._shell = shell
        self._magics = magics

    def __call__(self, lines: list[str]) -> list[str]:
        """Return the lines that IPython goes on with, or raise the body's SyntaxError."""
        if not lines or not lines[0].startswith("%%"):
            return lines
        name, _, options = lines[0].removeprefix("%%").strip().partition(" ")
        if name not in self._magics:
            return lines
        if wants_help(options.split()):
            return [lines[0], *(lines[1:] or ["\n"])]
        body = "".join(lines[1:])
        if name in _CODE or (name in _CODE_OR_TEXT and is_code(body)):
            source, filename = _placed(
                self._shell, lines[0], body, _number(self._shell, self._shell.execution_count)
            )
            compile(source, filename, "exec", _flags(self._shell), dont_inherit=True)
        return lines


_CODE: Final = ("mcp_tool", "mcp_resource")
_CODE_OR_TEXT: Final = ("mcp_prompt",)


def is_code(cell: str) -> bool:
    """Whether a cell is Python that defines a function, rather than prose."""
    try:
        tree = ast.parse(cell)
    except SyntaxError:
        return cell.lstrip().startswith(("def ", "async def ", "@"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in tree.body)


def _placed(shell: InteractiveShell, head: str, body: str, number: int) -> tuple[str, str]:
    """Return the code of a cell's body, with the line numbers of the whole cell, and the cell's file name.

    The file name is the one that Jupyter and its debugger use for the whole cell.
    """
    head = head.rstrip("\n")
    lines = body.splitlines()
    blank = next((count for count, line in enumerate(lines) if line.strip()), 0)
    first = lines[blank] if lines else ""
    if first.startswith("%%"):  # another cell magic, which has to come first; IPython drops blank lines
        code = "\n" * (1 + blank) + shell.transform_cell(body)
    else:  # a comment in place of our magic, indented as the body is, so that IPython counts the cell's lines
        indent = first[: len(first) - len(first.lstrip())]
        code = shell.transform_cell(f"{indent}#\n{body}")
    shown = "\n".join([head, code.partition("\n")[2]])
    filename = shell.compile.cache(shown, number, f"{head}\n{body}".removesuffix("\n"))
    return code, filename


def _number(shell: InteractiveShell, otherwise: int) -> int:
    """Return the number of the running cell, or `otherwise` if it is unknown."""
    number = number_of_running_cell(shell)
    return otherwise if number is None else number


def _flags(shell: InteractiveShell) -> int:
    return shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def run_cell(shell: InteractiveShell, source: str, magic: str, line: str) -> Cell:
    """Run a cell's body in the notebook's namespace.

    Parameters
    ----------
    shell : InteractiveShell
        The kernel's shell.
    source : str
        The body.
    magic, line : str
        The cell's first line: the magic, and the rest of the line.

    Returns
    -------
    Cell
        The functions that it defined, and its value.

    Raises
    ------
    UsageError
        The cell is empty or awaits at its top level.
    BaseException
        The body raised it.
    """
    __tracebackhide__ = True
    code, filename = _placed(
        shell, f"{magic} {line}".rstrip(), source, _number(shell, shell.execution_count - 1)
    )
    tree = ast.parse(code, filename)
    if not tree.body:
        raise UsageError(f"{magic}: The cell is empty.")
    names, inner = _functions_of(tree), _functions_under(shell, tree)
    body = shell.transform_ast(tree).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    before = {name: shell.user_ns.get(name) for name in inner}
    _execute(shell, ast.Module(body, []), filename, "exec", magic)
    value = NOTHING
    if isinstance(last, ast.Expr):
        value = _execute(shell, ast.Expression(last.value), filename, "eval", magic)
    if inner and value is None:  # the None that an inner magic such as `%%capture` returned
        value = NOTHING
    # Only new functions: another magic may have run its cell elsewhere, or shown an error and gone on.
    names += [name for name in inner if shell.user_ns.get(name) is not before[name]]
    defined = {name: shell.user_ns.get(name) for name in names}
    functions = {name: function for name, function in defined.items() if callable(function)}
    return Cell(functions, value, _unserved(tree))


def _functions_of(tree: ast.Module) -> list[str]:
    """Return the names of the public functions at the top level."""
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]


def _unserved(tree: ast.Module) -> list[str]:
    said = []
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Lambda()):
                said.append(f"{name} is a lambda; use def.")
            case ast.ClassDef(name):
                said.append(f"{name} is a class; its methods are not served.")
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) if name.startswith("_"):
                said.append(f"{name} begins with an underscore, so it is a helper.")
    return said


def _functions_under(shell: InteractiveShell, tree: ast.Module) -> list[str]:
    """Return those of a cell under another magic, as in `%%mcp_tool` over `%%time`."""
    match tree.body:
        case [ast.Expr(ast.Call(ast.Attribute(attr="run_cell_magic"), [_, _, ast.Constant(str(source))]))]:
            try:
                inner = ast.parse(shell.transform_cell(source))
            except SyntaxError:
                return []  # it is not Python
            return _functions_of(inner) + _functions_under(shell, inner)
    return []


def _execute(
    shell: InteractiveShell, tree: ast.Module | ast.Expression, filename: str, mode: str, magic: str
) -> Any:
    __tracebackhide__ = True
    # `dont_inherit`: else this module's __future__ imports would apply to the user's code.
    code = compile(tree, filename, mode, _flags(shell), dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        raise UsageError(
            f"{magic}: A cell under this magic cannot await at its top level; await in a cell before it."
        )
    try:
        return eval(code, shell.user_ns)  # noqa: S307 - the user's own cell, as the notebook runs it
    except SyntaxError as error:
        raise _stand_in(shell, error) from error
    except BaseException as error:
        _begin_traceback_in_cell(shell, error)
        raise


class _RaisedWhileRunning(Exception):
    """Stands for a SyntaxError that was raised while a cell ran, and shows it as a plain cell does.

    IPython shows a SyntaxError with all frames of the stack, those of magics included, and ignores its
    `_render_traceback_`. It calls this method of all other errors. `__cause__` is the SyntaxError.
    """

    def __init__(self, shell: InteractiveShell, error: SyntaxError) -> None:
        super().__init__(str(error))
        self._shell = shell
        self._error = error
        self._frames = error.__traceback__ and error.__traceback__.tb_next  # the first frame is ours

    def _render_traceback_(self) -> list[str]:
        # As for a plain cell: one frame of IPython, which runs the cell, and then the cell's own.
        frames = [*traceback.extract_tb(self.__traceback__, limit=1), *traceback.extract_tb(self._frames)]
        return rendered_syntax_error(self._shell, self._error, frames)


def _stand_in(shell: InteractiveShell, error: SyntaxError) -> Exception:
    """Return the error to raise instead. Its class has the same name, which front ends show."""
    kind = type(type(error).__name__, (_RaisedWhileRunning,), {})
    made: Exception = kind(shell, error)
    return made


def _begin_traceback_in_cell(shell: InteractiveShell, error: BaseException) -> None:
    """Have IPython show an error's traceback from the cell's own lines on, without the frames of magics."""
    frames = error.__traceback__ and error.__traceback__.tb_next  # the first frame is ours

    def render() -> list[str]:
        return rendered_traceback(shell, error, frames)

    if not hasattr(error, "_render_traceback_"):  # an error that renders itself is left alone
        with suppress(AttributeError):  # its class has slots
            error._render_traceback_ = render  # type: ignore[attr-defined]
