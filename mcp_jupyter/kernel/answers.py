# SPDX-License-Identifier: BSD-3-Clause
"""Show the values of cells as text, as a host gets the answers of calls (`notebook.show_answers`).

A notebook that repeats the calls of a journal can then be compared with it: the cell `top_customers(n=3)` has
the text that the assistant got, instead of IPython's. Only what a cell returns is converted; what it displays
stays as it is.
"""

from __future__ import annotations

import ast
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from IPython.core.interactiveshell import InteractiveShell

from .. import types
from .._ipython.private import Replacement, source_of_running_cell
from ..server.fastmcp.results import Draft, KeptResults, Presenter
from ..server.fastmcp.tools import Tool
from ..server.host_profiles import profile_of
from .variables import variable_uri

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["AnswerFormat"]

_FORMAT: Final = "compute_format_data"
"""The method of IPython's display hook that its documentation says to override."""


class AnswerFormat:
    """Formats the values of cells as answers, until `undo`. Main thread.

    Parameters
    ----------
    host : str
        The `name` in a client's `clientInfo`: a page of a data frame has the size for this host.
    """

    def __init__(self, shell: InteractiveShell, engine: Engine, host: str) -> None:
        self._shell = shell
        self._engine = engine
        self._profile = profile_of({"name": host})
        self._kept = KeptResults()  # of its own: no client reads on
        self._replacement = Replacement(shell.displayhook, _FORMAT, self._forms)

    def undo(self) -> None:
        """Have IPython format values again."""
        self._replacement.undo()

    def _forms(self, value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the MIME bundle of a cell's value, and its metadata; an empty answer shows nothing."""
        text = self._engine.journal.redactor.text(self._answer(value))
        return ({"text/plain": text} if text else {}), {}

    def _answer(self, value: Any) -> str:
        last = _last_expression(source_of_running_cell(self._shell))
        if isinstance(last, ast.Name) and last.id in self._engine.variables.versions:
            return self._read(last.id)
        server = self._engine.server
        profile = self._profile.within(server.result_budget)
        tool = self._tool(last)
        if tool is not None:
            draft = tool.draft(value, self._engine.table, profile.page_chars)
        else:
            content = self._engine.table.convert(value, None, profile.page_chars)
            draft = Draft(types.CallToolResult(content=content.blocks), content.pages)
        name = "a cell" if tool is None else tool.name
        result = Presenter(name, "", profile, self._kept, by_tool=False).result(draft)
        return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))

    def _read(self, variable: str) -> str:
        """Return what a client reads of a served variable."""
        data: str | bytes = self._engine.server.resources[variable_uri(variable)].function().data
        return data if isinstance(data, str) else b64encode(data).decode("ascii")

    def _tool(self, expression: ast.expr | None) -> Tool | None:
        """Return the tool whose function an expression calls: its return annotation has a say."""
        if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Name):
            return None
        function = self._shell.user_ns.get(expression.func.id)
        return next((each for each in self._engine.server.tools.values() if each.function is function), None)


def _last_expression(source: str) -> ast.expr | None:
    """Return the expression whose value a cell shows, without its `await`; None for cells with magics."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    value = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
    return value.value if isinstance(value, ast.Await) else value
