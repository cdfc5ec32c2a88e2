# SPDX-License-Identifier: BSD-3-Clause
"""The protocol's methods: in which versions each exists, and which side may send it.

The table follows the five official schemas (a test compares them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "CLOSE_STREAM",
    "FORGET_SENDER",
    "LEGACY_VERSIONS",
    "METHODS",
    "MODERN_VERSIONS",
    "VERSIONS",
    "Method",
    "methods_of",
]

LEGACY_VERSIONS: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS: Final = ("2026-07-28",)
VERSIONS: Final = LEGACY_VERSIONS + MODERN_VERSIONS

FORGET_SENDER: Final = "mcp_jupyter/forget"
"""A request of our own: the server drops the suspended calls and tasks that it keeps for the sender."""

CLOSE_STREAM: Final = "mcp_jupyter/close_stream"
"""A notification of our own from a server to the HTTP front: end the response of a request."""

Sender = Literal["client", "server"]
Kind = Literal["request", "notification"]


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its name, the side that sends it, and the first and last version that have it."""

    name: str
    sender: Sender
    kind: Kind = "request"
    since: str = VERSIONS[0]
    until: str = VERSIONS[-1]

    def in_version(self, version: str) -> bool:
        """Whether `version` has the method. Versions are dates, which compare as text."""
        return self.since <= version <= self.until


_LAST_LEGACY: Final = LEGACY_VERSIONS[-1]
_MODERN: Final = MODERN_VERSIONS[0]

METHODS: Final[tuple[Method, ...]] = (
    # Requests of the client.
    Method("initialize", "client", until=_LAST_LEGACY),
    Method("ping", "client", until=_LAST_LEGACY),
    Method("server/discover", "client", since=_MODERN),
    Method("tools/list", "client"),
    Method("tools/call", "client"),
    Method("resources/list", "client"),
    Method("resources/templates/list", "client"),
    Method("resources/read", "client"),
    Method("resources/subscribe", "client", until=_LAST_LEGACY),
    Method("resources/unsubscribe", "client", until=_LAST_LEGACY),
    Method("subscriptions/listen", "client", since=_MODERN),
    Method("prompts/list", "client"),
    Method("prompts/get", "client"),
    Method("completion/complete", "client"),
    Method("logging/setLevel", "client", until=_LAST_LEGACY),
    Method("tasks/get", "client", since=_LAST_LEGACY, until=_LAST_LEGACY),
    Method("tasks/result", "client", since=_LAST_LEGACY, until=_LAST_LEGACY),
    Method("tasks/list", "client", since=_LAST_LEGACY, until=_LAST_LEGACY),
    Method("tasks/cancel", "client", since=_LAST_LEGACY, until=_LAST_LEGACY),
    # Requests of the server. The modern era sends them as input requests.
    Method("ping", "server", until=_LAST_LEGACY),
    Method("sampling/createMessage", "server"),
    Method("roots/list", "server"),
    Method("elicitation/create", "server", since="2025-06-18"),
    Method("tasks/get", "server", since=_LAST_LEGACY, until=_LAST_LEGACY),
    Method("tasks/result", "server", since=_LAST_LEGACY, until=_LAST_LEGACY),
    Method("tasks/list", "server", since=_LAST_LEGACY, until=_LAST_LEGACY),
    Method("tasks/cancel", "server", since=_LAST_LEGACY, until=_LAST_LEGACY),
    # Notifications of the client.
    Method("notifications/initialized", "client", "notification", until=_LAST_LEGACY),
    Method("notifications/cancelled", "client", "notification"),
    Method("notifications/progress", "client", "notification", until=_LAST_LEGACY),
    Method("notifications/roots/list_changed", "client", "notification", until=_LAST_LEGACY),
    Method("notifications/tasks/status", "client", "notification", since=_LAST_LEGACY, until=_LAST_LEGACY),
    # Notifications of the server.
    Method("notifications/cancelled", "server", "notification"),
    Method("notifications/progress", "server", "notification"),
    Method("notifications/message", "server", "notification"),
    Method("notifications/resources/list_changed", "server", "notification"),
    Method("notifications/resources/updated", "server", "notification"),
    Method("notifications/prompts/list_changed", "server", "notification"),
    Method("notifications/tools/list_changed", "server", "notification"),
    Method("notifications/subscriptions/acknowledged", "server", "notification", since=_MODERN),
    Method(
        "notifications/elicitation/complete",
        "server",
        "notification",
        since=_LAST_LEGACY,
        until=_LAST_LEGACY,
    ),
    Method("notifications/tasks/status", "server", "notification", since=_LAST_LEGACY, until=_LAST_LEGACY),
)


def methods_of(version: str, sender: Sender, kind: Kind = "request") -> frozenset[str]:
    """Return the names of the methods that `sender` may use in `version`."""
    return frozenset(
        m.name for m in METHODS if m.sender == sender and m.kind == kind and m.in_version(version)
    )
