# SPDX-License-Identifier: BSD-3-Clause
"""Capabilities, initialize, discover, ping, logging, progress and cancellation (spec, basic/lifecycle).

It includes the members of `_meta` that carry version and capabilities in each modern request (2026-07-28,
basic). `protocol` decides which of these messages a version has.
"""

from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from .base import (
    BaseMetadata,
    CacheableResult,
    Icon,
    JSONObject,
    Notification,
    NotificationParams,
    NullableWireModel,
    Number,
    ProgressToken,
    Request,
    RequestId,
    RequestMeta,
    RequestParams,
    Result,
    WireModel,
)

__all__ = [
    "CancelledNotification",
    "CancelledNotificationParams",
    "ClientCapabilities",
    "ClientTasksCapability",
    "CompletionsCapability",
    "DiscoverRequest",
    "DiscoverResult",
    "ElicitationCapability",
    "EmptyResult",
    "FormElicitationCapability",
    "Implementation",
    "InitializeRequest",
    "InitializeRequestParams",
    "InitializeResult",
    "InitializedNotification",
    "LoggingCapability",
    "LoggingLevel",
    "LoggingMessageNotification",
    "LoggingMessageNotificationParams",
    "MissingRequiredClientCapabilityErrorData",
    "NotificationMetaObject",
    "PingRequest",
    "ProgressNotification",
    "ProgressNotificationParams",
    "PromptsCapability",
    "RequestMetaObject",
    "ResourcesCapability",
    "ResultMetaObject",
    "RootsCapability",
    "SamplingCapability",
    "SamplingContextCapability",
    "SamplingToolsCapability",
    "ServerCapabilities",
    "ServerTasksCapability",
    "SetLevelRequest",
    "SetLevelRequestParams",
    "ToolsCapability",
    "UnsupportedProtocolVersionErrorData",
    "UrlElicitationCapability",
]


# -- logging -------------------------------------------------------------------------------------
#
# Log messages of a server, and their level (spec, server/utilities/logging). Not Python's `logging`.

LoggingLevel: TypeAlias = Literal[
    "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"
]
"""Severity, as in syslog (RFC 5424, section 6.2.1), least severe first."""


class SetLevelRequestParams(RequestParams):
    """Params of `logging/setLevel`."""

    level: LoggingLevel


class SetLevelRequest(Request):
    """Ask for log messages of this severity and above (legacy versions)."""

    method: Literal["logging/setLevel"] = "logging/setLevel"
    params: SetLevelRequestParams


class LoggingMessageNotificationParams(NotificationParams, NullableWireModel):
    """Params of `notifications/message`; `data` is any JSON value."""

    nullable: ClassVar[frozenset[str]] = frozenset({"data"})

    level: LoggingLevel
    logger: str | None = None
    data: Any


class LoggingMessageNotification(Notification):
    """A log message."""

    method: Literal["notifications/message"] = "notifications/message"
    params: LoggingMessageNotificationParams


# -- lifecycle -----------------------------------------------------------------------------------


class Implementation(BaseMetadata):
    """Name and version of a client or a server."""

    version: str
    description: str | None = None
    websiteUrl: str | None = None
    icons: list[Icon] | None = None


# ------------------------------------------------------------------------------------------- capabilities


class RootsCapability(WireModel):
    """The client has roots."""

    listChanged: bool | None = None


class SamplingContextCapability(WireModel):
    """The client honours `includeContext`."""


class SamplingToolsCapability(WireModel):
    """The client's model may use tools during sampling."""


class SamplingCapability(WireModel):
    """The client has a model."""

    context: SamplingContextCapability | None = None
    tools: SamplingToolsCapability | None = None


class FormElicitationCapability(WireModel):
    """The client can show forms."""


class UrlElicitationCapability(WireModel):
    """The client can ask the user to visit a URL."""


class ElicitationCapability(WireModel):
    """The client can ask the user. Without members it means forms."""

    form: FormElicitationCapability | None = None
    url: UrlElicitationCapability | None = None


class _TasksCapability(WireModel):
    list: JSONObject | None = None
    cancel: JSONObject | None = None
    requests: JSONObject | None = None


class ClientTasksCapability(_TasksCapability):
    """Which requests to the client may run as tasks (2025-11-25, experimental)."""


class ServerTasksCapability(_TasksCapability):
    """Which requests to the server may run as tasks (2025-11-25, experimental)."""


class ClientCapabilities(WireModel):
    """What a client can do. Keys of `extensions` are names like `io.modelcontextprotocol/ui`."""

    experimental: dict[str, JSONObject] | None = None
    extensions: dict[str, JSONObject] | None = None
    roots: RootsCapability | None = None
    sampling: SamplingCapability | None = None
    elicitation: ElicitationCapability | None = None
    tasks: ClientTasksCapability | None = None


class LoggingCapability(WireModel):
    """The server sends log messages."""


class CompletionsCapability(WireModel):
    """The server completes arguments (2025-03-26 and later)."""


class PromptsCapability(WireModel):
    """The server has prompts."""

    listChanged: bool | None = None


class ResourcesCapability(WireModel):
    """The server has resources."""

    subscribe: bool | None = None
    listChanged: bool | None = None


class ToolsCapability(WireModel):
    """The server has tools."""

    listChanged: bool | None = None


class ServerCapabilities(WireModel):
    """What a server can do. Keys of `extensions` are names like `io.modelcontextprotocol/ui`."""

    experimental: dict[str, JSONObject] | None = None
    extensions: dict[str, JSONObject] | None = None
    logging: LoggingCapability | None = None
    completions: CompletionsCapability | None = None
    prompts: PromptsCapability | None = None
    resources: ResourcesCapability | None = None
    tools: ToolsCapability | None = None
    tasks: ServerTasksCapability | None = None


# ----------------------------------------------------------------------------- the legacy era's handshake


class InitializeRequestParams(RequestParams):
    """Params of `initialize`."""

    protocolVersion: str
    capabilities: ClientCapabilities
    clientInfo: Implementation


class InitializeRequest(Request):
    """Open a legacy session."""

    method: Literal["initialize"] = "initialize"
    params: InitializeRequestParams


class InitializeResult(Result):
    """The server's side of the handshake."""

    protocolVersion: str
    capabilities: ServerCapabilities
    serverInfo: Implementation
    instructions: str | None = None


class InitializedNotification(Notification):
    """The client has received the result of `initialize`."""

    method: Literal["notifications/initialized"] = "notifications/initialized"
    params: NotificationParams | None = None


class PingRequest(Request):
    """Ask whether the peer still responds (legacy versions)."""

    method: Literal["ping"] = "ping"
    params: RequestParams | None = None


class EmptyResult(Result):
    """A result without members of its own."""


# --------------------------------------------------------- the modern era: `_meta` in each message


class RequestMetaObject(RequestMeta):
    """`_meta` of a request of 2026-07-28, where the first two members are required."""

    protocolVersion: Annotated[
        str,
        Field(
            validation_alias="io.modelcontextprotocol/protocolVersion",
            serialization_alias="io.modelcontextprotocol/protocolVersion",
        ),
    ]
    clientCapabilities: Annotated[
        ClientCapabilities,
        Field(
            validation_alias="io.modelcontextprotocol/clientCapabilities",
            serialization_alias="io.modelcontextprotocol/clientCapabilities",
        ),
    ]
    clientInfo: Annotated[
        Implementation | None,
        Field(
            validation_alias="io.modelcontextprotocol/clientInfo",
            serialization_alias="io.modelcontextprotocol/clientInfo",
        ),
    ] = None
    logLevel: Annotated[
        LoggingLevel | None,
        Field(
            validation_alias="io.modelcontextprotocol/logLevel",
            serialization_alias="io.modelcontextprotocol/logLevel",
        ),
    ] = None


class NotificationMetaObject(WireModel):
    """`_meta` of a notification of 2026-07-28, and of the result that ends a subscription.

    The id has the type it had in the request (spec, basic/utilities/subscriptions).
    """

    subscriptionId: Annotated[
        RequestId | None,
        Field(
            validation_alias="io.modelcontextprotocol/subscriptionId",
            serialization_alias="io.modelcontextprotocol/subscriptionId",
        ),
    ] = None


class ResultMetaObject(WireModel):
    """`_meta` of a result of 2026-07-28."""

    serverInfo: Annotated[
        Implementation | None,
        Field(
            validation_alias="io.modelcontextprotocol/serverInfo",
            serialization_alias="io.modelcontextprotocol/serverInfo",
        ),
    ] = None


class DiscoverRequest(Request):
    """Ask for a server's versions and capabilities (2026-07-28)."""

    method: Literal["server/discover"] = "server/discover"
    params: RequestParams | None = None


class DiscoverResult(CacheableResult):
    """Versions and capabilities of a server; its name is in `_meta` (`ResultMetaObject`)."""

    supportedVersions: list[str]
    capabilities: ServerCapabilities
    instructions: str | None = None


class UnsupportedProtocolVersionErrorData(WireModel):
    """`data` of the error UNSUPPORTED_PROTOCOL_VERSION (2026-07-28)."""

    supported: list[str]
    requested: str


class MissingRequiredClientCapabilityErrorData(WireModel):
    """`data` of the error MISSING_CLIENT_CAPABILITY (2026-07-28)."""

    requiredCapabilities: ClientCapabilities


# -- progress ------------------------------------------------------------------------------------
#
# Progress of a request, and its cancellation (spec, basic/utilities or basic/patterns).


class ProgressNotificationParams(NotificationParams):
    """Params of `notifications/progress`; `progress` grows with each, `message` since 2025-03-26."""

    progressToken: ProgressToken
    progress: Number
    total: Number | None = None
    message: str | None = None


class ProgressNotification(Notification):
    """The progress of a request."""

    method: Literal["notifications/progress"] = "notifications/progress"
    params: ProgressNotificationParams


class CancelledNotificationParams(NotificationParams):
    """Params of `notifications/cancelled`; 2025-11-25 allows `requestId` to be absent."""

    requestId: RequestId | None = None
    reason: str | None = None


class CancelledNotification(Notification):
    """The sender no longer needs the result of a request."""

    method: Literal["notifications/cancelled"] = "notifications/cancelled"
    params: CancelledNotificationParams
