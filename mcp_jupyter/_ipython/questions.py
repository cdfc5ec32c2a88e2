# SPDX-License-Identifier: BSD-3-Clause
"""A question to the user at the notebook, from a server that the notebook calls or a tool that it serves.

A question is settled once, by the first answer, from any thread. Showing it is left to other modules.
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
"""A question without an answer is cancelled after this time. A call's own time-out is usually shorter."""

Kind: TypeAlias = Literal["elicitation", "url", "sampling"]

Answer: TypeAlias = types.ElicitResult | types.CreateMessageResult | types.ErrorData

DECLINED: Final = -1
"""Error code of a sampling request that the user rejects (spec, client/sampling)."""


class Question:
    """One question and its answer.

    Parameters
    ----------
    server : str
        The alias of the server, the name of the tool or prompt, or the URI of the resource that asks.
    params
        The params of the request: for a form, for a URL, or for sampling.
    note : str, optional
        A sentence of ours about the origin of the question.

    Attributes
    ----------
    kind : {"elicitation", "url", "sampling"}
        The kind of request.
    message : str
        The text for the user, safe to show.
    schema : mapping
        The schema of the form; empty for the other kinds.
    url : str
        The URL to visit; empty for the other kinds. It comes from the server unchecked: show it as text.
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
        """Whether the question is answered, declined or cancelled."""
        return self._answer.done()

    def problems(self, content: Mapping[str, Any]) -> list[str]:
        """Return the problems of `content` as an answer to the form; empty when it is valid."""
        try:
            return JsonSchema(self.schema).problems(content)
        except UncheckableSchema as exc:
            return [str(exc)]

    def accept(self, content: Mapping[str, Any] | str | None = None) -> None:
        """Answer the question.

        Parameters
        ----------
        content : mapping or str, optional
            The values for a form; the text for a sampling request; None for a URL.

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
        """Decline the question."""
        if self.kind == "sampling":
            self._settle(types.ErrorData(code=DECLINED, message="The person declined."))
        else:
            self._settle(types.ElicitResult(action="decline"))

    def cancel(self) -> None:
        """Close the question without an answer. Does nothing when it is settled."""
        if self.kind == "sampling":
            self._settle(types.ErrorData(code=DECLINED, message="Nobody answered."))
        else:
            self._settle(types.ElicitResult(action="cancel"))

    def on_settled(self, listener: Callable[[], None]) -> None:
        """Call a function when the question is settled, on the thread that settles it."""
        self._answer.add_done_callback(lambda _: listener())

    def _settle(self, answer: Answer) -> None:
        with suppress(InvalidStateError):
            self._answer.set_result(answer)

    async def answered(self) -> Answer:
        """Wait for the answer, at most `ANSWER_SECONDS`. For the loop of a background thread."""
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                # Shielded: cancelling this wait must not cancel the future, but settle it (below).
                return await asyncio.shield(asyncio.wrap_future(self._answer))
        except TimeoutError:
            self.cancel()
            return self._answer.result()
        finally:
            self.cancel()  # for a cancelled wait; does nothing when the question is settled


def _conversation(params: types.CreateMessageRequestParams) -> str:
    """Return the messages of a sampling request as one text."""
    lines = [f"(system) {params.systemPrompt}"] if params.systemPrompt else []
    for message in params.messages:
        for block in message.content_as_list:
            text = block.text if isinstance(block, types.TextContent) else f"[{block.type}]"
            lines.append(f"({message.role}) {text}")
    return "\n".join(lines)
