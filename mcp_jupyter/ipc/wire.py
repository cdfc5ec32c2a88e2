# SPDX-License-Identifier: BSD-3-Clause
"""The line format of a link: convert bytes to messages and back, without I/O.

A client's first line is its greeting, `{"key": "..."}`, with `"owner": true` on an owner's link (see
`owner_link`). Every other line, in both directions, is one of

* `{"a": id, "m": message}` for a result: `id` is that of the answered request, so that a program that only
  passes the result on need not parse it;
* `{"m": message, "r": related request id or null}` for everything else. Optional are `"s": sender`, if the
  front tells several senders apart, `"l": label`, the sender's name for people, `"h": [[name, value], ...]`,
  if it has headers for the message, and `"g": {"tools": [...], "resources": [...]}`, the sender's `Rights`,
  if the kernel must know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import INVALID_REQUEST, FrameError
from ..protocol.frames import (
    Headers,
    Message,
    RequestId,
    Response,
    UnparsedResponse,
    classify,
    dumps,
    encode,
    is_request_id,
    parse,
    parse_trusted,
)
from ..protocol.limits import MAX_LINE_BYTES
from ..protocol.rights import Rights

__all__ = ["LineBuffer", "greeted", "greeting", "pack", "unpack"]

_ANSWER: Final = b'{"a":'
_ANSWERED: Final = b',"m":'
_HEAD: Final = b'{"m":'
_MIDDLE: Final = b',"r":'
_NO_REQUEST: Final = b',"r":null}\n'
_SENDER: Final = b',"s":'
_HEADERS: Final = b',"h":'
_RIGHTS: Final = b',"g":'
_LABEL: Final = b',"l":'


def pack(message: Message) -> bytes:
    """Return a message as one line.

    `raw` may come from outside. A line break in JSON can only be white space between tokens, so it is written
    as a space: a message cannot contain a second line.
    """
    raw = message.raw
    if b"\n" in raw:
        raw = raw.replace(b"\n", b" ")
    if message.related is None and not message.sender and message.headers is None and message.rights is None:
        if isinstance(message.frame, Response):
            return _ANSWER + dumps(message.frame.id) + _ANSWERED + raw + b"}\n"
        return _HEAD + raw + _NO_REQUEST
    sender = _SENDER + dumps(message.sender) if message.sender else b""
    headers = b"" if message.headers is None else _HEADERS + dumps(message.headers)
    rights = b"" if message.rights is None else _RIGHTS + dumps(message.rights.wire)
    label = _LABEL + dumps(message.label) if message.label else b""
    return _HEAD + raw + _MIDDLE + dumps(message.related) + sender + headers + rights + label + b"}\n"


def unpack(line: bytes) -> Message:
    """Return the message in a line (without its line break).

    Lists and objects are not counted: the program at the other end belongs to the same user, has shown the
    key, and counts them in what it accepts from a client.

    Raises
    ------
    FrameError
        The line does not hold a message; the error has the id of the request if that can be read.
    """
    return _unpack_answer(line) or _unpack_sliced(line) or _unpack_parsed(line)


def _unpack_answer(line: bytes) -> Message | None:
    """Cut a result out of a line of the shape that `pack` writes, without parsing it.

    The text of an id cannot contain an unescaped `,"m":`, so the first one belongs to the envelope.
    """
    if not line.startswith(_ANSWER):
        return None
    middle = line.find(_ANSWERED)
    id_ = parse_trusted(line[len(_ANSWER) : middle]) if middle > 0 and line.endswith(b"}") else None
    if not is_request_id(id_):
        raise FrameError(INVALID_REQUEST, '"a" must be a request id, and "m" must follow it.')
    raw = line[middle + len(_ANSWERED) : -1]
    return Message(UnparsedResponse(id_, raw), raw)


def _unpack_sliced(line: bytes) -> Message | None:
    """Cut a line of the shape that `pack` writes, so that `raw` need not be serialised again.

    If both halves are JSON by themselves, the line has the meaning of its shape. A string cannot contain an
    unescaped `,"r":`, so the last one belongs to the envelope whenever `pack` wrote the line.
    """
    middle = line.rfind(_MIDDLE)
    if middle < 0 or not line.startswith(_HEAD) or not line.endswith(b"}"):
        return None
    raw = line[len(_HEAD) : middle]
    try:
        value, rest = parse_trusted(raw), parse_trusted(b"{" + line[middle + 1 :])
    except FrameError:
        return None
    return None if "m" in rest else Message(classify(value), raw, *_envelope(rest))


def _unpack_parsed(line: bytes) -> Message:
    """Parse a line of any other shape with the same meaning."""
    value = parse_trusted(line)
    if type(value) is not dict or "m" not in value:
        raise FrameError(INVALID_REQUEST, 'A line of a link must be a JSON object with "m".')
    frame = classify(value["m"])
    return Message(frame, encode(frame), *_envelope(value))


def _envelope(
    value: Mapping[str, Any],
) -> tuple[RequestId | None, str, Headers | None, Rights | None, str]:
    related, sender, headers, label = value.get("r"), value.get("s", ""), value.get("h"), value.get("l", "")
    if related is not None and not is_request_id(related):
        raise FrameError(INVALID_REQUEST, '"r" must be a request id or null.')
    if type(sender) is not str or type(label) is not str:
        raise FrameError(INVALID_REQUEST, '"s" and "l" must be strings.')
    rights = None
    if "g" in value and (rights := Rights.from_wire(value["g"])) is None:
        raise FrameError(INVALID_REQUEST, '"g" must be an object with lists of strings.')
    return related, sender, None if headers is None else _headers(headers), rights, label


def _headers(value: Any) -> Headers:
    if type(value) is not list or not all(_is_pair(pair) for pair in value):
        raise FrameError(INVALID_REQUEST, '"h" must be a list of pairs of strings.')
    return tuple((name, text) for name, text in value)


def _is_pair(value: Any) -> bool:
    return type(value) is list and [type(part) for part in value] == [str, str]


def greeting(key: str, *, owner: bool = False) -> bytes:
    """Return a client's first line; `owner` marks an owner's link."""
    return dumps({"key": key, "owner": True} if owner else {"key": key}) + b"\n"


def greeted(line: bytes) -> tuple[str | None, bool]:
    """Return the key in a greeting (None: not a greeting), and whether it begins an owner's link."""
    try:
        value = parse(line)
    except FrameError:
        return None, False
    if type(value) is not dict or type(key := value.get("key")) is not str:
        return None, False
    return key, value.get("owner") is True


class LineBuffer:
    """Splits a stream of bytes into lines, in linear time.

    Parameters
    ----------
    limit : int
        The longest line, in bytes, without its line break.
    """

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._begun = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes, and return the lines that they complete, without their line breaks.

        Raises
        ------
        FrameError
            A line is longer than the limit. The stream cannot be read after that.
        """
        lines = data.split(b"\n")
        if self._begun and len(lines) > 1:
            self._begun += lines[0]
            lines[0] = bytes(self._begun)
            self._begun = bytearray()
        self._begun += lines.pop()
        if len(self._begun) > self._limit or any(len(line) > self._limit for line in lines):
            self._begun = bytearray()
            raise FrameError(INVALID_REQUEST, f"A line is longer than {self._limit} bytes.")
        return lines
