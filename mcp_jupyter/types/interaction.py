# SPDX-License-Identifier: BSD-3-Clause
"""Requests of a server to its client: elicitation, roots, sampling, and `InputRequiredResult`.

Elicitation asks the user, with a form or a URL to visit (spec, client/elicitation). These models do not
check the user's answer against the form's schema.
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from .base import (
    BY_TYPE,
    JSONObject,
    Meta,
    Notification,
    NotificationParams,
    Number,
    Request,
    RequestParams,
    Result,
    Role,
    TaskAugmentedRequestParams,
    Uri,
    WireModel,
)
from .content import SamplingMessageContentBlock
from .tools import Tool

__all__ = [
    "URL_ELICITATION_REQUIRED",
    "BooleanSchema",
    "CreateMessageRequest",
    "CreateMessageRequestParams",
    "CreateMessageResult",
    "ElicitCompleteNotification",
    "ElicitCompleteNotificationParams",
    "ElicitRequest",
    "ElicitRequestFormParams",
    "ElicitRequestParams",
    "ElicitRequestURLParams",
    "ElicitRequestedSchema",
    "ElicitResult",
    "ElicitationRequiredErrorData",
    "EnumOption",
    "EnumSchema",
    "IncludeContext",
    "InputRequest",
    "InputRequests",
    "InputRequiredResult",
    "InputResponse",
    "InputResponses",
    "LegacyTitledEnumSchema",
    "ListRootsRequest",
    "ListRootsResult",
    "ModelHint",
    "ModelPreferences",
    "MultiSelectEnumSchema",
    "NumberSchema",
    "PrimitiveSchemaDefinition",
    "Root",
    "RootsListChangedNotification",
    "SamplingMessage",
    "SingleSelectEnumSchema",
    "StringSchema",
    "TitledEnumItems",
    "TitledMultiSelectEnumSchema",
    "TitledSingleSelectEnumSchema",
    "ToolChoice",
    "UntitledEnumItems",
    "UntitledMultiSelectEnumSchema",
    "UntitledSingleSelectEnumSchema",
]


URL_ELICITATION_REQUIRED: Final = -32042
"""Error code of 2025-11-25: the user must visit a URL first. Since 2026-07-28 it must not be sent."""


# ------------------------------------------------------------------------------- the fields of a form


class _FieldSchema(WireModel):
    title: str | None = None
    description: str | None = None


class StringSchema(_FieldSchema):
    """Text. `format` is one of `email`, `uri`, `date`, `date-time`."""

    type: Literal["string"] = "string"
    minLength: int | None = None
    maxLength: int | None = None
    format: str | None = None
    default: str | None = None


class NumberSchema(_FieldSchema):
    """A number or an integer."""

    type: Literal["number", "integer"]
    minimum: Number | None = None
    maximum: Number | None = None
    default: Number | None = None


class BooleanSchema(_FieldSchema):
    """Yes or no."""

    type: Literal["boolean"] = "boolean"
    default: bool | None = None


class EnumOption(WireModel):
    """One value to choose, and its title."""

    const: str
    title: str


class UntitledEnumItems(WireModel):
    """The values of a multiple choice."""

    type: Literal["string"] = "string"
    enum: list[str]


class TitledEnumItems(WireModel):
    """The values of a multiple choice, with titles."""

    anyOf: list[EnumOption]


class UntitledSingleSelectEnumSchema(_FieldSchema):
    """One of several values."""

    type: Literal["string"] = "string"
    enum: list[str]
    default: str | None = None


class TitledSingleSelectEnumSchema(_FieldSchema):
    """One of several values with titles (2025-11-25 and later)."""

    type: Literal["string"] = "string"
    oneOf: list[EnumOption]
    default: str | None = None


class UntitledMultiSelectEnumSchema(_FieldSchema):
    """Any of several values (2025-11-25 and later)."""

    type: Literal["array"] = "array"
    items: UntitledEnumItems
    minItems: int | None = None
    maxItems: int | None = None
    default: list[str] | None = None


class TitledMultiSelectEnumSchema(_FieldSchema):
    """Any of several values with titles (2025-11-25 and later)."""

    type: Literal["array"] = "array"
    items: TitledEnumItems
    minItems: int | None = None
    maxItems: int | None = None
    default: list[str] | None = None


class LegacyTitledEnumSchema(_FieldSchema):
    """One of several values, with titles beside them (2025-06-18; deprecated since)."""

    type: Literal["string"] = "string"
    enum: list[str]
    enumNames: list[str] | None = None
    default: str | None = None


SingleSelectEnumSchema: TypeAlias = UntitledSingleSelectEnumSchema | TitledSingleSelectEnumSchema
MultiSelectEnumSchema: TypeAlias = UntitledMultiSelectEnumSchema | TitledMultiSelectEnumSchema
EnumSchema: TypeAlias = SingleSelectEnumSchema | MultiSelectEnumSchema | LegacyTitledEnumSchema
PrimitiveSchemaDefinition: TypeAlias = EnumSchema | StringSchema | NumberSchema | BooleanSchema
"""One field of a form. `requestedSchema["properties"]` is a dict of them."""

ElicitRequestedSchema: TypeAlias = JSONObject
"""An object schema whose properties are `PrimitiveSchemaDefinition`s, kept as received."""


# ----------------------------------------------------------------------------- the request and its result


class ElicitRequestFormParams(TaskAugmentedRequestParams):
    """Ask for the values of a form. An absent `mode` means `form`; before 2025-11-25 it does not exist."""

    mode: Literal["form"] | None = None
    message: str
    requestedSchema: ElicitRequestedSchema


class ElicitRequestURLParams(TaskAugmentedRequestParams):
    """Ask the user to visit a URL. `elicitationId` exists in 2025-11-25 only, and is required there."""

    mode: Literal["url"] = "url"
    message: str
    url: str
    elicitationId: str | None = None


ElicitRequestParams: TypeAlias = ElicitRequestURLParams | ElicitRequestFormParams


class ElicitRequest(Request):
    """Ask the user. A request in the legacy versions; an input request since 2026-07-28."""

    method: Literal["elicitation/create"] = "elicitation/create"
    params: ElicitRequestParams


class ElicitResult(Result):
    """The user's action and, for an accepted form, the values entered."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, str | int | float | bool | list[str] | None] | None = None


class ElicitCompleteNotificationParams(NotificationParams):
    """Params of `notifications/elicitation/complete`."""

    elicitationId: str


class ElicitCompleteNotification(Notification):
    """The user has finished at the URL (2025-11-25 only, as ElicitationCompleteNotification)."""

    method: Literal["notifications/elicitation/complete"] = "notifications/elicitation/complete"
    params: ElicitCompleteNotificationParams


class ElicitationRequiredErrorData(WireModel):
    """`data` of the error URL_ELICITATION_REQUIRED (2025-11-25 only)."""

    elicitations: list[ElicitRequestURLParams]


# -- roots ---------------------------------------------------------------------------------------
#
# The folders that a client lists for a server (spec, client/roots; deprecated since 2026-07-28).


class Root(WireModel):
    """A folder or file; the URI begins with `file://`."""

    uri: Uri
    name: str | None = None
    meta: Meta = None


class ListRootsRequest(Request):
    """Ask for the roots. A request in the legacy versions; an input request since 2026-07-28."""

    method: Literal["roots/list"] = "roots/list"
    params: RequestParams | None = None


class ListRootsResult(Result):
    """The roots."""

    roots: list[Root]


class RootsListChangedNotification(Notification):
    """The roots changed (legacy versions)."""

    method: Literal["notifications/roots/list_changed"] = "notifications/roots/list_changed"
    params: NotificationParams | None = None


# -- sampling ------------------------------------------------------------------------------------
#
# A server asks the client's model for a message (spec, client/sampling).

IncludeContext: TypeAlias = Literal["none", "thisServer", "allServers"]
"""Which servers' context the client adds. All values but `none` are deprecated since 2025-11-25."""

_Block: TypeAlias = Annotated[SamplingMessageContentBlock, BY_TYPE]


class SamplingMessage(WireModel):
    """One message to or from the model: a block, or since 2025-11-25 a list of blocks."""

    role: Role
    content: _Block | list[_Block]
    meta: Meta = None

    @property
    def content_as_list(self) -> list[SamplingMessageContentBlock]:
        """The blocks, also where there is only one."""
        return self.content if isinstance(self.content, list) else [self.content]


class ModelHint(WireModel):
    """Part of the name of a suitable model, such as "claude" or "haiku"."""

    name: str | None = None


class ModelPreferences(WireModel):
    """How to choose a model: priorities from 0 to 1, and hints in order of preference."""

    hints: list[ModelHint] | None = None
    costPriority: Number | None = None
    speedPriority: Number | None = None
    intelligencePriority: Number | None = None


class ToolChoice(WireModel):
    """Whether the model may, must or must not use tools; absent means `auto`."""

    mode: Literal["auto", "required", "none"] | None = None


class CreateMessageRequestParams(TaskAugmentedRequestParams):
    """Params of `sampling/createMessage`."""

    messages: list[SamplingMessage]
    maxTokens: int
    modelPreferences: ModelPreferences | None = None
    systemPrompt: str | None = None
    includeContext: IncludeContext | None = None
    temperature: Number | None = None
    stopSequences: list[str] | None = None
    metadata: JSONObject | None = None
    tools: list[Tool] | None = None
    toolChoice: ToolChoice | None = None


class CreateMessageRequest(Request):
    """Ask for a message. A request in the legacy versions; an input request since 2026-07-28."""

    method: Literal["sampling/createMessage"] = "sampling/createMessage"
    params: CreateMessageRequestParams


class CreateMessageResult(Result):
    """The model's message. `stopReason` is an open set: `endTurn`, `maxTokens`, `toolUse` and others."""

    role: Role
    content: _Block | list[_Block]
    model: str
    stopReason: str | None = None

    @property
    def content_as_list(self) -> list[SamplingMessageContentBlock]:
        """The blocks, also where there is only one."""
        return self.content if isinstance(self.content, list) else [self.content]


# -- input required ------------------------------------------------------------------------------
#
# A result that asks the client for input first (2026-07-28, basic/patterns, multi-round-trip requests).
#
# The server signs `requestState`; the client fulfils the input requests.

InputRequest: TypeAlias = ElicitRequest | CreateMessageRequest | ListRootsRequest
"""A request of the server, without an id, as a member of a result."""

InputRequests: TypeAlias = dict[str, Annotated[InputRequest, Field(discriminator="method")]]
"""The input requests, under keys that the server chooses."""

InputResponse: TypeAlias = ElicitResult | CreateMessageResult | ListRootsResult

InputResponses: TypeAlias = dict[str, InputResponse]
"""The responses, under the keys of the input requests."""


class InputRequiredResult(Result):
    """Send the request again with responses and `requestState` unchanged. At least one member is present."""

    resultType: str = "input_required"
    inputRequests: InputRequests | None = None
    requestState: str | None = None
