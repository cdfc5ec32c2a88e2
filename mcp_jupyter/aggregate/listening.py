# SPDX-License-Identifier: BSD-3-Clause
"""One `subscriptions/listen` request of a host, and its parts at the notebooks that it names.

Owns which part of its filter is for whom, and what is told to the host. Opens nothing.

Source: spec 2026-07-28, basic/utilities/subscriptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import anyio

from ..engine.connection import InboundRequest
from ..protocol.eras import SUBSCRIPTION_ID
from .catalog import KINDS, Notebook
from .index import Index
from .rewriting import Rewriting
from .scope import Scope

__all__ = ["Listener", "Part"]

MAX_SUBSCRIPTIONS: Final = 1024
"""URIs, and tasks, of one request: as many as a notebook takes."""

_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_URIS: Final = "resourceSubscriptions"
_TASKS: Final = "taskIds"


class Listener:
    """One open request.

    Parameters
    ----------
    call : InboundRequest
    wanted : mapping
        Its filter.
    """

    def __init__(self, call: InboundRequest, wanted: Mapping[str, Any]) -> None:
        self._call = call
        self._wanted = wanted
        self.kinds = frozenset(kind for kind in KINDS if wanted.get(f"{kind}ListChanged") is True)

    @property
    def mark(self) -> dict[str, Any]:
        """The `_meta` that ties every message of the stream to its request."""
        return {SUBSCRIPTION_ID: self._call.id}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification of the stream."""
        self._call.notify(method, {**params, "_meta": self.mark})

    def parts(self, index: Index, scope: Scope) -> list[Part]:
        """What is for one notebook each; what leads to none is left out."""
        parts: dict[str, Part] = {}
        for key, find in ((_URIS, index.resource), (_TASKS, index.task)):
            for outside in _texts(self._wanted.get(key)):
                found = find(outside, scope)
                if found is not None:
                    notebook, own = found
                    part = parts.setdefault(notebook.kernel_id, Part(notebook, self))
                    part.names.setdefault(key, {})[own] = outside
        return list(parts.values())

    def acknowledge(self, parts: Iterable[Part]) -> None:
        """Say which part of the filter is served."""
        honoured: dict[str, Any] = {f"{kind}ListChanged": True for kind in sorted(self.kinds)}
        for part in parts:
            for key, granted in part.granted.items():
                honoured.setdefault(key, []).extend(granted)
        self.tell(_ACKNOWLEDGED, {"notifications": honoured})


class Part:
    """What one notebook is listened to for.

    Attributes
    ----------
    names : dict of str to dict
        URIs and task ids: the notebook's own, and the hub's for each.
    granted : dict of str to list of str
        Those that the notebook serves, in the hub's words.
    acknowledged : Event
        It has said so, or will not.
    """

    def __init__(self, notebook: Notebook, listener: Listener) -> None:
        self.notebook = notebook
        self.names: dict[str, dict[str, str]] = {}
        self.granted: dict[str, list[str]] = {}
        self.acknowledged = anyio.Event()
        self._listener = listener
        self._words = Rewriting(notebook.label, notebook.kernel_id)

    @property
    def wanted(self) -> dict[str, Any]:
        """The filter of the request to the notebook."""
        return {key: list(names) for key, names in self.names.items()}

    def hear(self, method: str, params: Mapping[str, Any]) -> None:
        """Take a notification of the notebook's stream."""
        if method != _ACKNOWLEDGED:
            self._listener.tell(method, self._words.notice(params))
            return
        said = params.get("notifications")
        for key, names in self.names.items():
            served = _texts(said.get(key)) if isinstance(said, Mapping) else []
            self.granted[key] = [names[own] for own in served if own in names]
        self.acknowledged.set()


def _texts(value: object) -> list[str]:
    items = value[:MAX_SUBSCRIPTIONS] if isinstance(value, list) else []
    return [item for item in items if isinstance(item, str)]
