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

from ..client.config.file_formats import without_comments
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
    """Where a member's key begins, and its value begins and ends. An item of a list has no key."""

    key: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Container:
    """Where the braces and the members of an object are, or the brackets and the items of a list."""

    start: int
    end: int
    members: Mapping[object, _Span]


def put_entry(
    text: str,
    member: str,
    name: str,
    entry: Mapping[str, Any],
    *,
    listed: bool = False,
    comments: bool = False,
) -> str:
    """Set `{member: {name: entry}}` in a JSON text.

    Parameters
    ----------
    text : str
        A JSON object; empty for a file that is new.
    member, name : str
        The object that holds the entries, made if need be; and the entry's name in it.
    entry : mapping
        JSON. It replaces an entry of that name whole.
    listed : bool
        The entries are a list, each with its name in it: `{member: [entry]}`.
    comments : bool
        Comments and trailing commas are allowed, and stay.

    Raises
    ------
    NotEditable
        It is no JSON, no object, or the place is taken by something else.
    """
    whole: Any = [entry] if listed else {name: entry}
    if not text.strip():
        return json.dumps({member: whole}, indent=_UNIT, ensure_ascii=False) + "\n"
    plain = without_comments(text) if comments else text
    _check(plain)
    top = _container(plain, _skip(plain, 0), "The file", "{")
    if member not in top.members:
        return _insert(text, plain, top, f"{_dumped_key(member)}: ", whole)
    opening = "[" if listed else "{"
    servers = _container(plain, top.members[member].value, f'"{member}"', opening)
    if name not in servers.members:
        return _insert(text, plain, servers, "" if listed else f"{_dumped_key(name)}: ", entry)
    place = servers.members[name]
    return text[: place.value] + _rendered(text, place.key, entry) + text[place.end :]


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


def _container(text: str, start: int, what: str, opening: str) -> _Container:
    """The object or list that begins at `start`, in a text that is known to be JSON."""
    if text[start] != opening:
        form = "a list, [...]" if opening == "[" else "an object, {...}"
        raise NotEditable(f"{_place(text, start)}: {what} should hold {form}.")
    members: dict[object, _Span] = {}
    at = _skip(text, start + 1)
    while text[at] not in "]}":
        key_at = _skip(text, at + 1) if text[at] == "," else at
        key, span = _item(text, key_at) if opening == "[" else _member(text, key_at)
        if key in members:
            raise NotEditable(f"{_place(text, key_at)}: {json.dumps(key)} is there twice.")
        members[key] = span
        at = _skip(text, span.end)
    return _Container(start, at, members)


def _member(text: str, key_at: int) -> tuple[object, _Span]:
    key, at = _DECODER.raw_decode(text, key_at)
    value_at = _skip(text, _skip(text, at) + 1)  # over the colon
    _, end = _DECODER.raw_decode(text, value_at)
    return key, _Span(key_at, value_at, end)


def _item(text: str, at: int) -> tuple[object, _Span]:
    """An item of a list, by its name; one without a name by its place."""
    value, end = _DECODER.raw_decode(text, at)
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else at, _Span(at, at, end)


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"line {line}, column {at - text.rfind(chr(10), 0, at)}"


# -- writing in the manner of the text -------------------------------------------------------------


def _insert(text: str, plain: str, parent: _Container, key: str, value: Any) -> str:
    """A new member at the end; `key` is empty for an item of a list."""
    line_end = _line_end(text)
    if not parent.members:
        outer = _indent(text, parent.start)
        inner = outer + _unit(text)
        body = f"{line_end}{inner}{key}{_dumped(text, value, inner)}"
        inside = text[parent.start + 1 : parent.end]  # blank, or comments
        return f"{text[: parent.start + 1]}{body}{inside.rstrip()}{line_end}{outer}{text[parent.end :]}"
    last = list(parent.members.values())[-1]
    if not _begins_line(text, last.key):
        return f"{text[: last.end]}, {key}{json.dumps(value, ensure_ascii=False)}{text[last.end :]}"
    inner = _indent(text, last.key)
    body = f"{line_end}{inner}{key}{_dumped(text, value, inner)}"
    at = _after_comment(text, plain, last.end, parent.end)
    if at == last.end:
        return f"{text[:at]},{body}{text[at:]}"
    # A comment ends the line of the last member, and a comma may stand before it: both stay there.
    comma = "" if text[last.end : last.end + 1] == "," else ","
    return f"{text[: last.end]}{comma}{text[last.end : at]}{body}{text[at:]}"


def _after_comment(text: str, plain: str, end: int, limit: int) -> int:
    """The end of a member's line where only a trailing comma and a comment follow the member; else `end`."""
    line_end = text.find("\n", end, limit)
    rest = text[end:line_end].strip() if line_end >= 0 else ""
    has_comment = rest.lstrip(", \t").startswith(("//", "/*")) and not plain[end:line_end].strip()
    return line_end - text[end:line_end].endswith("\r") if has_comment else end


def _dumped_key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


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
