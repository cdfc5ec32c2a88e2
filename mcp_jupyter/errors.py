# SPDX-License-Identifier: BSD-3-Clause
"""All exceptions that this package raises on purpose, in one tree.

Each layer translates the exceptions that it catches from libraries into one of these, at one named boundary.

    McpJupyterError
    ├── McpError                a JSON-RPC error: one to send, or one that the peer sent
    │   ├── FrameError          the bytes were not a JSON-RPC message
    │   ├── ProtocolError       a tool fails with a JSON-RPC error instead of an `isError` result
    │   ├── UnknownName         a request names an unknown tool, resource or prompt; lists the known ones
    │   ├── OutOfScope          the principal may not use the tool, resource or prompt
    │   ├── MissingCapability   the client has not declared a capability that a request to it needs
    │   └── UrlElicitationRequired  the user must visit a URL first (2025-11-25)
    ├── ToolError               a tool failed; the caller gets `isError: true` with the message
    ├── ConnectionClosed        the peer is gone
    ├── RequestTimeout          no response within the time limit
    ├── BacklogFull             the peer does not read and its queue is full
    ├── InvalidToolOutput       a tool's structured content does not fit its output schema
    ├── UncheckableSchema       a JSON Schema is invalid, or checking against it exceeds a limit
    ├── AuthorizationFailed     no token could be obtained for a server
    │   └── MetadataAbsent      the server publishes no metadata, which its version requires
    ├── DefinitionChanged       a server changed a tool after the user connected
    ├── ConfigError             a file of servers or an option cannot be used as it is
    ├── CassetteError           a recording of calls cannot be read or written
    │   └── CassetteMiss        the request was not recorded
    └── LinkError               no kernel can be reached
        └── NotebookNotFound    no live notebook has that name
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .types import ElicitRequestURLParams, ErrorData

__all__ = [
    "HEADER_MISMATCH",
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "METHOD_NOT_FOUND",
    "MISSING_CLIENT_CAPABILITY",
    "PARSE_ERROR",
    "RESOURCE_NOT_FOUND",
    "UNSUPPORTED_PROTOCOL_VERSION",
    "URL_ELICITATION_REQUIRED",
    "AuthorizationFailed",
    "BacklogFull",
    "CassetteError",
    "CassetteMiss",
    "ConfigError",
    "ConnectionClosed",
    "DefinitionChanged",
    "FrameError",
    "InvalidToolOutput",
    "LinkError",
    "McpError",
    "McpJupyterError",
    "MetadataAbsent",
    "MissingCapability",
    "NotebookNotFound",
    "OutOfScope",
    "ProtocolError",
    "RequestTimeout",
    "ToolError",
    "UncheckableSchema",
    "UnknownName",
    "UrlElicitationRequired",
]


# -- codes ---------------------------------------------------------------------------------------
#
# The error codes of JSON-RPC 2.0 (section 5.1) and of MCP.
#
# -32000 to -32019 were used by the legacy versions; -32020 to -32099 belong to the specification since
# 2026-07-28 (basic, "Error codes"). -32002 must not be sent to a modern client.

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

URL_ELICITATION_REQUIRED: Final = -32042
"""2025-11-25 only: the person must visit a URL first (client/elicitation)."""

RESOURCE_NOT_FOUND: Final = -32002
"""Legacy versions only; a modern client gets INVALID_PARAMS with `data.uri`."""

HEADER_MISMATCH: Final = -32020
MISSING_CLIENT_CAPABILITY: Final = -32021
UNSUPPORTED_PROTOCOL_VERSION: Final = -32022


# -- exceptions ----------------------------------------------------------------------------------


class McpJupyterError(Exception):
    """Root of the tree."""


class McpError(McpJupyterError):
    """A JSON-RPC error.

    Parameters
    ----------
    code : int
        The error code (the constants of this module name them). A `types.ErrorData` may stand for all three.
    message : str
        What was wrong and, where possible, what to do.
    data : Any, optional
        JSON value with details for programs.
    """

    def __init__(self, code: int | ErrorData, message: str = "", data: Any = None) -> None:
        if isinstance(code, int):
            self.code, self.message, self.data = code, message, data
        else:
            self.code, self.message, self.data = code.code, code.message, code.data
        super().__init__(self.message)

    @property
    def error(self) -> ErrorData:
        """Code, message and data as one model."""
        from .types import ErrorData  # here, because importing `types` is slow and few programs need it

        return ErrorData(**self.to_dict())

    @staticmethod
    def from_wire(error: Mapping[str, Any]) -> McpError:
        """Return the error that a peer sent. The code has been checked; a missing message is replaced."""
        message = error.get("message")
        if not isinstance(message, str) or not message:
            message = f"Error {error['code']}, sent without a message."
        return McpError(error["code"], message, error.get("data"))

    def to_dict(self) -> dict[str, Any]:
        """Return the `error` member of a JSON-RPC error response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


class FrameError(McpError):
    """The bytes were not a JSON-RPC message.

    Parameters
    ----------
    request_id : int, str or None
        The id of the offending request if it could be read, else None (JSON-RPC 2.0, section 5).
    """

    def __init__(self, code: int, message: str, request_id: int | str | None = None) -> None:
        super().__init__(code, message)
        self.request_id = request_id


class TooManyContainers(FrameError):
    """The bytes hold more lists and objects than a message may have. They were not parsed."""


MAX_KNOWN_NAMES: Final = 20
"""How many known names an error lists: enough to correct a typing error."""


class UnknownName(McpError):
    """A request names an unknown tool, resource or prompt.

    `data` has the known names, so that code that passes the error on can remove those that the client may
    not use.

    Parameters
    ----------
    kind : {"tool", "resource", "prompt"}
        The kind of the name.
    name : str
        The name in the request.
    known : iterable of str
        The known names; if there are more than `MAX_KNOWN_NAMES`, none are listed.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name = kind, name[:100]
        names = sorted(known)
        self.known = names if len(names) <= MAX_KNOWN_NAMES else []
        known_names = f" Known {kind}s: {', '.join(self.known)}." if self.known else ""
        data = {"kind": kind, "name": self.name, "known": self.known}
        super().__init__(INVALID_PARAMS, f"Unknown {kind} {self.name!r}.{known_names}", data)

    @classmethod
    def of(cls, data: object) -> UnknownName | None:
        """Return the error that has this `data`; None when `data` belongs to another error."""
        if not isinstance(data, Mapping) or data.keys() != {"kind", "name", "known"}:
            return None
        kind, name, known = data["kind"], data["name"], data["known"]
        if kind not in ("tool", "resource", "prompt") or not isinstance(name, str):
            return None
        if not isinstance(known, list) or not all(isinstance(each, str) for each in known):
            return None
        return cls(kind, name, known)


class OutOfScope(McpError):
    """The scope of the request's token does not include the tool, resource or prompt.

    Parameters
    ----------
    kind : {"tool", "resource", "prompt"}
        What the request uses.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        message = f"This token may not {_USE[kind]} that {kind}."
        super().__init__(INVALID_REQUEST, message, {"outOfScope": kind})

    @classmethod
    def of(cls, data: object) -> OutOfScope | None:
        """Return the error that has this `data`; None when `data` belongs to another error."""
        if not isinstance(data, Mapping) or data.keys() != {"outOfScope"}:
            return None
        kind = data["outOfScope"]
        return cls(kind) if isinstance(kind, str) and kind in _USE else None


_USE: Final = {"tool": "call", "resource": "read", "prompt": "get"}


class ProtocolError(McpError):
    """Raise it in a tool to fail the request: the caller gets this JSON-RPC error.

    It is for faults of the protocol or the server. For errors that a model should read, raise `ToolError`.
    """


class MissingCapability(McpError):
    """The client has not declared a capability that a request to it needs.

    Parameters
    ----------
    code : int
        The era's code for this error.
    required : mapping
        The capabilities that the client would have to declare.
    message : str, optional
        What the server needs and what the caller can do.
    """

    def __init__(self, code: int, required: Mapping[str, Any], message: str | None = None) -> None:
        if message is None:
            message = f"The client {lacks(required)}, which this call needs."
        super().__init__(code, message, {"requiredCapabilities": required})


def lacks(required: Mapping[str, Any]) -> str:
    """Return the end of a sentence about a client: which capability it has not declared."""
    named = ", ".join(".".join([name, *parts]) for name, parts in required.items())
    return f"has not declared the capability {named}"


class UrlElicitationRequired(McpError):
    """Raise it in a tool when the user must visit a URL before the call can succeed.

    Clients of 2025-11-25 get the error -32042: they ask the user and call again. Other clients get the
    message as the tool's error (later versions have no such code: use `Context.elicit_url`).

    Parameters
    ----------
    elicitations : list of dict or of types.ElicitRequestURLParams
        Each with `mode` "url", `message`, `url` and `elicitationId`.
    message : str, optional
        By default a sentence with the URLs.
    """

    def __init__(
        self, elicitations: Sequence[dict[str, Any] | ElicitRequestURLParams], message: str | None = None
    ) -> None:
        asked = [
            each if isinstance(each, dict) else each.model_dump(by_alias=True, exclude_none=True)
            for each in elicitations
        ]
        urls = ", ".join(str(each.get("url")) for each in asked)
        super().__init__(URL_ELICITATION_REQUIRED, message or f"Visit {urls} first.", {"elicitations": asked})

    @classmethod
    def from_error(cls, error: ErrorData) -> UrlElicitationRequired:
        """Read the error that a server sent.

        Raises
        ------
        ValueError
            It is another error, or its `data` has no list of elicitations.
        """
        asked = error.data.get("elicitations") if isinstance(error.data, dict) else None
        if error.code != URL_ELICITATION_REQUIRED or not isinstance(asked, list):
            raise ValueError(f"Error {error.code} does not ask for a visit: {URL_ELICITATION_REQUIRED} does.")
        return cls([each for each in asked if isinstance(each, dict)], error.message)

    @property
    def elicitations(self) -> list[ElicitRequestURLParams]:
        """The URLs that the user is asked to visit.

        Raises
        ------
        pydantic.ValidationError
            The server's error is malformed.
        """
        from .types import ElicitRequestURLParams

        return [
            ElicitRequestURLParams.from_wire({"mode": "url", **each}) for each in self.data["elicitations"]
        ]


class ToolError(McpJupyterError):
    """Raise it in a tool to tell the caller what went wrong; the message becomes an `isError` result."""


class ConnectionClosed(McpJupyterError):
    """The peer of a connection is gone."""


class RequestTimeout(McpJupyterError):
    """A request had no response within its time limit."""


class BacklogFull(McpJupyterError):
    """The peer does not read, and the queue of messages for it is full."""


class UncheckableSchema(McpJupyterError):
    """A JSON Schema is invalid, or checking a value against it exceeds a limit."""


class InvalidToolOutput(McpJupyterError, RuntimeError):
    """A tool's structured content does not fit the output schema that its server lists."""


class AuthorizationFailed(McpJupyterError):
    """No token could be obtained for a server; the message names the step and never contains a secret."""


class MetadataAbsent(AuthorizationFailed):
    """The server publishes no metadata. The request's version requires it; older versions do not."""


class _OneLineError(McpJupyterError):
    """An error about a file or an option, which no traceback explains."""

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython shows: the message without a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(_OneLineError, ValueError):
    """A file of servers, an entry of it, or an option cannot be used as it is; the message says where."""


class CassetteError(_OneLineError):
    """A recording of calls cannot be read or written; the message says which and why."""


class CassetteMiss(CassetteError):
    """The request was not recorded; the message shows the most similar one."""


class DefinitionChanged(McpJupyterError):
    """A server changed a tool after the user connected; the call was not sent."""


class LinkError(McpJupyterError):
    """No kernel can be reached."""


class NotebookNotFound(LinkError):
    """No live notebook has that name."""
