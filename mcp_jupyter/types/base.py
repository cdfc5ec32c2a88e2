# SPDX-License-Identifier: BSD-3-Clause
"""Define the base class of all wire models, ids, and the common members of params and results.

The base class decides how a model reads and writes JSON: names, unknown members, `null`. Attributes have the
names of the wire, with one exception: `_meta` is the attribute `meta`. One model serves all five versions;
on receipt it is never stricter than the specification.

The files of this folder do not postpone their annotations (PEP 563): pydantic would compile each of them
back from text, a quarter of the import time.
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
"""Id of a request. Strict, so that `true` and `1.0` are not read as 1 (JSON-RPC 2.0, section 4)."""

ProgressToken: TypeAlias = Annotated[int, Field(strict=True)] | str
"""Chosen by the requester to receive progress; each progress notification repeats it."""

Cursor: TypeAlias = str
"""Opaque position in a list."""


def _uri_text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    from pydantic import AnyUrl  # here: its module takes 20 ms to import

    return str(value) if isinstance(value, AnyUrl) else value


Uri: TypeAlias = Annotated[str, BeforeValidator(_uri_text)]
"""A URI as plain text. A pydantic `AnyUrl`, which the first-generation SDK uses, is converted to text."""

Number: TypeAlias = int | float
"""A JSON number. The union keeps 1 an integer and a large integer exact."""

JSONObject: TypeAlias = dict[str, Any]

# `validation_alias`, not `alias`: type checkers then take `meta=` as the constructor's argument.
Meta: TypeAlias = Annotated[JSONObject | None, Field(validation_alias="_meta", serialization_alias="_meta")]

Flag: TypeAlias = Annotated[bool, BeforeValidator(lambda value: False if value is None else value)]
"""A boolean that is false when it is absent or `null`."""

BY_TYPE = Field(discriminator="type")
"""For unions of models that differ by `type`: one lookup, and an error about one model instead of all."""


class WireModel(BaseModel):
    """Base of all wire models.

    Unknown members are kept and sent on, except those that are `null`: the package serialises with
    `exclude_none`, and for an optional member `null` means the same as absence.

    Schemas are built when a class is first used; building all at import would cost a third of a second.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=True, serialize_by_alias=True, defer_build=True)

    @classmethod
    def from_wire(cls, data: Any) -> Self:
        """Validate JSON that the peer sent.

        Unlike `model_validate`, it accepts the wire's names only: an unknown member called `meta` stays an
        unknown member and is not read as `_meta`.

        Raises
        ------
        pydantic.ValidationError
            The data does not fit the model.
        """
        return cls.model_validate(data, by_name=False)


class NullableWireModel(WireModel):
    """A model with members whose `null` is a value and must be sent.

    `exclude_none` would drop them. A member named in `nullable`, or unknown, is written as `null` when it
    was given as None, and left out when it was not given. A member named in `implied` has a default, and is
    left out when it was not given. A dump takes 2 microseconds longer and copies the content, so only models
    that need this derive from it.
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
    """`_meta` of a request. The members that 2026-07-28 added are kept here as extra members, unvalidated.

    `RequestMetaObject` is a typed view of them.
    """

    progressToken: ProgressToken | None = None


class RequestParams(WireModel):
    """Params that every request may have."""

    meta: Annotated[RequestMeta | None, Field(validation_alias="_meta", serialization_alias="_meta")] = None


class NotificationParams(WireModel):
    """Params that every notification may have."""

    meta: Meta = None


class Request(WireModel):
    """A method and its params. `id` and `jsonrpc` belong to the envelope (`JSONRPCRequest`).

    The params are a dict where the method has no class of its own.
    """

    method: str
    params: JSONObject | RequestParams | None = None


class Notification(WireModel):
    """A method and its params, without a response."""

    method: str
    params: JSONObject | NotificationParams | None = None

    @property
    def root(self) -> Self:
        """The notification itself: the first-generation SDK passes notifications in a wrapper with `root`."""
        return self


class Result(WireModel):
    """Members that every result may have.

    `resultType` exists since 2026-07-28; absent means `complete` (basic, "Results"). The set is open:
    extensions add values. The sender's protocol version, not this model, decides whether it is written.
    """

    meta: Meta = None
    resultType: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether this is the final result, rather than `input_required` or a task."""
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
    """One page of a list. The last page has no `nextCursor`."""

    nextCursor: Cursor | None = None


class TaskMetadata(WireModel):
    """Ask to run a request as a task that is kept for `ttl` milliseconds (2025-11-25, experimental)."""

    ttl: int | None = None


class TaskAugmentedRequestParams(RequestParams):
    """Params of a request that may run as a task (2025-11-25, experimental)."""

    task: TaskMetadata | None = None


class InputResponseRequestParams(RequestParams):
    """Params of a request that may be a retry with responses to an `InputRequiredResult` (2026-07-28).

    The responses are kept as received: the type of each depends on the input request with the same key, and
    responses without an input request are ignored, valid or not. `InputResponses` is their type.
    """

    inputResponses: JSONObject | None = None
    requestState: str | None = None


# -- metadata ------------------------------------------------------------------------------------
#
# Names, titles, icons and annotations: what a host shows to the user.

Role: TypeAlias = Literal["user", "assistant"]
"""Sender or addressee of a message in a conversation with a model."""


class Annotations(WireModel):
    """Hints for the client: the audience of content, its priority (0 to 1), when it changed (ISO 8601)."""

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
