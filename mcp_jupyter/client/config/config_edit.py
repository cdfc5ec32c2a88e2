# SPDX-License-Identifier: BSD-3-Clause
"""Set one entry in a JSON, TOML or YAML text and leave every other character as it is.

Comments, order, indentation, line ends and the forms of numbers survive. `entry_edit` chooses the
place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import tomlkit
import yaml
from tomlkit.exceptions import TOMLKitError
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from ...errors import McpJupyterError
from .file_formats import without_comments

__all__ = ["NotEditable", "put_json", "put_toml", "put_yaml"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()
_UNIT: Final = "  "
"""The indentation for a text that has none yet."""


class NotEditable(McpJupyterError):
    """The text cannot be edited; the message says why, with line and column."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The offsets of a member's key and value. For an item of a list, `key` equals `value`."""

    key: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Container:
    """The offsets of the braces and members of an object, or of the brackets and items of a list."""

    start: int
    end: int
    members: Mapping[object, _Span]


def put_json(
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
        A JSON object; empty for a new file.
    member, name : str
        The member that holds the entries, created if it is missing, and the entry's name in it.
    entry : mapping
        The entry. It replaces an existing entry of that name completely.
    listed : bool
        The entries are a list of objects that contain their names: `{member: [entry]}`.
    comments : bool
        Comments and trailing commas are allowed, and kept.

    Returns
    -------
    str
        The new text.

    Raises
    ------
    NotEditable
        The text is not a JSON object, or a value of another type is in the place of the entries.
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
    """Raise `NotEditable` for invalid JSON, with a message that helps the user to correct the file."""

    def refuse(constant: str) -> None:
        raise NotEditable(f"it contains {constant}, which is not valid JSON.")

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
    """Return the object or list that begins at `start`, in a text that is known to be valid JSON."""
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
    value_at = _skip(text, _skip(text, at) + 1)  # skip the colon
    _, end = _DECODER.raw_decode(text, value_at)
    return key, _Span(key_at, value_at, end)


def _item(text: str, at: int) -> tuple[object, _Span]:
    """Return an item of a list with its name as the key, or its offset if it has no name."""
    value, end = _DECODER.raw_decode(text, at)
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else at, _Span(at, at, end)


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    return f"line {line}, column {at - text.rfind(chr(10), 0, at)}"


def _insert(text: str, plain: str, parent: _Container, key: str, value: Any) -> str:
    """Insert a new member at the end; `key` is empty for an item of a list."""
    line_end = _line_end(text)
    if not parent.members:
        outer = _indent(text, parent.start)
        inner = outer + _unit(text)
        body = f"{line_end}{inner}{key}{_dumped(text, value, inner)}"
        inside = text[parent.start + 1 : parent.end]  # blank, or comments
        return f"{text[: parent.start + 1]}{body}{inside.rstrip()}{line_end}{outer}{text[parent.end :]}"
    last = list(parent.members.values())[-1]
    # Members on one line: add the new one to that line.
    if not _begins_line(text, last.key):
        return f"{text[: last.end]}, {key}{json.dumps(value, ensure_ascii=False)}{text[last.end :]}"
    inner = _indent(text, last.key)
    body = f"{line_end}{inner}{key}{_dumped(text, value, inner)}"
    at = _after_comment(text, plain, last.end, parent.end)
    if at == last.end:
        return f"{text[:at]},{body}{text[at:]}"
    # A comment follows the last member on its line, perhaps after a comma: both stay on that line.
    comma = "" if text[last.end : last.end + 1] == "," else ","
    return f"{text[: last.end]}{comma}{text[last.end : at]}{body}{text[at:]}"


def _after_comment(text: str, plain: str, end: int, limit: int) -> int:
    """Return the end of a member's line if only a comma and a comment follow the member, else `end`."""
    line_end = text.find("\n", end, limit)
    rest = text[end:line_end].strip() if line_end >= 0 else ""
    has_comment = rest.lstrip(", \t").startswith(("//", "/*")) and not plain[end:line_end].strip()
    return line_end - text[end:line_end].endswith("\r") if has_comment else end


def _dumped_key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def _rendered(text: str, key_at: int, value: Any) -> str:
    """Return the JSON of a value that replaces another, whose key begins at `key_at`."""
    if not _begins_line(text, key_at):
        return json.dumps(value, ensure_ascii=False)
    return _dumped(text, value, _indent(text, key_at))


def _dumped(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"{_line_end(text)}{indent}".join(lines)


def _unit(text: str) -> str:
    """Return one step of indentation: that of the first indented line."""
    found = re.search(r'\n([ \t]+)"', text)
    return found[1] if found else _UNIT


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent(text: str, at: int) -> str:
    """Return the indentation of the line that contains `at`."""
    found = re.match(r"[ \t]*", text[text.rfind("\n", 0, at) + 1 :])
    assert found is not None
    return found[0]


def _begins_line(text: str, at: int) -> bool:
    """Whether only indentation precedes `at` in its line, which is not the first line."""
    start = text.rfind("\n", 0, at)
    return start >= 0 and not text[start:at].strip()


# -- TOML ------------------------------------------------------------------------------------------


def put_toml(text: str, member: str, name: str, entry: Mapping[str, Any]) -> str:
    """Set the table `[member.name]` in a TOML text.

    Parameters
    ----------
    text : str
        TOML; it may be empty.
    member, name, entry
        See `put_json`.

    Raises
    ------
    NotEditable
        The text is not TOML, or `member` is not a table.
    """
    try:
        document = tomlkit.parse(text)
        if member not in document:
            document[member] = tomlkit.table(is_super_table=True)
        servers = document[member]
        if not isinstance(servers, MutableMapping):
            raise NotEditable(f"{member} should be a table.")
        servers[name] = dict(entry)
        return tomlkit.dumps(document)
    except TOMLKitError as exc:
        raise NotEditable(f"{exc}.") from None


# -- YAML ------------------------------------------------------------------------------------------

_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
"""Plain words that some version of YAML reads as another type, so they need quotes."""


class _Indented(yaml.SafeDumper):
    """A dumper that indents lists below their key, and quotes every string that is not a plain word."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represented(dumper: yaml.SafeDumper, value: str) -> Node:
    is_word = re.fullmatch(r"[A-Za-z][A-Za-z_-]*", value) is not None and value.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_word else '"')


_Indented.add_representer(str, _represented)


def put_yaml(text: str, member: str, name: str, entry: Mapping[str, Any], *, listed: bool = False) -> str:
    """Set the entry `name` under `member` of a YAML mapping.

    Parameters
    ----------
    text : str
        YAML in block style; it may be empty.
    member, name, entry
        See `put_json`.
    listed : bool
        The entries are a list of objects that contain their names.

    Raises
    ------
    NotEditable
        The text is not YAML, not a mapping in block style, or a value of another type is in the place of the
        entries.
    """
    if "\r\n" in text:
        changed = put_yaml(text.replace("\r\n", "\n"), member, name, entry, listed=listed)
        return changed.replace("\n", "\r\n")
    root = _compose(text)
    if root is None:
        return _joined(text, _block({member: _whole(name, entry, listed)}, 0))
    if not isinstance(root, MappingNode) or root.flow_style:
        raise NotEditable("the file should hold a mapping, with one member a line.")
    found = next((pair for pair in root.value if pair[0].value == member), None)
    if found is None:
        return _joined(text, _block({member: _whole(name, entry, listed)}, root.start_mark.column))
    return _put_below(text, found[0], found[1], name, entry, listed)


def _put_below(
    text: str, key: ScalarNode, servers: Node, name: str, entry: Mapping[str, Any], listed: bool
) -> str:
    # An empty value (`servers:` or `servers: {}`) is replaced by a block below the key.
    if _is_empty(servers):
        block = _block(_whole(name, entry, listed), key.start_mark.column + 2).rstrip("\n")
        value_end = max(servers.end_mark.index, key.end_mark.index + 1)  # without a value: after the colon
        line_end = _end_of_line(text, value_end)
        comment = text[value_end:line_end].rstrip()
        return f"{text[: key.end_mark.index]}:{comment}\n{block}{text[line_end:] or chr(10)}"
    if not isinstance(servers, SequenceNode if listed else MappingNode) or servers.flow_style:
        form = "a list with one entry a line" if listed else "a mapping with one entry a line"
        raise NotEditable(f"line {key.start_mark.line + 1}: {key.value} should be {form}.")
    assert isinstance(servers, CollectionNode)
    block = _block(_whole(name, entry, listed), servers.start_mark.column).rstrip("\n")
    before = next((each for each in servers.value if _name_of(each) == name), None)
    # Whole lines are inserted or replaced, so that comments on other lines stay.
    if before is None:
        at = _end_of_line(text, _end(servers))
        return text[:at] + "\n" + block + (text[at:] or "\n")
    first, last = (before, before) if listed else before
    start = text.rfind("\n", 0, first.start_mark.index) + 1
    return text[:start] + block + text[_end_of_line(text, _end(last)) :]


def _compose(text: str) -> Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        raise NotEditable(" ".join(str(exc).split()) + ".") from None
    except RecursionError:
        raise NotEditable("it is nested too deeply.") from None


def _whole(name: str, entry: Mapping[str, Any], listed: bool) -> Any:
    return [dict(entry)] if listed else {name: dict(entry)}


def _block(value: Any, indent: int) -> str:
    shown = yaml.dump(value, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=2**20)
    return "".join(f"{' ' * indent}{line}\n" for line in shown.splitlines())


def _joined(text: str, block: str) -> str:
    return text + ("" if not text or text.endswith("\n") else "\n") + block


def _is_empty(node: Node) -> bool:
    """Whether a node is empty: no value, `{}` or `[]`."""
    if isinstance(node, CollectionNode):
        return not node.value
    return node.tag == "tag:yaml.org,2002:null"


def _name_of(item: Any) -> Any:
    """Return the name of an entry: its key, or its member `name`."""
    if isinstance(item, tuple):
        return item[0].value
    pairs = item.value if isinstance(item, MappingNode) else []
    return next((value.value for key, value in pairs if key.value == "name"), None)


def _end(node: Node) -> int:
    """Return the end of a node. For blocks, the parser has only the start of what follows."""
    while isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        assert end.buffer is not None
        return len(end.buffer[: end.index].rstrip("\0\n "))
    return int(end.index)


def _end_of_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
