# SPDX-License-Identifier: BSD-3-Clause
"""Decide what a principal may see and use of a notebook, for requests and results. Pure.

Both the endpoint of one notebook (`extension.grants`) and that of all notebooks (`Index`) use these rules. A
result that a principal's own call left in the server (`result://`) needs no scope for resources, because only
its sender can read it.
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
        """Return whether it opens the notebook of that name and real path."""

    def uses(self, kind: Literal["tools", "resources"]) -> bool:
        """Return whether it may use anything of a kind."""

    def may_call(self, tool: str) -> bool:
        """Return whether it may call a tool with this name in its notebook."""

    def may_read(self, uri: str) -> bool:
        """Return whether it may read a resource, or every resource of a template."""

    def may_read_some(self, template: str) -> bool:
        """Return whether it may read any resource of a template."""

    def may_get(self, prompt: str) -> bool:
        """Return whether it may get a prompt."""


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
    """Return whether a principal may read a URI, including that of a result of its own call."""
    return is_kept_result(uri) or scope.may_read(uri)


def out_of_scope(scope: Scope, method: str, params: Mapping[str, Any]) -> str | None:
    """Return the kind that a request names outside of the scope: "tool", "resource" or "prompt"; else None.

    A malformed request passes: the server says what is wrong with it.
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
    """Return whether a scope shows an item of a list, which it does if it may use the item.

    Parameters
    ----------
    key : str
        The list's member in the result: "tools", "prompts", "resources", "resourceTemplates".
    item : object
        The item as the notebook itself listed it.
    """
    name = item.get(_NAMED_BY[key]) if isinstance(item, Mapping) else None
    if not isinstance(name, str):
        return False
    if key == "tools" and is_constant(item):  # it is useful only with the right to what it calls or reads
        return scope.uses("tools") or (name == READ_MORE and scope.uses("resources"))
    may_use = {
        "tools": scope.may_call,
        "prompts": scope.may_get,
        "resources": scope.may_read,
        "resourceTemplates": scope.may_read_some,
    }
    return may_use[key](name)


def narrowed(scope: Scope, data: object) -> UnknownName | None:
    """Return an error that lists known names, reduced to those that the scope may use.

    Parameters
    ----------
    data : object
        The error's `data`.

    Returns
    -------
    UnknownName or None
        None when it is another error or needs no change.
    """
    error = UnknownName.of(data)
    if error is None:
        return None
    may_use = {"tool": scope.may_call, "prompt": scope.may_get, "resource": scope.may_read_some}[error.kind]
    known = [name for name in error.known if may_use(name)]
    return None if len(known) == len(error.known) else UnknownName(error.kind, error.name, known)
