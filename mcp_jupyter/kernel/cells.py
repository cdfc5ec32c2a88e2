# SPDX-License-Identifier: BSD-3-Clause
"""A cell under one of our magics: run as any cell, and say what it defined.

Knows Python source and IPython's shell; does not know what becomes of the functions.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Cell", "run_cell"]

NOTHING: Final = object()
"""The value of a cell that does not end in an expression."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell left: the public functions at its top level, and the value of its last expression."""

    functions: dict[str, Callable[..., Any]]
    value: Any = NOTHING

    @property
    def has_value(self) -> bool:
        """Whether the cell ended in an expression."""
        return self.value is not NOTHING


def run_cell(shell: InteractiveShell, source: str, magic: str) -> Cell:
    """Run a cell's body in the notebook's namespace.

    Its own errors are raised as they are, so the notebook shows them as those of the cell.

    Raises
    ------
    UsageError
        When the cell is empty or awaits at its top level.
    """
    __tracebackhide__ = True
    transformed = shell.transform_cell(source)
    tree = ast.parse(transformed)
    if not tree.body:
        raise UsageError(f"{magic}: the cell is empty.")
    filename = shell.compile.cache(transformed, shell.execution_count, source)
    body = shell.transform_ast(tree).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    _execute(shell, ast.Module(body, []), filename, "exec", magic)
    value = NOTHING
    if isinstance(last, ast.Expr):
        value = _execute(shell, ast.Expression(last.value), filename, "eval", magic)
    names = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
    ]
    defined = {name: shell.user_ns.get(name) for name in names}
    return Cell({name: function for name, function in defined.items() if callable(function)}, value)


def _execute(
    shell: InteractiveShell, tree: ast.Module | ast.Expression, filename: str, mode: str, magic: str
) -> Any:
    __tracebackhide__ = True
    flags = shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    # Not with this module's own __future__ imports.
    code = compile(tree, filename, mode, flags, dont_inherit=True)
    if code.co_flags & inspect.CO_COROUTINE:
        raise UsageError(
            f"{magic}: a cell under this magic cannot await at its top level; await in a cell before it."
        )
    return eval(code, shell.user_ns)  # noqa: S307 - the person's own cell, as the notebook runs it
