# SPDX-License-Identifier: BSD-3-Clause
"""Show a tool's question to the user in the notebook, under the last cell that ran.

Theory of operation. A call from outside has no cell of its own, so its question is displayed as a late output
of the last cell: a form, and for front ends without widgets a text that says how to answer. `ask` runs on the
engine's thread. Questions are displayed, answered and closed on the main thread, between cells. When a
question is over, a line that gives the outcome replaces its output. The main thread never waits: the tool
awaits the answer.

Only a front end can answer: messages of forms and cells come through Jupyter's own authentication, and code
that runs in a call is refused. Where no user could type (`jupyter mcp run` and nbclient run cells with
`allow_stdin: false`), no question is shown.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Protocol, TypeAlias

from .. import types
from .._ipython.cards import Card
from .._ipython.identity import is_interactive
from .._ipython.private import publish
from .._ipython.questions import Question
from .._util.text import safe_block, safe_line
from ..errors import McpError
from ..protocol.limits import MAX_OPEN_QUESTIONS
from ..server.client_requests import UserQuestion, form_fields
from .calls import CURRENT

__all__ = ["DrawForm", "NotebookQuestions"]

log = logging.getLogger(__name__)


class _Form(Protocol):
    """A form for one question; main thread only."""

    widget: Any

    def close(self) -> None: ...


DrawForm: TypeAlias = Callable[[Question], _Form]


@dataclass(slots=True)
class _Open:
    """A question in the notebook."""

    number: int
    asked: UserQuestion
    question: Question
    cell: Mapping[str, Any]  # the execute request to which its output belongs
    display_id: str = field(default_factory=lambda: secrets.token_hex(8))
    form: _Form | None = None
    bundle: Mapping[str, Any] | None = None  # once it is shown


class NotebookQuestions:
    """The questions that calls ask the user of one kernel.

    Parameters
    ----------
    shell : InteractiveShell
        A kernel's shell (it has `kernel`).
    post : callable
        Calls a function on the main thread, between cells.
    draw : DrawForm, optional
        Draws a form. Without it a question is shown as text only.
    """

    def __init__(
        self, shell: Any, post: Callable[[Callable[[], None]], None], draw: DrawForm | None = None
    ) -> None:
        self._shell = shell
        self._post = post
        self._draw = draw
        self._cell: Mapping[str, Any] | None = None  # the request of the last cell whose user can answer
        self._open: dict[int, _Open] = {}
        self._numbers = count(1)

    # -- the main thread ---------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to accept questions. May be called within a cell or between cells."""
        self._note_cell()
        self._shell.events.register("pre_run_cell", self._before_cell)

    def close(self) -> None:
        """Show no more questions. Idempotent."""
        self._cell = None
        with suppress(ValueError):  # closed before
            self._shell.events.unregister("pre_run_cell", self._before_cell)

    def answer(self, number: int, content: Mapping[str, Any] | str | None = None) -> None:
        """Answer an open question.

        Parameters
        ----------
        number : int
            The question's number.
        content : mapping or str, optional
            The values for a form; the text for a sampling request; None for a URL.

        Raises
        ------
        ValueError
            The question is not open, or the content does not fit its form.
        RuntimeError
            A call tries to answer.
        """
        self._found(number).accept(content)

    def decline(self, number: int) -> None:
        """Decline an open question. Raises as `answer` does."""
        self._found(number).decline()

    def _found(self, number: int) -> Question:
        if CURRENT.get() is not None:
            raise RuntimeError("A question to the user cannot be answered in a call. Answer it in a cell.")
        try:
            return self._open[number].question
        except KeyError:
            numbers = ", ".join(map(str, self._open)) or "none"
            raise ValueError(f"Question {number} is not open. Open questions: {numbers}.") from None

    def _before_cell(self, info: Any) -> None:
        # Code that a front end runs for itself has no history and no visible output. Subshells have threads.
        if info.store_history and threading.current_thread() is threading.main_thread():
            self._note_cell()

    def _note_cell(self) -> None:
        """Show questions under the running cell from now on, unless a program runs it (`allow_stdin`)."""
        cell = self._shell.kernel.get_parent("shell")
        if not cell or not is_interactive(self._shell) or cell is self._cell:
            return
        self._cell = cell
        for entry in list(self._open.values()):
            if entry.bundle is not None and _is_gone(entry.cell, cell):
                entry.cell = cell
                self._publish("display_data", entry, entry.bundle)

    def _show(self, entry: _Open) -> None:
        if entry.question.is_settled:
            return
        entry.bundle = {"text/plain": _text(entry)}
        if self._draw is not None:
            try:
                entry.form = self._draw(entry.question)
                entry.bundle = {**entry.form.widget._repr_mimebundle_(), **entry.bundle}
            except Exception:  # the form may not support the schema; the text is shown alone then
                log.exception("The form of question %d cannot be drawn", entry.number)
        self._publish("display_data", entry, entry.bundle)

    def _end(self, entry: _Open, outcome: str) -> None:
        if entry.form is not None:
            entry.form.close()
        if entry.bundle is not None:
            heading = safe_line(f"{entry.asked.asker} asked: {entry.question.message}")
            card = Card(heading, note=safe_line(outcome))
            bundle = {"text/plain": repr(card), "text/html": card._repr_html_()}
            self._publish("update_display_data", entry, bundle)

    def _publish(self, kind: str, entry: _Open, bundle: Mapping[str, Any]) -> None:
        """Send an output of the question's cell, which may not be the cell that runs now."""
        content = {"data": bundle, "metadata": {}, "transient": {"display_id": entry.display_id}}
        publish(self._shell.kernel, kind, content, entry.cell)

    # -- the engine's thread -------------------------------------------------------------------------

    def ask(self, asked: UserQuestion) -> Awaitable[dict[str, Any]] | None:
        """Ask the user (see `AskUser`); return None when the user cannot be asked."""
        cell = self._cell
        return None if cell is None or len(self._open) >= MAX_OPEN_QUESTIONS else self._answered(asked, cell)

    async def _answered(self, asked: UserQuestion, cell: Mapping[str, Any]) -> dict[str, Any]:
        question = Question(asked.asker, _params(asked), note=_note(asked))
        entry = _Open(next(self._numbers), asked, question, cell)
        self._open[entry.number] = entry
        self._post(partial(self._show, entry))
        outcome = ""
        try:
            answer = await question.answered()
            outcome = _outcome(answer)
        finally:
            del self._open[entry.number]
            self._post(lambda: self._end(entry, outcome or asked.over))
        if isinstance(answer, types.ErrorData):
            raise McpError(answer.code, answer.message)
        return answer.model_dump(by_alias=True, exclude_none=True, mode="json")


def _is_gone(shown: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether an output of the request `shown` is no longer visible when the request `now` begins: the same
    cell runs again, or the page was reloaded (and shows no output that came in the meantime).
    """
    cell = shown.get("metadata", {}).get("cellId")
    same_cell = cell is not None and cell == now.get("metadata", {}).get("cellId")
    return same_cell or bool(shown["header"]["session"] != now["header"]["session"])


def _params(
    asked: UserQuestion,
) -> types.ElicitRequestFormParams | types.ElicitRequestURLParams | types.CreateMessageRequestParams:
    if asked.method == "sampling/createMessage":
        return types.CreateMessageRequestParams.from_wire(asked.params)
    if asked.params.get("mode") == "url":
        return types.ElicitRequestURLParams.from_wire(asked.params)
    return types.ElicitRequestFormParams.from_wire(asked.params)


def _note(asked: UserQuestion) -> str:
    host = safe_line(asked.host)
    if asked.client_is_asked:
        return f"{host} called it, and was asked too. The first answer counts."
    return f"{host} called it, and cannot be asked."


def _outcome(answer: types.ElicitResult | types.CreateMessageResult | types.ErrorData) -> str:
    if isinstance(answer, types.ElicitResult) and answer.action == "cancel":
        return "You closed it without an answer."
    declined = isinstance(answer, types.ErrorData) or (
        isinstance(answer, types.ElicitResult) and answer.action == "decline"
    )
    return "You declined." if declined else "You answered."


def _text(entry: _Open) -> str:
    """Return the question as text, for a front end without widgets."""
    number, question = entry.number, entry.question
    lines = [f"{safe_line(question.server)} asks: {question.message}", question.note]
    content = ""
    if question.kind == "url":
        lines.append(f"Visit {safe_block(question.url)} yourself if you trust it.")
    elif question.kind == "sampling":
        content = ', "your text"'
    elif fields := form_fields(question.schema):
        lines += [f"  {safe_line(name)}: {safe_line(fits)}" for name, fits in fields.items()]
        content = f", {{{', '.join(f'{safe_line(name)!r}: ...' for name in fields)}}}"
    lines.append(
        f"To answer here, run: from mcp_jupyter import notebook; notebook.answer({number}{content})\n"
        f"or notebook.decline({number})."
    )
    return "\n".join(lines)
