# SPDX-License-Identifier: BSD-3-Clause
"""Parse and serialise JSON-RPC 2.0 messages: bytes to frames, and frames to bytes.

Each message is parsed once and serialised once. The number of lists and objects in it is checked before it is
parsed. Params and results stay plain dicts here; the handler of a method validates its params. Methods,
versions and transports are left to other modules.

Source: JSON-RPC 2.0; MCP narrows ids to string or integer, and params to an object (spec, basic).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeAlias, TypeGuard

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, from_json, to_json

from ..errors import INVALID_REQUEST, PARSE_ERROR, FrameError, TooManyContainers
from .limits import MAX_CONTAINERS, MAX_REQUEST_ID_CHARS
from .rights import Rights

__all__ = [
    "ErrorResponse",
    "Frame",
    "Headers",
    "Message",
    "Notification",
    "Request",
    "RequestId",
    "Response",
    "Serialised",
    "UnparsedResponse",
    "classify",
    "decode",
    "dumps",
    "dumps_with_serialised",
    "encode",
    "has_too_many_containers",
    "is_request_id",
    "matching_id",
    "parse",
    "parse_trusted",
    "without_surrogates",
]

RequestId: TypeAlias = int | str

_COUNTED_CHUNK_BYTES: Final = 64 * 1024
"""How much is split at once while containers are counted. Splitting 4 MiB at once would take 75 MiB."""

_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
"""An integer as JSON writes it. `007` does not match."""

_ESCAPED_SURROGATE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*+)"  # backslashes that escape each other
    rb"(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""A surrogate pair, which is a character (group 2), or a lone surrogate."""

_RAW_SURROGATE: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")

_PLACE: Final = secrets.token_hex(16)
"""Stands for a `Serialised` value while a frame is written. It is random, so that no value contains it."""

_NOT_COUNTED: Final = bytes(set(range(256)) - set(b'"[{'))


@dataclass(frozen=True, slots=True)
class Request:
    """A message that requires a response."""

    id: RequestId
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notification:
    """A message without a response."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """The result of a request: a dict when received, a dict or model when sent."""

    id: RequestId
    result: Any


class UnparsedResponse(Response):
    """A response as bytes, whose result is parsed on first access.

    The Jupyter Server passes most responses of a kernel on unread, and some are large.

    Parameters
    ----------
    id_ : RequestId
        The id that the envelope gives.
    raw : bytes
        The JSON of the whole response.

    Attributes
    ----------
    result : dict
        The result.
    """

    __slots__ = ("_parsed", "_raw")

    _parsed: Any
    _raw: bytes

    def __init__(self, id_: RequestId, raw: bytes) -> None:
        object.__setattr__(self, "id", id_)
        object.__setattr__(self, "_raw", raw)
        object.__setattr__(self, "_parsed", None)

    @property
    def result(self) -> Any:
        """The result.

        Raises
        ------
        FrameError
            The bytes are not a response with this id.
        """
        if self._parsed is None:
            try:
                frame = classify(parse_trusted(self._raw))
            except FrameError as exc:
                raise FrameError(exc.code, exc.message, self.id) from None
            if not isinstance(frame, Response) or frame.id != self.id:
                raise FrameError(INVALID_REQUEST, "A response is not what its envelope says.", self.id)
            object.__setattr__(self, "_parsed", frame.result)
        return self._parsed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Response) and (self.id, self.result) == (other.id, other.result)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The error of a request. The id is None when that of the request could not be read."""

    id: RequestId | None
    error: Mapping[str, Any]


Frame: TypeAlias = Request | Notification | Response | ErrorResponse

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order received. A name may occur more than once."""


@dataclass(frozen=True, slots=True)
class Message:
    """A frame with its JSON text and the data that travels with it in an envelope.

    Attributes
    ----------
    frame : Frame
        The parsed message.
    raw : bytes
        Its JSON on one line.
    related : RequestId or None
        The id of the receiver's request during which this message was sent. It tells an HTTP front on which
        POST's stream to send a notification.
    sender : str
        The principal, as the HTTP front authenticated it. Data kept for one principal is given to no other.
        Empty where a channel has a single principal.
    headers : Headers or None
        The `Mcp-Param-` headers of a call, with names in lower case. The HTTP front lacks the tools' schemas,
        so the server checks them. None where the transport has no headers.
    rights : Rights or None
        The sender's rights, for a call of a tool that may call others. None where the front sets none.
    label : str
        The name that the user gave the sender: a token's label. Only for people to read.
    """

    frame: Frame
    raw: bytes
    related: RequestId | None = None
    sender: str = ""
    headers: Headers | None = None
    rights: Rights | None = None
    label: str = ""

    @classmethod
    def of(cls, frame: Frame, related: RequestId | None = None) -> Message:
        """A frame ready to be sent."""
        return cls(frame, encode(frame), related)


def is_request_id(value: Any) -> TypeGuard[RequestId]:
    """Whether `value` is a valid id: an integer or a string of bounded length."""
    if type(value) is int:
        return True
    return type(value) is str and len(value) <= MAX_REQUEST_ID_CHARS


def matching_id(id_: RequestId, known: Collection[RequestId]) -> RequestId | None:
    """Find the request that a response with this id answers. Some peers send 7 back as "7", or "7" as 7.

    Parameters
    ----------
    id_ : RequestId
        The id of the response.
    known : collection of RequestId
        Ids of the requests in flight. An equal id is preferred to one of the other type.

    Returns
    -------
    RequestId or None
        The id of the request; None when there is none.
    """
    if id_ in known:
        return id_
    if isinstance(id_, int):
        alike: RequestId = str(id_)
    elif _NUMBER.fullmatch(id_):
        alike = int(id_)
    else:
        return None
    return alike if alike in known else None


def parse(data: bytes | bytearray | str) -> Any:
    """Parse JSON text from outside.

    Raises
    ------
    TooManyContainers
        The text has more than `MAX_CONTAINERS` lists and objects. It was not parsed.
    FrameError
        PARSE_ERROR, when the text is not JSON.
    """
    if has_too_many_containers(data):
        raise TooManyContainers(
            INVALID_REQUEST, f"The message has more than {MAX_CONTAINERS:,} lists and objects."
        )
    return parse_trusted(data)


def parse_trusted(data: bytes | bytearray | str) -> Any:
    """Parse JSON text that this process, or the program of the same user that sent it, has checked.

    NaN and infinities are refused, and the parser bounds the depth. A lone surrogate becomes U+FFFD, as in
    `dumps`: the peer has cut a text within a character, and would otherwise get an error for it.

    Raises
    ------
    FrameError
        PARSE_ERROR, when the text is not JSON.
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as exc:
        mended = _with_whole_characters(data)
        if mended is not None:
            with suppress(ValueError):
                return from_json(mended, allow_inf_nan=False)
        raise FrameError(PARSE_ERROR, f"The message is not valid JSON: {exc}") from None


def _with_whole_characters(text: bytes | bytearray) -> bytes | None:
    """Replace each lone surrogate in JSON text, escaped or not, by U+FFFD; return None if there is none."""
    mended = _ESCAPED_SURROGATE.sub(lambda found: found[1] + (found[2] or rb"\ufffd"), text)
    mended = _RAW_SURROGATE.sub("\ufffd".encode(), mended)
    return None if mended == text else mended


def has_too_many_containers(data: bytes | bytearray | str) -> bool:
    """Whether a JSON text opens more than `MAX_CONTAINERS` lists and objects, without parsing it.

    Brackets within strings do not count, because source code has many. In a text that is not JSON the count
    is right up to the first error, where a parser stops.

    The time is linear in the length of `data`; the memory is at most twice its length.
    """
    if len(data) <= MAX_CONTAINERS:
        return False
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if text.count(b"[") + text.count(b"{") <= MAX_CONTAINERS:
        return False
    return _count_outside_strings(text) > MAX_CONTAINERS


def _count_outside_strings(text: bytes | bytearray) -> int:
    """Count `[` and `{` outside of strings, at most one chunk beyond `MAX_CONTAINERS`.

    It uses only methods of bytes, which run at C speed. They remove escapes (backslashes occur only in
    strings), then all but quotes and brackets, then each pair of adjacent quotes, which moves no bracket into
    or out of a string.
    """
    skeleton = (
        text.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_COUNTED).replace(b'""', b"")
    )
    count = in_string = 0
    for start in range(0, len(skeleton), _COUNTED_CHUNK_BYTES):
        parts = skeleton[start : start + _COUNTED_CHUNK_BYTES].split(b'"')
        count += sum(map(len, parts[in_string::2]))
        in_string ^= (len(parts) - 1) & 1
        if count > MAX_CONTAINERS:
            break
    return count


def classify(value: Any) -> Frame:
    """Convert a parsed JSON value to a frame.

    Raises
    ------
    FrameError
        INVALID_REQUEST, with the message's id where that is valid.
    """
    if type(value) is not dict:
        raise FrameError(INVALID_REQUEST, "A message must be a JSON object.")
    id_ = value.get("id")
    known = id_ if is_request_id(id_) else None
    if value.get("jsonrpc") != "2.0":
        raise FrameError(INVALID_REQUEST, 'A message must have "jsonrpc": "2.0".', known)
    if "method" in value:
        return _call(value, known)
    if type(id_) is float and id_.is_integer():  # from languages with a single type of number
        id_ = known = int(id_)
    return _answer(value, id_, known)


def _answer(value: dict[str, Any], id_: Any, known: RequestId | None) -> Response | ErrorResponse:
    """Return a response or an error response. Of `result` and `error` one may be null, which is ignored."""
    if "result" in value and value.get("error") is None:
        if known is None:
            raise FrameError(INVALID_REQUEST, "A response must have the id of its request.")
        if type(value["result"]) is not dict:
            raise FrameError(INVALID_REQUEST, "A result must be a JSON object.", known)
        return Response(known, value["result"])
    if "error" in value and value.get("result") is None:
        return _error(value["error"], id_, known)
    raise FrameError(INVALID_REQUEST, 'A message must have one of "method", "result" and "error".', known)


def _call(value: dict[str, Any], known: RequestId | None) -> Request | Notification:
    method, params = value["method"], value.get("params")
    if type(method) is not str or "result" in value or "error" in value:
        raise FrameError(INVALID_REQUEST, "A method must be a string, without result or error.", known)
    if params is None:
        params = {}
    if type(params) is not dict:
        raise FrameError(INVALID_REQUEST, "Params must be a JSON object.", known)
    if "id" not in value:
        return Notification(method, params)
    if known is None:
        raise FrameError(
            INVALID_REQUEST,
            f"A request id must be a string (at most {MAX_REQUEST_ID_CHARS} characters) or an integer.",
        )
    return Request(known, method, params)


def _error(error: Any, id_: Any, known: RequestId | None) -> ErrorResponse:
    if type(error) is not dict or type(error.get("code")) is not int:
        raise FrameError(INVALID_REQUEST, "An error must be an object with an integer code.", known)
    if known is None and id_ is not None:
        raise FrameError(INVALID_REQUEST, "An error response must have the id of its request, or null.")
    return ErrorResponse(known, error)


def decode(data: bytes | bytearray | str) -> Frame:
    """Convert JSON text from outside to a frame: `parse`, then `classify`."""
    return classify(parse(data))


class Serialised:
    """A JSON value with its text, which `encode` copies into the frame.

    This saves serialising a large result twice.
    """

    __slots__ = ("text", "value")

    def __init__(self, value: Any, text: bytes) -> None:
        self.value = value
        self.text = text


def dumps(value: Any, fallback: Callable[[Any], Any] | None = None) -> bytes:
    """Serialise Python values and models to one line of JSON in UTF-8.

    Model fields that are None are left out; NaN and infinities become null (JSON has neither); a lone
    surrogate becomes U+FFFD, because an error would lose the whole message.

    Parameters
    ----------
    value : Any
        A JSON value, in which models may occur.
    fallback : callable, optional
        Takes an object without a JSON form, and returns the value to write in its place.

    Raises
    ------
    TypeError
        Something in `value` has no JSON form.
    """
    try:
        return to_json(value, by_alias=True, exclude_none=True, inf_nan_mode="null", fallback=fallback)
    except (ValueError, RecursionError) as exc:  # pydantic's error is a ValueError
        if "surrogates not allowed" not in str(exc):
            raise TypeError(f"The value cannot be written as JSON: {exc}") from None
    try:
        value = without_surrogates(value)
        return to_json(value, by_alias=True, exclude_none=True, inf_nan_mode="null", fallback=fallback)
    except (ValueError, RecursionError) as exc:
        raise TypeError(f"The value cannot be written as JSON: {exc}") from None


def without_surrogates(value: Any) -> Any:
    """Return a copy of a JSON value with U+FFFD for each lone surrogate."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, BaseModel):
        value = value.model_dump(by_alias=True, exclude_none=True)
    if isinstance(value, Mapping):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_surrogates(item) for item in value]
    return value


def encode(frame: Frame) -> bytes:
    """Serialise a frame to one line of JSON.

    Raises
    ------
    TypeError
        Params or result hold something that has no JSON form.
    """
    if isinstance(frame, Response):
        return dumps_with_serialised({"jsonrpc": "2.0", "id": frame.id, "result": frame.result})
    if isinstance(frame, Request):
        return dumps({"jsonrpc": "2.0", "id": frame.id, "method": frame.method, "params": frame.params})
    if isinstance(frame, Notification):
        return dumps_with_serialised({"jsonrpc": "2.0", "method": frame.method, "params": frame.params})
    return dumps({"jsonrpc": "2.0", "id": frame.id, "error": frame.error})


def dumps_with_serialised(value: Any) -> bytes:
    """Serialise a value as `dumps` does, and copy the text of `Serialised` values in it."""
    copied: list[bytes] = []

    def place(part: Any) -> str:
        if not isinstance(part, Serialised):
            raise PydanticSerializationError(f"Unable to serialize unknown type: {type(part)}")
        copied.append(part.text)
        return _PLACE

    text = dumps(value, place)
    if not copied:
        return text
    between = text.split(b'"%b"' % _PLACE.encode())
    parts = copied[1 - len(between) :]  # `dumps` writes a text with surrogates twice: take the last parts
    return b"".join(chain.from_iterable(zip(between, [*parts, b""], strict=True)))
