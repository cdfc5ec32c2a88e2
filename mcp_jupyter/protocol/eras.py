# SPDX-License-Identifier: BSD-3-Clause
"""The two eras of the protocol, one object each per version. Nothing else asks "which version?".

*Legacy* versions open with a handshake and keep sessions; *modern* ones carry version and capabilities
in every request's `_meta`. An `Era` knows what that changes in the words on the wire: which methods
exist, how a result is completed, how an error is coded, which HTTP status it gets.

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
"""The tasks extension among the capabilities of either side (SEP-2663)."""

LATEST_LEGACY: Final = LEGACY_VERSIONS[-1]
LATEST_MODERN: Final = MODERN_VERSIONS[-1]

MODERN_META: Final[Mapping[str, Any]] = {PROTOCOL_VERSION: LATEST_MODERN, CLIENT_CAPABILITIES: {}}
"""The `_meta` of a request of our own, as from a client without a name that offers nothing."""

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
"""A notebook changes under the client's eyes: nothing may be used again without asking."""


_BLOCKS_SINCE: Final = {"audio": "2025-03-26", "resource_link": "2025-06-18"}
"""Types of content blocks that were not there from the beginning."""


class Era(abc.ABC):
    """The rules of one version.

    Attributes
    ----------
    version : str
        The version's date.
    client_requests : frozenset of str
        Requests a client may send.
    server_requests : frozenset of str
        What a server may ask: requests of the legacy era, input requests of the modern one.
    unknown_blocks : frozenset of str
        Types of content blocks that came later.
    rounds : frozenset of str
        Methods in whose course the server asks by ending the round; empty where it sends requests.
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
        """The result (a fresh model or mapping of a handler's) as this era wants it on the wire.

        Parameters
        ----------
        cache_hints : mapping
            `ttlMs` and `cacheScope` of results that may be kept and do not say it themselves.
        """

    @abc.abstractmethod
    def resource_not_found(self, uri: str) -> McpError:
        """The error for a resource that does not exist."""

    @abc.abstractmethod
    def missing_capability(self, needed: Mapping[str, Any], message: str | None = None) -> MissingCapability:
        """The error for a client that cannot be asked, because it has not declared `needed`."""

    @abc.abstractmethod
    def is_of_request(self, code: int) -> bool:
        """Whether an error that a tool raised is the request's own: JSON-RPC error, not tool result."""

    @abc.abstractmethod
    def question(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The params of a question to the client, without what this era does not have."""

    @abc.abstractmethod
    def http_status(self, code: int) -> int:
        """The HTTP status of a JSON-RPC error that a handler answered with."""


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
        return McpError(RESOURCE_NOT_FOUND, f"There is no resource {uri!r}.", {"uri": uri})

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
            pass  # the answer is yet to come
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
        return McpError(INVALID_PARAMS, f"There is no resource {uri!r}.", {"uri": uri})

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
    """The rules of `version`.

    Raises
    ------
    KeyError
        When there is no such version.
    """
    return _ERAS[version]


def negotiate(requested: object) -> Era:
    """The legacy era an `initialize` ends in: the requested version, else our latest legacy one.

    A handshake never ends in a modern version (spec 2026-07-28, "Versioning").
    """
    if isinstance(requested, str) and requested in LEGACY_VERSIONS:
        return _ERAS[requested]
    return _ERAS[LATEST_LEGACY]


def is_modern(method: str, params: Mapping[str, Any]) -> bool:
    """Whether a message speaks the modern era: it carries its version, or asks for `server/discover`.

    The envelope wins over the method's name: `initialize` with a modern envelope is a modern request
    for a method that does not exist.
    """
    meta = params.get("_meta")
    return (isinstance(meta, dict) and PROTOCOL_VERSION in meta) or method == "server/discover"


def modern_era(params: Mapping[str, Any]) -> Era:
    """The modern era a request's envelope names.

    Raises
    ------
    McpError
        INVALID_PARAMS when the envelope is incomplete, UNSUPPORTED_PROTOCOL_VERSION when it names a
        version that is not served this way.
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
