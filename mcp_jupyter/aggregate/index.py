# SPDX-License-Identifier: BSD-3-Clause
"""What all live notebooks offer at one moment: merged lists, and which notebook a request is for.

Every question is asked with the scope of whoever asks; what is outside of it is as if it were not there.
Pure: built anew when a list has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from ..errors import McpError, UnknownName
from ..protocol.codes import INVALID_PARAMS
from ..protocol.eras import Era
from ..server.host_profiles import OWN, HostProfile
from .catalog import Notebook
from .definitions import always_loaded, definition_for
from .names import NameTable, hub_uri, split_uri
from .rewriting import Rewriting, split_task
from .scope import Scope, may_read, narrowed, out_of_scope, sees

__all__ = ["LISTS", "Index", "Target"]

LISTS: Final[Mapping[str, str]] = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
"""The lists there are: methods, and the members of their results."""

_TABLES: Final = {"tools/call": "tools", "prompts/get": "prompts"}


_Item: TypeAlias = tuple[Notebook, Mapping[str, Any], Mapping[str, Any]]
"""Whose an item of a list is, and the item as its notebook lists it and as the hub does."""


@dataclass(frozen=True, slots=True)
class Target:
    """The notebook that a request is for, and its params there."""

    notebook: Notebook
    params: Mapping[str, Any]


class Index:
    """What the notebooks offer.

    Parameters
    ----------
    notebooks : iterable of Notebook
        The live ones, each with its label.
    """

    def __init__(self, notebooks: Iterable[Notebook]) -> None:
        self._notebooks = {item.label: item for item in sorted(notebooks, key=lambda item: item.label)}
        self._names = {key: NameTable(self._own_names(key)) for key in _TABLES.values()}
        self._tools: dict[HostProfile, list[_Item]] = {}
        self._lists: dict[str, list[_Item]] = {
            key: [(item, own, self._listed(key, item, own)) for item, own in self._owned(key)]
            for key in LISTS.values()
        }

    def _owned(self, key: str) -> Iterable[tuple[Notebook, Mapping[str, Any]]]:
        for notebook in self._notebooks.values():
            for own in notebook.lists.get(key, ()):
                if isinstance(own.get("name"), str):
                    yield notebook, own

    def _own_names(self, key: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {label: [] for label in self._notebooks}
        for notebook, own in self._owned(key):
            names[notebook.label].append(own["name"])
        return names

    def _listed(self, key: str, notebook: Notebook, own: Mapping[str, Any]) -> Mapping[str, Any]:
        table = self._names.get(key)
        if table is not None:
            return {**own, "name": table.outside(notebook.label, own["name"])}
        named = {**own, "name": f"{notebook.label}_{own['name']}"}
        return Rewriting(notebook.label, notebook.kernel_id).uri(named)

    # -- lists -------------------------------------------------------------------------------------

    def listed(self, method: str, scope: Scope, profile: HostProfile = OWN) -> dict[str, Any]:
        """The result of a method that lists, for a host."""
        key = LISTS[method]
        seen = [
            item
            for notebook, own, item in self._shown(key, profile)
            if notebook.is_open_to(scope) and sees(scope, key, own)
        ]
        return {key: always_loaded(profile, seen) if key == "tools" else seen}

    def _shown(self, key: str, profile: HostProfile) -> list[_Item]:
        if key != "tools" or profile is OWN:
            return self._lists[key]
        if profile not in self._tools:
            self._tools[profile] = [
                (notebook, own, definition_for(profile, item)) for notebook, own, item in self._lists[key]
            ]
        return self._tools[profile]

    def notebooks(self, scope: Scope) -> list[Notebook]:
        """The live notebooks."""
        return [item for item in self._notebooks.values() if item.is_open_to(scope)]

    # -- requests ----------------------------------------------------------------------------------

    def target(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        """Which notebook a request is for.

        Raises
        ------
        McpError
            INVALID_PARAMS, or what the era has for resources that are not there.
        """
        find = _FINDERS.get(method)
        if find is None:
            raise McpError(INVALID_PARAMS, f"The hub passes no {method[:100]!r} on: ask a notebook itself.")
        return find(self, method, params, scope, era)

    def _at_name(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        key, name = _TABLES[method], params.get("name")
        found = self._names[key].inside(name) if isinstance(name, str) else None
        notebook = None if found is None else self._open(found[0], scope)
        if found is None or notebook is None or out_of_scope(scope, method, {"name": found[1]}):
            raise McpError(
                INVALID_PARAMS,
                f"No live notebook has a {key[:-1]} {_short(name)!r}. "
                f"List the {key} again: notebooks come and go.",
            )
        return Target(notebook, {**params, "name": found[1]})

    def _at_uri(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        uri = params.get("uri")
        found = self.resource(uri, scope)
        if found is None:
            raise era.resource_not_found(_short(uri))
        return Target(found[0], {**params, "uri": found[1]})

    def _at_ref(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        ref = params.get("ref")
        if not isinstance(ref, Mapping):
            raise McpError(INVALID_PARAMS, "params.ref must be an object.")
        finder, as_method = (
            (self._at_uri, "resources/read")
            if ref.get("type") == "ref/resource"
            else (self._at_name, "prompts/get")
        )
        found = finder(as_method, ref, scope, era)
        return Target(found.notebook, {**params, "ref": found.params})

    def _at_task(self, method: str, params: Mapping[str, Any], scope: Scope, era: Era) -> Target:
        found = self.task(params.get("taskId"), scope)
        if found is None:
            raise McpError(INVALID_PARAMS, "There is no such task; it may be too old, or its notebook gone.")
        return Target(found[0], {**params, "taskId": found[1]})

    def unknown(self, error: UnknownName, notebook: Notebook, scope: Scope) -> UnknownName:
        """A notebook's error for an unknown name, in the hub's names, with those that the scope may use."""
        error = narrowed(scope, error.data) or error
        outside = partial(hub_uri, notebook.label)
        if error.kind != "resource":
            outside = partial(self._names[f"{error.kind}s"].outside, notebook.label)
        return UnknownName(error.kind, outside(error.name), map(outside, error.known))

    def resource(self, uri: object, scope: Scope) -> tuple[Notebook, str] | None:
        """The notebook that a URI of the hub leads to, and its own URI."""
        found = split_uri(uri) if isinstance(uri, str) else None
        notebook = None if found is None else self._open(found[0], scope)
        return (notebook, found[1]) if found and notebook and may_read(scope, found[1]) else None

    def task(self, task_id: object, scope: Scope) -> tuple[Notebook, str] | None:
        """The notebook that a task id of the hub leads to, and its own id."""
        found = split_task(task_id)
        for notebook in () if found is None else self.notebooks(scope):
            if found is not None and notebook.kernel_id == found[0]:
                return notebook, found[1]
        return None

    def _open(self, label: str, scope: Scope) -> Notebook | None:
        notebook = self._notebooks.get(label)
        return notebook if notebook is not None and notebook.is_open_to(scope) else None


def _short(text: object) -> str:
    return text[:128] if isinstance(text, str) else ""


_Finder = Callable[[Index, str, Mapping[str, Any], Scope, Era], Target]

_FINDERS: Final[Mapping[str, _Finder]] = {
    "tools/call": Index._at_name,
    "prompts/get": Index._at_name,
    "resources/read": Index._at_uri,
    "resources/subscribe": Index._at_uri,
    "resources/unsubscribe": Index._at_uri,
    "completion/complete": Index._at_ref,
    "tasks/get": Index._at_task,
    "tasks/update": Index._at_task,
    "tasks/cancel": Index._at_task,
    "tasks/result": Index._at_task,
}
