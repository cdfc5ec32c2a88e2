# SPDX-License-Identifier: BSD-3-Clause
"""What every wire model is made of: the base class, ids, and the envelopes of params and results.

Owns how a model meets JSON: names, unknown members, `null`. Knows no feature of the protocol.

Attributes carry the names of the wire, with one exception: `_meta` is the attribute `meta`. One model
serves all five versions; it is never stricter on receipt than the specification.

No file of this folder postpones its annotations (PEP 563): pydantic would compile each of them back from
text, a quarter of the time the import takes.
"""

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

__all__ = [
    "Annotations",
    "BaseMetadata",
    "CacheableResult",
    "Cursor",
    "Icon",
    "InputResponseRequestParams",
    "Notification",
    "NotificationParams",
    "PaginatedRequest",
    "PaginatedRequestParams",
    "PaginatedResult",
    "ProgressToken",
    "Request",
    "RequestId",
    "RequestMeta",
    "RequestParams",
    "Result",
    "Role",
    "TaskAugmentedRequestParams",
    "TaskMetadata",
    "Uri",
    "WireModel",
]


RequestId: TypeAlias = Annotated[int, Field(strict=True)] | str
"""Id of a request. Strict, so that `true` and `1.0` are not taken for 1 (JSON-RPC 2.0, section 4)."""

ProgressToken: TypeAlias = Annotated[int, Field(strict=True)] | str
"""Chosen by the requester that wants progress; each progress notification repeats it."""

Cursor: TypeAlias = str
"""Opaque position in a list."""


def _uri_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    from pydantic import AnyUrl  # here: its module takes 20 ms to import

    return str(value) if isinstance(value, AnyUrl) else value


Uri: TypeAlias = Annotated[str, BeforeValidator(_uri_text)]
"""A URI as plain text; a pydantic `AnyUrl`, as the first-generation SDK has it, is taken for its text."""

Number: TypeAlias = int | float
"""A JSON number. The union keeps 1 an integer and a large integer exact."""

JSONObject: TypeAlias = dict[str, Any]

# `validation_alias`, not `alias`: type checkers then take `meta=` as the constructor's argument.
Meta: TypeAlias = Annotated[JSONObject | None, Field(validation_alias="_meta", serialization_alias="_meta")]

Flag: TypeAlias = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
"""A boolean that is false where it is absent, or `null`."""

BY_TYPE = Field(discriminator="type")
"""For unions of models told apart by `type`: one lookup, and an error about one model, not about all."""


class WireModel(BaseModel):
    """Base of everything that travels.

    Unknown members are kept and sent on, except those that are `null`: the package serialises with
    `exclude_none`, and for an optional member `null` says the same as absence.

    Schemas are built when a class is first used; building all at import would cost a third of a second.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=True, serialize_by_alias=True, defer_build=True)

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """Read what the other side sent.

        Unlike `model_validate` it does not accept the attribute's name for the wire's name: a foreign
        member called `meta` stays a foreign member and is not taken for `_meta`.

        Raises
        ------
        pydantic.ValidationError
            The data does not fit the model.
        """
        return cls.model_validate(data, by_name=False)


class NullableWireModel(WireModel):
    """A model with members whose `null` is a value and must be sent.

    `exclude_none` would drop them. A member named in `nullable`, or unknown, is written as `null` when it
    was given as None, and left out when it was not given; one named in `implied` has a default, and is left
    out when it was not given. Costs two microseconds a dump and a copy of the content, so it is for models
    that need it.
    """

    nullable: ClassVar[frozenset[str]] = frozenset()
    implied: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _keep_nulls(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        data: dict[str, Any] = handler(self)
        given = self.__pydantic_fields_set__
        for name in self.nullable:
            if name in given and getattr(self, name) is None:
                data[name] = None
        for name in self.implied:
            if name not in given:
                data.pop(name, None)
        if extra := self.__pydantic_extra__:
            data.update({name: None for name, value in extra.items() if value is None})
        return data


class RequestMeta(NullableWireModel):
    """`_meta` of a request. The members of the 2026-07-28 envelope stay unread here, as extra members.

    See `RequestMetaObject` for a typed view of them.
    """

    progressToken: ProgressToken | None = None


class RequestParams(WireModel):
    """Params every request may have."""

    meta: Annotated[RequestMeta | None, Field(validation_alias="_meta", serialization_alias="_meta")] = None


class NotificationParams(WireModel):
    """Params every notification may have."""

    meta: Meta = None


class Request(WireModel):
    """A method and its params. `id` and `jsonrpc` belong to the envelope (`JSONRPCRequest`).

    Of a method without a class of its own the params are a dict.
    """

    method: str
    params: JSONObject | RequestParams | None = None


class Notification(WireModel):
    """A method and its params; no answer is expected."""

    method: str
    params: JSONObject | NotificationParams | None = None

    @property
    def root(self) -> Self:
        """The notification itself: the first-generation SDK hands notifications out in a wrapper."""
        return self


class Result(WireModel):
    """What every result may have.

    `resultType` exists since 2026-07-28; absent means `complete` (basic, "Results"). The set is open:
    extensions add values. The sender's protocol version decides whether it is written, not this model.
    """

    meta: Meta = None
    resultType: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether this is the final answer, and neither `input_required` nor a task."""
        return self.resultType is None or self.resultType == "complete"


class CacheableResult(Result):
    """A result a client may keep for `ttlMs` milliseconds (required since 2026-07-28)."""

    ttlMs: int | None = None
    cacheScope: Literal["public", "private"] | None = None


class PaginatedRequestParams(RequestParams):
    """Params of a request for one page of a list."""

    cursor: Cursor | None = None


class PaginatedRequest(Request):
    """A request for one page of a list."""

    params: PaginatedRequestParams | None = None


class PaginatedResult(Result):
    """One page of a list; no `nextCursor` on the last."""

    nextCursor: Cursor | None = None


class TaskMetadata(WireModel):
    """Asks that a request be run as a task kept for `ttl` milliseconds (2025-11-25, experimental)."""

    ttl: int | None = None


class TaskAugmentedRequestParams(RequestParams):
    """Params of a request that may be run as a task (2025-11-25, experimental)."""

    task: TaskMetadata | None = None


class InputResponseRequestParams(RequestParams):
    """Params of a request that may be a retry with answers to an `InputRequiredResult` (2026-07-28).

    The answers are left as received: which result each must be depends on what was asked under its key,
    and answers nobody asked for are ignored, whatever they are. `InputResponses` is their type.
    """

    inputResponses: JSONObject | None = None
    requestState: str | None = None


# -- metadata ------------------------------------------------------------------------------------
#
# What names and describes things for people: titles, icons, annotations. Knows none of the things.

Role: TypeAlias = Literal["user", "assistant"]
"""Sender or addressee of a message in a conversation with a model."""


class Annotations(WireModel):
    """Hints for the client: for whom content is, how much it matters (0 to 1), when it changed (ISO 8601)."""

    audience: list[Role] | None = None
    priority: Number | None = None
    lastModified: str | None = None


class Icon(WireModel):
    """An image to show beside a name. `src` is an `https:` or `data:` URI; `sizes` as in "48x48", "any"."""

    src: str
    mimeType: str | None = None
    sizes: list[str] | None = None
    theme: Literal["light", "dark"] | None = None


class BaseMetadata(WireModel):
    """A name for programs and, since 2025-06-18, a title for people."""

    name: str
    title: str | None = None
