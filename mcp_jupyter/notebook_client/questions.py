# SPDX-License-Identifier: BSD-3-Clause
"""What a server asks the person in the course of a call, and who puts it to them.

Owns the questions that wait, and their answers. Draws nothing: whoever can ask a person (a cell that blocks,
a panel, the output of an async cell) takes questions with `Questions.taken_by`.

Threads: answers come from any thread, the first one counts. `Questions.ask` runs on the background loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import anyio

from .. import types
from ..errors import UncheckableSchema
from .text import clean

__all__ = ["Notice", "Question", "Questions", "Taker"]

MAX_PENDING: Final = 8
"""Questions of one server that may wait: no person answers more at once, and a flood must not bury them."""

ANSWER_SECONDS: Final = 600.0
"""After ten minutes nobody is there: the question is cancelled. A call's own time-out is usually shorter."""

MAX_MESSAGE_CHARS: Final = 4000
"""Of a question's text."""

Kind: TypeAlias = Literal["elicitation", "url", "sampling"]

Answer: TypeAlias = types.ElicitResult | types.CreateMessageResult | types.ErrorData

DECLINED: Final = -1
"""Error code of a sampling request that the person does not answer (spec, client/sampling)."""


class Question:
    """One question, until it is settled.

    Parameters
    ----------
    server : str
        The alias of who asks.
    params
        The wire's: of a form, of a URL, or of a sampling request.
    note : str, optional
        A sentence of ours on who asks.

    Attributes
    ----------
    kind : {"elicitation", "url", "sampling"}
    message : str
        What to show the person, fit to be shown.
    schema : mapping
        Of the form; empty for the other kinds.
    url : str
        To visit; empty for the other kinds. As the server gave it: show it as text.
    """

    def __init__(
        self,
        server: str,
        params: types.ElicitRequestFormParams
        | types.ElicitRequestURLParams
        | types.CreateMessageRequestParams,
        note: str = "",
    ) -> None:
        self.server = server
        self.note = note
        self.params = params
        self.schema: Mapping[str, Any] = {}
        self.url = ""
        self.kind: Kind
        if isinstance(params, types.ElicitRequestURLParams):
            self.kind, text, self.url = "url", params.message, params.url
        elif isinstance(params, types.ElicitRequestFormParams):
            self.kind, text, self.schema = "elicitation", params.message, params.requestedSchema
        else:
            self.kind, text = "sampling", _conversation(params)
        self.message = clean(text, limit=MAX_MESSAGE_CHARS)
        self._answer: Future[Answer] = Future()

    @property
    def is_settled(self) -> bool:
        """Whether it is answered, or wanted no more."""
        return self._answer.done()

    def problems(self, content: Mapping[str, Any]) -> list[str]:
        """What keeps `content` from being an answer to the form; empty when it is one."""
        from ..protocol.validation import JsonSchema  # jsonschema is slow to import, and most never ask

        try:
            return JsonSchema(self.schema).problems(content)
        except UncheckableSchema as exc:
            return [str(exc)]

    def accept(self, content: Mapping[str, Any] | str | None = None) -> None:
        """Answer: a form with its content, a sampling request with the text, a URL with nothing.

        Raises
        ------
        ValueError
            The content does not fit the form.
        """
        if self.kind == "sampling":
            said = types.TextContent(type="text", text=str(content or ""))
            self._settle(types.CreateMessageResult(role="assistant", content=said, model="a person"))
            return
        if self.kind == "url":
            self._settle(types.ElicitResult(action="accept"))
            return
        filled = dict(content) if isinstance(content, Mapping) else {}
        if wrong := self.problems(filled):
            raise ValueError("; ".join(wrong))
        self._settle(types.ElicitResult(action="accept", content=filled))

    def decline(self) -> None:
        """Say no."""
        if self.kind == "sampling":
            self._settle(types.ErrorData(code=DECLINED, message="The person declined."))
        else:
            self._settle(types.ElicitResult(action="decline"))

    def cancel(self) -> None:
        """Close it without an answer."""
        if self.kind == "sampling":
            self._settle(types.ErrorData(code=DECLINED, message="Nobody answered."))
        else:
            self._settle(types.ElicitResult(action="cancel"))

    def on_settled(self, listener: Callable[[], None]) -> None:
        """Have a function called when it is settled, on the thread that settles it."""
        self._answer.add_done_callback(lambda _: listener())

    def _settle(self, answer: Answer) -> None:
        with suppress(InvalidStateError):
            self._answer.set_result(answer)

    async def answered(self) -> Answer:
        """The answer; on the background loop."""
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                # Shielded: what becomes of the wait must not settle the question behind its forms' back.
                return await asyncio.shield(asyncio.wrap_future(self._answer))
        except TimeoutError:
            self.cancel()
            return self._answer.result()
        finally:
            self.cancel()  # of no effect on one that is settled


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person has to see in the course of a call, such as where to sign in.

    Attributes
    ----------
    thing : object
        What IPython can display.
    """

    thing: object


Taker: TypeAlias = Callable[[Question | Notice], None]
"""Takes what is for the person. Called on the background loop: it only hands on."""


class Questions:
    """The questions of one server."""

    def __init__(self, alias: str, changed: Callable[[], None], note: Callable[[str, str], object]) -> None:
        self._alias = alias
        self._changed = changed
        self._note = note
        self._takers: list[Taker] = []
        self._lock = threading.RLock()  # no taker gets anything once it has been removed
        self.pending: tuple[Question, ...] = ()

    @contextmanager
    def taken_by(self, taker: Taker) -> Iterator[None]:
        """Take questions while the body runs; of several takers, the last to come gets them."""
        self.add_taker(taker)
        try:
            yield
        finally:
            self.remove_taker(taker)

    def add_taker(self, taker: Taker) -> None:
        """Take questions from now on."""
        with self._lock:
            self._takers.append(taker)

    def remove_taker(self, taker: Taker) -> None:
        """Take no more."""
        with self._lock, suppress(ValueError):
            self._takers.remove(taker)

    def show(self, thing: object) -> None:
        """Show something to whoever would be asked."""
        self.hand_on(Notice(thing))

    def hand_on(self, item: Question | Notice) -> None:
        """Give something to the taker whose turn it is; without one, a question is cancelled."""
        with self._lock:
            if self._takers:
                self._takers[-1](item)
                return
        if isinstance(item, Question):
            item.cancel()

    async def elicitation(self, params: types.ElicitRequestParams) -> Any:
        """Answer `elicitation/create`: the client's callback."""
        return await self.ask(Question(self._alias, params))

    async def sampling(self, params: types.CreateMessageRequestParams) -> Any:
        """Answer `sampling/createMessage` by a person: the client's callback."""
        return await self.ask(Question(self._alias, params))

    async def ask(self, question: Question) -> Answer:
        """Put a question to whoever can ask a person, and wait for the answer."""
        takers = self._takers
        if not takers or len(self.pending) >= MAX_PENDING:
            why = "too many questions wait" if takers else "there was nobody to ask"
            self._note("question", f"{question.message} (cancelled: {why})")
            question.cancel()
            return await question.answered()
        self.pending = (*self.pending, question)
        self._note("question", question.message)
        self._changed()
        try:
            self.hand_on(question)
            return await question.answered()
        finally:
            self.pending = tuple(each for each in self.pending if each is not question)
            self._changed()


def _conversation(params: types.CreateMessageRequestParams) -> str:
    """A sampling request as a text to read."""
    lines = [f"(system) {params.systemPrompt}"] if params.systemPrompt else []
    for message in params.messages:
        for block in message.content_as_list:
            text = block.text if isinstance(block, types.TextContent) else f"[{block.type}]"
            lines.append(f"({message.role}) {text}")
    return "\n".join(lines)
