# SPDX-License-Identifier: BSD-3-Clause
"""Elicitation: a server asks the person, by a form or by sending them to a URL (spec, client/elicitation).

Owns the shapes of the questions and of the answer. Does not check an answer against its form.
"""

from typing import Final, Literal, TypeAlias

from ._base import (
    JSONObject,
    Notification,
    NotificationParams,
    Number,
    Request,
    Result,
    TaskAugmentedRequestParams,
    WireModel,
)

__all__ = [
    "URL_ELICITATION_REQUIRED",
    "BooleanSchema",
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
    "LegacyTitledEnumSchema",
    "MultiSelectEnumSchema",
    "NumberSchema",
    "PrimitiveSchemaDefinition",
    "SingleSelectEnumSchema",
    "StringSchema",
    "TitledEnumItems",
    "TitledMultiSelectEnumSchema",
    "TitledSingleSelectEnumSchema",
    "UntitledEnumItems",
    "UntitledMultiSelectEnumSchema",
    "UntitledSingleSelectEnumSchema",
]

URL_ELICITATION_REQUIRED: Final = -32042
"""Error code of 2025-11-25: a URL must be visited first. Must not be sent since 2026-07-28."""


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
    """A value to choose and what to call it."""

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
"""One field of a form. Read `requestedSchema["properties"]` as a dict of these to draw the form."""

ElicitRequestedSchema: TypeAlias = JSONObject
"""An object schema whose properties are `PrimitiveSchemaDefinition`s, kept verbatim."""


# ---------------------------------------------------------------------------- the question and the answer


class ElicitRequestFormParams(TaskAugmentedRequestParams):
    """Asks for values. An absent `mode` means `form`; before 2025-11-25 it does not exist."""

    mode: Literal["form"] | None = None
    message: str
    requestedSchema: ElicitRequestedSchema


class ElicitRequestURLParams(TaskAugmentedRequestParams):
    """Asks the person to visit a URL. `elicitationId` exists in 2025-11-25 only, and is required there."""

    mode: Literal["url"] = "url"
    message: str
    url: str
    elicitationId: str | None = None


ElicitRequestParams: TypeAlias = ElicitRequestURLParams | ElicitRequestFormParams


class ElicitRequest(Request):
    """Ask the person. A request of the legacy versions; an input request since 2026-07-28."""

    method: Literal["elicitation/create"] = "elicitation/create"
    params: ElicitRequestParams


class ElicitResult(Result):
    """What the person did, and for an accepted form what they entered."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, str | int | float | bool | list[str] | None] | None = None


class ElicitCompleteNotificationParams(NotificationParams):
    """Params of `notifications/elicitation/complete`."""

    elicitationId: str


class ElicitCompleteNotification(Notification):
    """The person is done at the URL (2025-11-25 only, as ElicitationCompleteNotification)."""

    method: Literal["notifications/elicitation/complete"] = "notifications/elicitation/complete"
    params: ElicitCompleteNotificationParams


class ElicitationRequiredErrorData(WireModel):
    """`data` of the error URL_ELICITATION_REQUIRED (2025-11-25 only)."""

    elicitations: list[ElicitRequestURLParams]
