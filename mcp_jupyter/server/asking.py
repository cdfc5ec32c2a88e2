# SPDX-License-Identifier: BSD-3-Clause
"""What a server may ask its client: which capability each question needs, and what an answer looks like.

Rules without I/O. Does not know how a question travels, nor which era it is asked in.

Source: spec 2025-11-25 and 2026-07-28, client/elicitation, client/sampling, client/roots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .. import types

__all__ = ["ANSWERS", "ANSWER_SECONDS", "ASKING", "Capability", "declares", "kind_of", "required"]

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
