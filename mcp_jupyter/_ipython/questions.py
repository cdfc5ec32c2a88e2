# SPDX-License-Identifier: BSD-3-Clause
"""A question to the user at the notebook: by a server that the notebook calls, or by a tool that it serves.

A question is settled once, by the first answer, from any thread. How it is shown and who waits for the answer
is known to others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

import anyio

from .. import types
from .._util.text import MAX_PAGE_CHARS, safe_block
from ..errors import UncheckableSchema
from ..protocol.validation import JsonSchema

__all__ = ["Answer", "Question"]

ANSWER_SECONDS: Final = 600.0
"""After ten minutes nobody is there: the question is cancelled. A call's own time-out is usually shorter."""

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
        self.message = safe_block(text, MAX_PAGE_CHARS)
        self._answer: Future[Answer] = Future()

    @property
    def is_settled(self) -> bool:
        """Whether it is answered, or wanted no more."""
        return self._answer.done()

    def problems(self, content: Mapping[str, Any]) -> list[str]:
        """What keeps `content` from being an answer to the form; empty when it is one."""
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


def _conversation(params: types.CreateMessageRequestParams) -> str:
    """A sampling request as a text to read."""
    lines = [f"(system) {params.systemPrompt}"] if params.systemPrompt else []
    for message in params.messages:
        for block in message.content_as_list:
            text = block.text if isinstance(block, types.TextContent) else f"[{block.type}]"
            lines.append(f"({message.role}) {text}")
    return "\n".join(lines)
