# SPDX-License-Identifier: BSD-3-Clause
"""What a principal may see and use of a notebook, asked of requests and of results. Pure.

One place for the endpoint of one notebook (`extension.grants`) and that of all (`Index`). What a
principal's own call left in the server (`result://`) needs no scope for resources: only its sender can read
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from ..errors import UnknownName
from ..protocol.rights import is_kept_result
from ..server.constant_tools import READ_MORE, is_constant

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Scope",
    "may_read",
    "narrowed",
    "out_of_scope",
    "sees",
]


class Scope(Protocol):
    """What a principal may see and use. A token is one."""

    def opens(self, server: str, path: str | None) -> bool:
        """Whether it opens the notebook of that name and real path."""

    def uses(self, kind: Literal["tools", "resources"]) -> bool:
        """Whether it may use anything of a kind."""

    def may_call(self, tool: str) -> bool:
        """Whether it may call a tool that its notebook calls so."""

    def may_read(self, uri: str) -> bool:
        """Whether it may read a resource, or every resource of a template."""

    def may_read_some(self, template: str) -> bool:
        """Whether it may read any resource of a template."""

    def may_get(self, prompt: str) -> bool:
        """Whether it may get a prompt."""


@dataclass(frozen=True, slots=True)
class _All:
    answer: bool

    def opens(self, server: str, path: str | None) -> bool:
        return self.answer

    def uses(self, kind: Literal["tools", "resources"]) -> bool:
        return self.answer

    def may_call(self, tool: str) -> bool:
        return self.answer

    def may_read(self, uri: str) -> bool:
        return self.answer

    def may_read_some(self, template: str) -> bool:
        return self.answer

    def may_get(self, prompt: str) -> bool:
        return self.answer


EVERYTHING: Final[Scope] = _All(True)
NOTHING: Final[Scope] = _All(False)


def may_read(scope: Scope, uri: str) -> bool:
    """Whether a principal may read a URI, also one that its own call left."""
    return is_kept_result(uri) or scope.may_read(uri)


def out_of_scope(scope: Scope, method: str, params: Mapping[str, Any]) -> str | None:
    """What a request to one notebook names outside of a scope: "tool", "resource", "prompt"; else None.

    What is malformed names nothing: the server says what is wrong with it.
    """
    if method == "tools/call":
        return _refused("tool", scope.may_call, params.get("name"))
    if method == "prompts/get":
        return _refused("prompt", scope.may_get, params.get("name"))
    if method in ("resources/read", "resources/subscribe", "resources/unsubscribe"):
        return _refused_uri(scope, params.get("uri"))
    if method == "completion/complete":
        ref = params.get("ref")
        is_prompt = isinstance(ref, Mapping) and ref.get("type") == "ref/prompt"
        return out_of_scope(scope, "prompts/get" if is_prompt else "resources/read", _mapping(ref))
    if method == "subscriptions/listen":
        uris = _mapping(params.get("notifications")).get("resourceSubscriptions")
        refused = (_refused_uri(scope, uri) for uri in uris) if isinstance(uris, list) else ()
        return next(filter(None, refused), None)
    return None


def _refused(kind: str, may_use: Any, name: object) -> str | None:
    return kind if isinstance(name, str) and not may_use(name) else None


def _refused_uri(scope: Scope, uri: object) -> str | None:
    return "resource" if isinstance(uri, str) and not may_read(scope, uri) else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_NAMED_BY: Final = {
    "tools": "name",
    "prompts": "name",
    "resources": "uri",
    "resourceTemplates": "uriTemplate",
}


def sees(scope: Scope, key: str, item: object) -> bool:
    """Whether a scope shows an item of a list: one that it can use.

    Parameters
    ----------
    key : str
        The list's member in the result: "tools", "prompts", "resources", "resourceTemplates".
    item : object
        As the notebook itself listed it.
    """
    name = item.get(_NAMED_BY[key]) if isinstance(item, Mapping) else None
    if not isinstance(name, str):
        return False
    if key == "tools" and is_constant(item):  # a call of it needs the right to what it is for
        return scope.uses("tools") or (name == READ_MORE and scope.uses("resources"))
    may_use = {
        "tools": scope.may_call,
        "prompts": scope.may_get,
        "resources": scope.may_read,
        "resourceTemplates": scope.may_read_some,
    }
    return may_use[key](name)


def narrowed(scope: Scope, data: object) -> UnknownName | None:
    """An error that lists the names there are, with those alone that the scope may use.

    Parameters
    ----------
    data : object
        The error's `data`.

    Returns
    -------
    UnknownName or None
        None when it is another error, or may be passed on as it is.
    """
    error = UnknownName.of(data)
    if error is None:
        return None
    may_use = {"tool": scope.may_call, "prompt": scope.may_get, "resource": scope.may_read_some}[error.kind]
    known = [name for name in error.known if may_use(name)]
    return None if len(known) == len(error.known) else UnknownName(error.kind, error.name, known)
