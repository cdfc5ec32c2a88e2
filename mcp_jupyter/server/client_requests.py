# SPDX-License-Identifier: BSD-3-Clause
"""Ask the client and the user at the notebook the same question: the first answer wins.

Theory of operation. A call asks its client. Where the server knows a second way to its user (a kernel does:
the notebook), the same question appears there after `USER_AFTER_SECONDS`, or at once when the client cannot
be asked. Both ways are tasks of one group: the first that ends with an answer or an error cancels the other.
To cancel the client's way is to withdraw the question there (`notifications/cancelled`, or the end of the
round); to cancel the user's way is to take the form away. No question outlives its call.

This module knows neither the protocol's eras nor notebooks. It words the errors of unanswered questions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import anyio

from .. import types

__all__ = [
    "ANSWERS",
    "ANSWER_SECONDS",
    "ASKING",
    "MARGIN_SECONDS",
    "USER_AFTER_SECONDS",
    "AskUser",
    "Capability",
    "UserQuestion",
    "declares",
    "first_answer",
    "form_fields",
    "kind_of",
    "needed_text",
    "required",
]


USER_AFTER_SECONDS: Final = 20.0
"""A host shows a question at once, and a user who looks at the host answers it there. After this time the
user looks elsewhere, or the host does not show it."""

MARGIN_SECONDS: Final = 5.0
"""Before a host ends a silent call: the error must arrive while the host still takes it."""

MAX_MESSAGE_CHARS: Final = 200
"""Of a question, or the name or URI of who asks it, in an error."""

MAX_FIELDS: Final = 10
"""Fields of a form that an error lists, and choices of a field."""


@dataclass(slots=True)
class UserQuestion:
    """A question that a call asks.

    Attributes
    ----------
    method : str
        "elicitation/create" or "sampling/createMessage"; the user is not asked "roots/list".
    params : mapping
        As the wire has them.
    asker : str
        The name of the tool or prompt, or the resource's URI.
    arguments : collection of str
        The arguments that the tool takes.
    host : str
        The client's host, as it calls itself: foreign text.
    has_notebook : bool
        Whether the server belongs to a notebook.
    client_is_asked, user_is_asked : bool
        Who was asked.
    over : str
        Why the user is asked no longer, once that is so: a sentence.
    """

    method: str
    params: Mapping[str, Any]
    asker: str
    arguments: Collection[str]
    host: str
    has_notebook: bool = False
    client_is_asked: bool = False
    user_is_asked: bool = False
    over: str = "This question is no longer asked."


AskUser: TypeAlias = Callable[[UserQuestion], Awaitable[dict[str, Any]] | None]
"""Asks the user: what it returns is awaited at once and gives the answer as the wire has it. Cancelled, that
takes the question back. None: no user can be asked. Called on the event loop's thread."""

Ask: TypeAlias = Callable[[], Awaitable[dict[str, Any] | None]]
"""The same for one question. None: this question cannot be asked this way."""


async def first_answer(
    question: UserQuestion, client: Ask | None, user: Ask | None, seconds: float
) -> dict[str, Any] | None:
    """Ask the client and the user, and give the first answer.

    Parameters
    ----------
    question : UserQuestion
    client, user : async callable, optional
        Asks the one or the other; None: it cannot be asked.
    seconds : float
        How long to wait in all.

    Returns
    -------
    dict or None
        None: there was nobody to ask, or no answer in time.

    Raises
    ------
    Exception
        What asking ended with: the client's error, or the user's refusal.
    """
    question.client_is_asked = client is not None
    ends: list[dict[str, Any] | Exception] = []

    async def take(ask: Ask, after: float, where: str) -> None:
        await anyio.sleep(after)
        end: dict[str, Any] | Exception | None
        try:
            end = await ask()
        except Exception as exc:  # noqa: BLE001 - raised to the function that asks
            end = exc
        if end is not None and not ends:
            ends.append(end)
            question.over = f"It was answered in {where}."
            tasks.cancel_scope.cancel()

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            if client is not None:
                tasks.start_soon(take, client, 0.0, question.host)
            if user is not None:
                tasks.start_soon(take, user, USER_AFTER_SECONDS if client else 0.0, "the notebook")
    end = ends.pop() if ends else None
    try:
        if isinstance(end, Exception):
            raise end
        return end
    finally:
        del end  # an error holds this frame, and this frame would hold it


# -- words ------------------------------------------------------------------------------------------------


def needed_text(question: UserQuestion, why: str) -> str:
    """The error for a question without an answer: what is asked, why nobody answers, what the caller can do.

    Parameters
    ----------
    why : str
        The end of a sentence, as "nobody answered within 55 s".
    """
    asker, asked = _short(question.asker), _short(str(question.params.get("message") or ""))
    needs = f"{asker} needs"
    end = (
        ", or ask the user to open the notebook in JupyterLab and to answer there."
        if question.has_notebook
        else "."
    )
    match kind_of(question.method):
        case "roots":
            return f"{needs} the folders that you work in, and {why}. Use a tool that takes a path."
        case "sampling":
            do = "Write the text yourself, for a tool that takes it as an argument"
            return f"{needs} a text that a model writes, and {why}. {do}{end}"
    if question.params.get("mode") == "url":
        return f"{needs} the user to visit a page ({asked!r}), and {why}. Use another tool{end}"
    fields = form_fields(question.params.get("requestedSchema"))
    listed = "; ".join(f"{name}: {text}" for name, text in fields.items())
    what = f"an answer to {asked!r}" + (f" ({listed})" if listed else "")
    taken = [name for name in fields if name in question.arguments]
    if taken:
        named = f"argument{'s' * (len(taken) > 1)} {', '.join(taken)}"
        return f"{needs} {what}, and {why}. Call {asker} again with the {named}."
    return f"{needs} {what}, and {why}. Use a tool that takes the answer as an argument{end}"


def form_fields(schema: Any) -> dict[str, str]:
    """The first fields of a form, and what fits each."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    required = schema.get("required") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping):
        return {}
    needed = required if isinstance(required, list) else []
    return {
        _short(str(name)): _fitting(field) + ("" if name in needed else ", optional")
        for name, field in list(properties.items())[:MAX_FIELDS]
    }


_KINDS: Final = {"number": "number", "integer": "whole number", "boolean": "true or false", "array": "list"}


def _fitting(field: Any) -> str:
    if not isinstance(field, Mapping):
        return "any"
    kind, items = field.get("type"), field.get("items")
    several = kind == "array" and isinstance(items, Mapping)
    options: Mapping[str, Any] = items if several and items is not None else field
    values = options.get("enum")
    for keyword in ("oneOf", "anyOf"):
        if isinstance(options.get(keyword), list):
            values = [each.get("const") for each in options[keyword] if isinstance(each, Mapping)]
    if isinstance(values, list) and values:
        return f"{'some' if several else 'one'} of {_short(', '.join(map(str, values[:MAX_FIELDS])))}"
    return _KINDS.get(kind, "text") if isinstance(kind, str) else "text"


def _short(text: str) -> str:
    line = " ".join(text[: 2 * MAX_MESSAGE_CHARS].split())
    return line if len(line) <= MAX_MESSAGE_CHARS else f"{line[: MAX_MESSAGE_CHARS - 3]}..."


# -- asking --------------------------------------------------------------------------------------
#
# What a server may ask its client: which capability each question needs, and what an answer looks like.
#
# Rules without I/O. Does not know how a question travels, nor which era it is asked in.
#
# Source: spec 2025-11-25 and 2026-07-28, client/elicitation, client/sampling, client/roots.

ANSWER_SECONDS: Final = 600.0
"""How long a question stands: a person may have to find a document, and will not after ten minutes."""

Capability = Mapping[str, Any]
"""The part of a client's capabilities that something needs, as the client would declare it."""

ANSWERS: Final[Mapping[str, type[types.Result]]] = {
    "elicitation/create": types.ElicitResult,
    "sampling/createMessage": types.CreateMessageResult,
    "roots/list": types.ListRootsResult,
}
"""The questions there are, and the model of each one's answer."""

ASKING: Final = ("elicitation", "sampling", "roots")
"""The capabilities of a client that can be asked something."""


def kind_of(method: str) -> str:
    """A question's name in one word, which is also that of the capability it needs."""
    return method.partition("/")[0]


def required(method: str, params: Mapping[str, Any]) -> Capability:
    """What the client must have declared to be asked this."""
    if method == "elicitation/create":
        return {"elicitation": {"url" if params.get("mode") == "url" else "form": {}}}
    if method == "sampling/createMessage" and (params.get("tools") or params.get("toolChoice")):
        return {"sampling": {"tools": {}}}
    return {kind_of(method): {}}


def declares(declared: Any, needed: Capability) -> bool:
    """Whether capabilities, as received, cover what is needed."""
    if not isinstance(declared, Mapping):
        return False
    for name, parts in needed.items():
        theirs = declared.get(name)
        if not isinstance(theirs, Mapping):
            return False
        if name == "elicitation" and not ({"form", "url"} & theirs.keys()):
            theirs = {"form": {}}  # an empty object means forms (spec, client/elicitation)
        if not all(isinstance(theirs.get(part), Mapping) for part in parts):
            return False
    return True
