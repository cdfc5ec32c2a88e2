# SPDX-License-Identifier: BSD-3-Clause
"""Every exception this package raises on purpose, in one tree.

Knows nothing of transports, of tools or of HTTP: each layer translates what it catches from below
into one of these at one named boundary.

    McpJupyterError
    ├── McpError                a JSON-RPC error: ours on its way out, or the peer's as it came in
    │   ├── FrameError          the bytes were not a JSON-RPC message
    │   ├── ProtocolError       a tool fails the request itself: a JSON-RPC error, no `isError` result
    │   ├── UnknownName             a request names an unknown tool, resource or prompt; lists the known ones
    │   ├── OutOfScope          a request uses what its sender has no right to
    │   ├── MissingCapability   the client has not declared what a question to it needs
    │   └── UrlElicitationRequired  the person has to visit a URL first (2025-11-25)
    ├── ToolError               a tool says what went wrong; the caller gets `isError: true`
    ├── ConnectionClosed        the other side is gone
    ├── RequestTimeout          no answer within the bound
    ├── BacklogFull             the other side does not read and its queue is full
    ├── InvalidToolOutput       a tool's structured content does not fit its output schema
    ├── UncheckableSchema       a JSON Schema that nothing can be checked against within bounds
    ├── AuthorizationFailed     no token could be had for a server
    │   └── MetadataAbsent      it publishes no metadata, which its version requires
    ├── DefinitionChanged       a server's tool is not what it was when the person had a look at it
    ├── ConfigError             a file of servers cannot be used as it is
    ├── CassetteError           a recording of calls cannot be read, or kept
    │   └── CassetteMiss        what is asked was not recorded
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
        One sentence: what was wrong and, where possible, what to do.
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
        from .types import ErrorData  # here: most programs never ask for it

        return ErrorData(**self.to_dict())

    @staticmethod
    def from_wire(error: Mapping[str, Any]) -> McpError:
        """The error that a peer sent, whose code has been checked. One without a message says its code."""
        message = error.get("message")
        if not isinstance(message, str) or not message:
            message = f"Error {error['code']}, sent without a message."
        return McpError(error["code"], message, error.get("data"))

    def to_dict(self) -> dict[str, Any]:
        """The `error` member of a JSON-RPC error response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


class FrameError(McpError):
    """The bytes were not a JSON-RPC message.

    Parameters
    ----------
    request_id : int, str or None
        The id of the offending request where it could be read, else None (JSON-RPC 2.0, section 5).
    """

    def __init__(self, code: int, message: str, request_id: int | str | None = None) -> None:
        super().__init__(code, message)
        self.request_id = request_id


class TooManyContainers(FrameError):
    """The bytes hold more lists and objects than a message may have. They were not parsed."""


MAX_NAMED: Final = 20
"""Names that the error for an unknown one lists: enough to correct a slip."""


class UnknownName(McpError):
    """A request names a tool, resource or prompt that is not there.

    Its `data` has the names that are, so that those who pass the error on can leave out what the client may
    not use.

    Parameters
    ----------
    kind : {"tool", "resource", "prompt"}
    name : str
        As the request has it.
    known : iterable of str
        What there is; more than `MAX_NAMED` are not listed.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind, self.name = kind, name[:100]
        names = sorted(known)
        self.known = names if len(names) <= MAX_NAMED else []
        there_are = f" There are: {', '.join(self.known)}." if self.known else ""
        data = {"kind": kind, "name": self.name, "known": self.known}
        super().__init__(INVALID_PARAMS, f"There is no {kind} {self.name!r}.{there_are}", data)

    @classmethod
    def of(cls, data: object) -> UnknownName | None:
        """The error whose `data` this is; None when it is another's."""
        if not isinstance(data, Mapping) or data.keys() != {"kind", "name", "known"}:
            return None
        kind, name, known = data["kind"], data["name"], data["known"]
        if kind not in ("tool", "resource", "prompt") or not isinstance(name, str):
            return None
        if not isinstance(known, list) or not all(isinstance(each, str) for each in known):
            return None
        return cls(kind, name, known)


class OutOfScope(McpError):
    """A request uses what its sender has no right to.

    Parameters
    ----------
    kind : {"tool", "resource", "prompt"}
        Of what.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        message = f"This token may not {_USE[kind]} that {kind}."
        super().__init__(INVALID_REQUEST, message, {"outOfScope": kind})

    @classmethod
    def of(cls, data: object) -> OutOfScope | None:
        """The error whose `data` this is; None when it is another's."""
        if not isinstance(data, Mapping) or data.keys() != {"outOfScope"}:
            return None
        kind = data["outOfScope"]
        return cls(kind) if isinstance(kind, str) and kind in _USE else None


_USE: Final = {"tool": "call", "resource": "read", "prompt": "get"}


class ProtocolError(McpError):
    """Raise it in a tool to fail the request itself: the caller gets this JSON-RPC error.

    For faults of the protocol or the server. What a model should read and act on is a `ToolError`.
    """


class MissingCapability(McpError):
    """The client cannot be asked this: it has not declared the capability.

    Parameters
    ----------
    code : int
        The era's code for it.
    required : mapping
        What the client would have to declare.
    message : str, optional
        What is asked and what the caller can do.
    """

    def __init__(self, code: int, required: Mapping[str, Any], message: str | None = None) -> None:
        if message is None:
            message = f"The client {lacks(required)}, which this call needs."
        super().__init__(code, message, {"requiredCapabilities": required})


def lacks(required: Mapping[str, Any]) -> str:
    """What is wrong with a client that has not declared a capability: the end of a sentence."""
    named = ", ".join(".".join([name, *parts]) for name, parts in required.items())
    return f"has not declared the capability {named}"


class UrlElicitationRequired(McpError):
    """Raise it in a tool when the person has to visit a URL before the call can succeed.

    Clients of 2025-11-25 get the error -32042, which has them ask the person and call again; others get the
    message as the tool's error (later versions have no such code: use `Context.elicit_url`).

    Parameters
    ----------
    elicitations : list of dict or of types.ElicitRequestURLParams
        Each with `mode` "url", `message`, `url` and `elicitationId`.
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
            It is another error, or its `data` does not say what to visit.
        """
        asked = error.data.get("elicitations") if isinstance(error.data, dict) else None
        if error.code != URL_ELICITATION_REQUIRED or not isinstance(asked, list):
            raise ValueError(f"Error {error.code} does not ask for a visit: {URL_ELICITATION_REQUIRED} does.")
        return cls([each for each in asked if isinstance(each, dict)], error.message)

    @property
    def elicitations(self) -> list[ElicitRequestURLParams]:
        """What the person is asked to visit.

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
    """Raise it in a tool to tell the caller, in words, what went wrong."""


class ConnectionClosed(McpJupyterError):
    """The other side of a conversation is gone."""


class RequestTimeout(McpJupyterError):
    """A request had no answer within its bound."""


class BacklogFull(McpJupyterError):
    """The other side does not read, and what waits for it has reached its limit."""


class UncheckableSchema(McpJupyterError):
    """A JSON Schema that nothing can be checked against, or not within bounds."""


class InvalidToolOutput(McpJupyterError, RuntimeError):
    """A tool's structured content does not fit the output schema that its server lists."""


class AuthorizationFailed(McpJupyterError):
    """No token could be had for a server; the message says at which step, and never holds a secret."""


class MetadataAbsent(AuthorizationFailed):
    """No metadata is published, which the request's version requires: an older one may do without."""


class ConfigError(McpJupyterError, ValueError):
    """A file of servers, or an entry of it, cannot be used as it is; the message says where."""


class CassetteError(McpJupyterError):
    """A recording of calls cannot be read, or cannot be kept; the message says which and why."""

    def _render_traceback_(self) -> list[str]:
        """How a notebook shows it: what was wrong, without the frames it came through."""
        return [f"{type(self).__name__}: {self}"]


class CassetteMiss(CassetteError):
    """What is asked was not recorded; the message shows what comes nearest."""


class DefinitionChanged(McpJupyterError):
    """A server's tool is not what it was when the person connected; nothing was called."""


class LinkError(McpJupyterError):
    """No kernel can be reached."""


class NotebookNotFound(LinkError):
    """No live notebook has that name."""
