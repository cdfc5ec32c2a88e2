# SPDX-License-Identifier: BSD-3-Clause
"""The rules that differ between protocol versions: one `Era` object for each version.

*Legacy* versions open with a handshake and keep sessions; *modern* ones carry version and capabilities
in every request's `_meta`. An `Era` says which methods exist, how a result is completed, which code an error
has and which HTTP status it gets. Other modules ask the era and do not compare versions.

Source: spec 2026-07-28, basic ("Versioning", "Error codes") and basic/transports; 2025-11-25 the same.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, Final

from ..errors import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    MISSING_CLIENT_CAPABILITY,
    PARSE_ERROR,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION_REQUIRED,
    McpError,
    MissingCapability,
)
from .methods import LEGACY_VERSIONS, MODERN_VERSIONS, methods_of

__all__ = [
    "CLIENT_CAPABILITIES",
    "CLIENT_INFO",
    "LATEST_LEGACY",
    "LATEST_MODERN",
    "LOG_LEVEL",
    "MODERN_META",
    "NEVER_CACHED",
    "PROTOCOL_VERSION",
    "SERVER_INFO",
    "SUBSCRIPTION_ID",
    "TASKS_EXTENSION",
    "Era",
    "era_of",
    "is_modern",
    "modern_era",
    "negotiate",
]

_PREFIX: Final = "io.modelcontextprotocol/"
PROTOCOL_VERSION: Final = _PREFIX + "protocolVersion"
CLIENT_CAPABILITIES: Final = _PREFIX + "clientCapabilities"
CLIENT_INFO: Final = _PREFIX + "clientInfo"
LOG_LEVEL: Final = _PREFIX + "logLevel"
SERVER_INFO: Final = _PREFIX + "serverInfo"
SUBSCRIPTION_ID: Final = _PREFIX + "subscriptionId"
TASKS_EXTENSION: Final = _PREFIX + "tasks"
"""The key of the tasks extension in the capabilities of either side (SEP-2663)."""

LATEST_LEGACY: Final = LEGACY_VERSIONS[-1]
LATEST_MODERN: Final = MODERN_VERSIONS[-1]

MODERN_META: Final[Mapping[str, Any]] = {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: {}}
"""The `_meta` of our own requests: a client without name and capabilities."""

CACHEABLE: Final = frozenset(
    {
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
    }
)
"""Methods whose complete results must carry `ttlMs` and `cacheScope` (spec 2026-07-28, "Caching")."""


NEVER_CACHED: Final[Mapping[str, Any]] = {"ttlMs": 0, "cacheScope": "private"}
"""Cache hints of results that clients must not reuse, because a notebook may change at any time."""


_BLOCKS_SINCE: Final = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
"""Types of content blocks that the first version lacks, each with the version that added it."""


class Era(abc.ABC):
    """The rules of one version.

    Attributes
    ----------
    version : str
        The version's date.
    client_requests : frozenset of str
        Requests a client may send.
    server_requests : frozenset of str
        Requests a server may make: sent as requests in the legacy era, as input requests in the modern one.
    unknown_blocks : frozenset of str
        Types of content blocks that only later versions have.
    rounds : frozenset of str
        Methods that the server answers with `input_required` to ask the client. Empty in the legacy era,
        where it sends requests.
    task_requests : frozenset of str
        Methods of the tasks extension (SEP-2663).
    """

    rounds: frozenset[str] = frozenset()
    task_requests: frozenset[str] = frozenset()

    def __init__(self, version: str) -> None:
        self.version = version
        self.client_requests = methods_of(version, "client")
        self.server_requests = methods_of(version, "server")
        self.unknown_blocks = frozenset(kind for kind, since in _BLOCKS_SINCE.items() if version < since)

    @abc.abstractmethod
    def complete(
        self,
        method: str,
        result: Any,
        server_info: Mapping[str, Any],
        cache_hints: Mapping[str, Any] = NEVER_CACHED,
    ) -> Any:
        """Return a handler's result with the fields that this era requires on the wire.

        Parameters
        ----------
        method : str
            The method of the request.
        result : model or mapping
            A new object, which may be changed.
        server_info : mapping
            The server's name and version, for `_meta`.
        cache_hints : mapping
            `ttlMs` and `cacheScope` for cacheable results that lack them.
        """

    @abc.abstractmethod
    def resource_not_found(self, uri: str) -> McpError:
        """The error for a resource that does not exist."""

    @abc.abstractmethod
    def missing_capability(self, needed: Mapping[str, Any], message: str | None = None) -> MissingCapability:
        """The error for a request to a client that has not declared the capabilities `needed`."""

    @abc.abstractmethod
    def is_of_request(self, code: int) -> bool:
        """Whether an error that a tool raised becomes a JSON-RPC error rather than a tool result."""

    @abc.abstractmethod
    def question(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the params of a request to the client without the fields that this era lacks."""

    @abc.abstractmethod
    def http_status(self, code: int) -> int:
        """The HTTP status of a handler's JSON-RPC error with this code."""


class _Legacy(Era):
    def complete(
        self,
        method: str,
        result: Any,
        server_info: Mapping[str, Any],
        cache_hints: Mapping[str, Any] = NEVER_CACHED,
    ) -> Any:
        return result

    def resource_not_found(self, uri: str) -> McpError:
        return McpError(RESOURCE_NOT_FOUND, f"Unknown resource {uri!r}.", {"uri": uri})

    def missing_capability(self, needed: Mapping[str, Any], message: str | None = None) -> MissingCapability:
        return MissingCapability(INVALID_REQUEST, needed, message)

    def is_of_request(self, code: int) -> bool:
        return code == URL_ELICITATION_REQUIRED and self.version == LATEST_LEGACY

    def question(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return params

    def http_status(self, code: int) -> int:
        return 200


class _Modern(Era):
    rounds = frozenset({"tools/call", "prompts/get", "resources/read"})
    task_requests = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})

    _STATUS: Final = {
        METHOD_NOT_FOUND: 404,
        PARSE_ERROR: 400,
        INVALID_REQUEST: 400,
        INVALID_PARAMS: 400,
        HEADER_MISMATCH: 400,
        MISSING_CLIENT_CAPABILITY: 400,
        UNSUPPORTED_PROTOCOL_VERSION: 400,
    }

    def complete(
        self,
        method: str,
        result: Any,
        server_info: Mapping[str, Any],
        cache_hints: Mapping[str, Any] = NEVER_CACHED,
    ) -> Any:
        added: dict[str, Any] = {"resultType": "complete"}
        if isinstance(result, Mapping) and result.get("resultType", "complete") != "complete":
            pass  # `input_required` and tasks: hints belong to the complete result
        elif method in CACHEABLE:
            added |= cache_hints
        if isinstance(result, Mapping):
            meta = {SERVER_INFO: server_info, **(result.get("_meta") or {})}
            return {**added, **result, "_meta": meta}
        for name, value in added.items():
            if getattr(result, name, None) is None:
                setattr(result, name, value)
        result.meta = {SERVER_INFO: server_info, **(result.meta or {})}
        return result

    def resource_not_found(self, uri: str) -> McpError:
        return McpError(INVALID_PARAMS, f"Unknown resource {uri!r}.", {"uri": uri})

    def missing_capability(self, needed: Mapping[str, Any], message: str | None = None) -> MissingCapability:
        return MissingCapability(MISSING_CLIENT_CAPABILITY, needed, message)

    def is_of_request(self, code: int) -> bool:
        return code == MISSING_CLIENT_CAPABILITY

    def question(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: value for name, value in params.items() if name != "elicitationId"}

    def http_status(self, code: int) -> int:
        return self._STATUS.get(code, 200)


_ERAS: Final[Mapping[str, Era]] = {
    **{version: _Legacy(version) for version in LEGACY_VERSIONS},
    **{version: _Modern(version) for version in MODERN_VERSIONS},
}


def era_of(version: str) -> Era:
    """Return the rules of a version.

    Raises
    ------
    KeyError
        The version is unknown.
    """
    return _ERAS[version]


def negotiate(requested: object) -> Era:
    """Return the legacy era that `initialize` agrees on: the requested version, else our latest legacy one.

    A handshake never ends in a modern version (spec 2026-07-28, "Versioning").
    """
    if isinstance(requested, str) and requested in LEGACY_VERSIONS:
        return _ERAS[requested]
    return _ERAS[LATEST_LEGACY]


def is_modern(method: str, params: Mapping[str, Any]) -> bool:
    """Whether a message belongs to the modern era: its `_meta` has a version, or it is `server/discover`.

    `_meta` counts more than the method's name: `initialize` with a version in its `_meta` is a modern request
    for an unknown method.
    """
    meta = params.get("_meta")
    return (isinstance(meta, dict) and PROTOCOL_VERSION in meta) or method == "server/discover"


def modern_era(params: Mapping[str, Any]) -> Era:
    """Return the modern era that the `_meta` of a request names.

    Raises
    ------
    McpError
        INVALID_PARAMS when version or capabilities are missing, UNSUPPORTED_PROTOCOL_VERSION when the version
        is not a modern one.
    """
    meta = params.get("_meta")
    meta = meta if isinstance(meta, dict) else {}
    version, capabilities = meta.get(PROTOCOL_VERSION), meta.get(CLIENT_CAPABILITIES)
    if not isinstance(version, str):
        raise McpError(INVALID_PARAMS, f"params._meta must have {PROTOCOL_VERSION!r}, a string.")
    if version not in MODERN_VERSIONS:
        raise McpError(
            UNSUPPORTED_PROTOCOL_VERSION,
            f"Protocol version {version!r} is not supported in this form.",
            {"supported": list(MODERN_VERSIONS), "requested": version},
        )
    if not isinstance(capabilities, dict):
        raise McpError(INVALID_PARAMS, f"params._meta must have {CLIENT_CAPABILITIES!r}, an object.")
    return _ERAS[version]
