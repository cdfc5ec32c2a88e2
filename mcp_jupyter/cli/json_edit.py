# SPDX-License-Identifier: BSD-3-Clause
"""One entry put into a JSON text; every other character stays as it is.

So what people and programs wrote survives: order, indentation, line ends, the forms of numbers. Pure
text; knows no file and no host.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import McpJupyterError

__all__ = ["NotEditable", "put_entry"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()
_UNIT: Final = "  "
"""The indentation of a text that has none yet."""


class NotEditable(McpJupyterError):
    """The text cannot be edited; the message says why, with line and column."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a member's key begins, and its value begins and ends."""

    key: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Object:
    """Where an object's braces and members are."""

    start: int
    end: int
    members: Mapping[str, _Span]


def put_entry(text: str, member: str, name: str, entry: Mapping[str, Any]) -> tuple[str, Any]:
    """Set `{member: {name: entry}}` in a JSON text.

    Parameters
    ----------
    text : str
        A JSON object; empty for a file that is new.
    member, name : str
        The object that holds the entries, made if need be; and the entry's name in it.
    entry : mapping
        JSON. It replaces an entry of that name whole.

    Returns
    -------
    text : str
        The new text.
    before : Any
        The entry that was replaced; None when there was none.

    Raises
    ------
    NotEditable
        It is no JSON, no object, or the place is taken by something else.
    """
    if not text.strip():
        return json.dumps({member: {name: entry}}, indent=_UNIT, ensure_ascii=False) + "\n", None
    _check(text)
    start = _skip(text, 0)
    top = _object(text, start, "The file")
    if member not in top.members:
        return _insert(text, top, member, {name: entry}), None
    servers = _object(text, top.members[member].value, f'"{member}"')
    if name not in servers.members:
        return _insert(text, servers, name, entry), None
    place = servers.members[name]
    before = _DECODER.raw_decode(text, place.value)[0]
    return text[: place.value] + _rendered(text, place.key, entry) + text[place.end :], before


def _check(text: str) -> None:
    """Refuse what is no JSON, in the words of a person who has to mend it."""

    def refuse(constant: str) -> None:
        raise NotEditable(f"{constant}, which it holds, is no JSON.")

    try:
        json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as exc:
        hint = " JSON has no comments." if text[exc.pos : exc.pos + 1] == "/" else ""
        raise NotEditable(f"line {exc.lineno}, column {exc.colno}: {exc.msg}.{hint}") from None
    except RecursionError:
        raise NotEditable("it is nested too deeply.") from None
    except ValueError:  # a number of thousands of digits
        raise NotEditable("it holds a number that is too long.") from None


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _object(text: str, start: int, what: str) -> _Object:
    """The object that begins at `start`, in a text that is known to be JSON."""
    if text[start] != "{":
        raise NotEditable(f"{_place(text, start)}: {what} should hold an object, {{...}}.")
    members: dict[str, _Span] = {}
    at = _skip(text, start + 1)
    while text[at] != "}":
        key_at = _skip(text, at + 1) if text[at] == "," else at
        key, at = _DECODER.raw_decode(text, key_at)
        value_at = _skip(text, _skip(text, at) + 1)  # over the colon
        _, end = _DECODER.raw_decode(text, value_at)
        if key in members:
            raise NotEditable(f"{_place(text, key_at)}: {json.dumps(key)} is there twice.")
        members[key] = _Span(key_at, value_at, end)
        at = _skip(text, end)
    return _Object(start, at, members)


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"line {line}, column {at - text.rfind(chr(10), 0, at)}"


# -- writing in the manner of the text -------------------------------------------------------------


def _insert(text: str, parent: _Object, key: str, value: Any) -> str:
    name = json.dumps(key, ensure_ascii=False)
    if not parent.members:
        outer = _indent(text, parent.start)
        inner = outer + _unit(text)
        body = f"{name}: {_dumped(text, value, inner)}"
        end = _line_end(text)
        return f"{text[: parent.start + 1]}{end}{inner}{body}{end}{outer}{text[parent.end :]}"
    last = list(parent.members.values())[-1]
    if not _begins_line(text, last.key):
        return f"{text[: last.end]}, {name}: {json.dumps(value, ensure_ascii=False)}{text[last.end :]}"
    inner = _indent(text, last.key)
    body = f"{name}: {_dumped(text, value, inner)}"
    return f"{text[: last.end]},{_line_end(text)}{inner}{body}{text[last.end :]}"


def _rendered(text: str, key_at: int, value: Any) -> str:
    """A value in the place of another, whose key begins at `key_at`."""
    if not _begins_line(text, key_at):
        return json.dumps(value, ensure_ascii=False)
    return _dumped(text, value, _indent(text, key_at))


def _dumped(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"{_line_end(text)}{indent}".join(lines)


def _unit(text: str) -> str:
    """One step of indentation: that of the first line that has some."""
    found = re.search(r'\n([ \t]+)"', text)
    return found[1] if found else _UNIT


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent(text: str, at: int) -> str:
    """What the line that holds `at` begins with."""
    found = re.match(r"[ \t]*", text[text.rfind("\n", 0, at) + 1 :])
    assert found is not None
    return found[0]


def _begins_line(text: str, at: int) -> bool:
    """Whether nothing but indentation stands before `at` in its line, which is not the first."""
    start = text.rfind("\n", 0, at)
    return start >= 0 and not text[start:at].strip()
