# SPDX-License-Identifier: BSD-3-Clause
"""JSON-RPC 2.0 messages: from bytes to a routed frame, and from a frame to bytes.

Owns parsing (once), the bound on what is parsed, the rules for ids, and serialising (once). Knows no
method, no version and no transport. Params and results stay plain dicts here; the handler of a method
validates its params.

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
"""How much is split at once while containers are counted: the parts of 4 MiB would take 75 MiB."""

_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}", re.ASCII)
"""A number as JSON writes it: `007` is a text."""

_ESCAPED_SURROGATE: Final = re.compile(
    rb"(?<!\\)((?:\\\\)*+)"  # backslashes that escape each other
    rb"(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""A pair of surrogates, which is a character (group 2), or a lone one."""

_RAW_SURROGATE: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")

_PLACE: Final = secrets.token_hex(16)
"""Stands for a `Serialised` value while a frame is written. Nobody outside of the process can know it."""

_NOT_COUNTED: Final = bytes(set(range(256)) - set(b'"[{'))


@dataclass(frozen=True, slots=True)
class Request:
    """A call that wants an answer."""

    id: RequestId
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that wants no answer."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """The result of a request: a dict as received, or a model on its way out."""

    id: RequestId
    result: Any


class UnparsedResponse(Response):
    """A response as bytes: its result is parsed when it is first asked for.

    Between a kernel and its Jupyter Server most responses are only passed on, and some are large.

    Attributes
    ----------
    result : dict

    Parameters
    ----------
    raw : bytes
        The JSON of the whole response.
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
    """The error a request ended in; the id is None when the request's own could not be read."""

    id: RequestId | None
    error: Mapping[str, Any]


Frame: TypeAlias = Request | Notification | Response | ErrorResponse

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order received; a name may stand there twice."""


@dataclass(frozen=True, slots=True)
class Message:
    """A frame, its JSON on one line, and the request of the *receiver's* that it belongs to.

    `related` is what lets an HTTP front put a notification on the stream of the POST it belongs to:
    the id of the request, made by the side that receives this message, in whose course it was sent.

    `sender` is who sent it, as the front that let it in knows him: what is kept for one sender is given
    to no other. Empty where a channel has one sender only.

    `headers` are the `Mcp-Param-` headers of a call, by names in lower case: the front that received them
    knows no tool's schema, so they travel to where it is known. None where the transport has no headers.

    `rights` are the sender's, with a call of a tool that may stand for others. None where the front does not
    say.
    """

    frame: Frame
    raw: bytes
    related: RequestId | None = None
    sender: str = ""
    headers: Headers | None = None
    rights: Rights | None = None

    @classmethod
    def of(cls, frame: Frame, related: RequestId | None = None) -> Message:
        """A frame ready to be sent."""
        return cls(frame, encode(frame), related)


def is_request_id(value: Any) -> TypeGuard[RequestId]:
    """Whether `value` may stand as an id: a string or an integer, no boolean, float or null."""
    if type(value) is int:
        return True
    return type(value) is str and len(value) <= MAX_REQUEST_ID_CHARS


def matching_id(id_: RequestId, known: Collection[RequestId]) -> RequestId | None:
    """Find the request that a response with this id answers: some peers send back 7 as "7", or "7" as 7.

    Parameters
    ----------
    known : collection of RequestId
        Ids of the requests in flight. One that is equal goes before one that is only written alike.
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

    Strict: no NaN, depth bounded by the parser. A lone surrogate becomes U+FFFD, as in what we write: the
    other side has cut a text within a character, and waits for an answer.

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
    """JSON text with U+FFFD for each lone surrogate, escaped or not; None when it has none."""
    mended = _ESCAPED_SURROGATE.sub(lambda found: found[1] + (found[2] or rb"\ufffd"), text)
    mended = _RAW_SURROGATE.sub("\ufffd".encode(), mended)
    return None if mended == text else mended


def has_too_many_containers(data: bytes | bytearray | str) -> bool:
    """Whether a JSON text opens more than `MAX_CONTAINERS` lists and objects, without parsing it.

    Brackets within strings do not count: the source of a program has many. A text that is not JSON is counted
    rightly up to its first error, which is as far as a parser reads.

    The time is linear in the length of `data`; the memory is at most twice its length.
    """
    if len(data) <= MAX_CONTAINERS:
        return False
    text = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if text.count(b"[") + text.count(b"{") <= MAX_CONTAINERS:
        return False
    return _count_outside_strings(text) > MAX_CONTAINERS


def _count_outside_strings(text: bytes | bytearray) -> int:
    """Count `[` and `{` outside of strings, as far as one chunk beyond `MAX_CONTAINERS`.

    Only methods of bytes, which run at C speed: escapes go first (backslashes stand only in strings), then
    all but quotes and brackets, then each pair of adjacent quotes, which moves no bracket into or out of a
    string.
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
    """The frame that a parsed JSON value is.

    Raises
    ------
    FrameError
        INVALID_REQUEST, with the request's id where it can be read.
    """
    if type(value) is not dict:
        raise FrameError(INVALID_REQUEST, "A message must be a JSON object.")
    id_ = value.get("id")
    known = id_ if is_request_id(id_) else None
    if value.get("jsonrpc") != "2.0":
        raise FrameError(INVALID_REQUEST, 'A message must have "jsonrpc": "2.0".', known)
    if "method" in value:
        return _call(value, known)
    if type(id_) is float and id_.is_integer():  # as languages with one kind of number write it
        id_ = known = int(id_)
    return _answer(value, id_, known)


def _answer(value: dict[str, Any], id_: Any, known: RequestId | None) -> Response | ErrorResponse:
    """A result or an error; where both are there, the one that is null does not count."""
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
    """Bytes from outside to a frame: `parse`, then `classify`."""
    return classify(parse(data))


class Serialised:
    """A JSON value that has been written out: `encode` copies its text, wherever in a frame it stands.

    Writing a large result a second time costs as much as the first.
    """

    __slots__ = ("text", "value")

    def __init__(self, value: Any, text: bytes) -> None:
        self.value = value
        self.text = text


def dumps(value: Any, fallback: Callable[[Any], Any] | None = None) -> bytes:
    """Python values and models to one line of JSON, UTF-8.

    Model fields that are None are left out; NaN and infinities become null (JSON has neither); a lone
    surrogate becomes U+FFFD rather than no answer at all.

    Parameters
    ----------
    fallback : callable, optional
        Takes what has no JSON form, and returns what is written in its place.

    Raises
    ------
    TypeError
        When something in `value` has no JSON form.
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
    """A JSON value with U+FFFD for each lone surrogate."""
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
    """A frame to one line of JSON.

    Raises
    ------
    TypeError
        When params or result hold something that has no JSON form.
    """
    if isinstance(frame, Response):
        return dumps_with_serialised({"jsonrpc": "2.0", "id": frame.id, "result": frame.result})
    if isinstance(frame, Request):
        return dumps({"jsonrpc": "2.0", "id": frame.id, "method": frame.method, "params": frame.params})
    if isinstance(frame, Notification):
        return dumps_with_serialised({"jsonrpc": "2.0", "method": frame.method, "params": frame.params})
    return dumps({"jsonrpc": "2.0", "id": frame.id, "error": frame.error})


def dumps_with_serialised(value: Any) -> bytes:
    """The same as `dumps`, of a value in which `Serialised` values may stand."""
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
    parts = copied[1 - len(between) :]  # a text with surrogates is written twice
    return b"".join(chain.from_iterable(zip(between, [*parts, b""], strict=True)))
