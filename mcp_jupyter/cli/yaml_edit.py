# SPDX-License-Identifier: BSD-3-Clause
"""One entry put into a YAML text; every other character stays as it is.

The parser says where the nodes are, and the text is changed there. Knows no file and no host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode, SequenceNode

from .json_edit import NotEditable

__all__ = ["put_entry"]


_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
"""Texts that some version of YAML reads as something else."""


class _Indented(yaml.SafeDumper):
    """Writes lists indented below their key, and texts that are not a plain word in quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> Node:
    is_word = re.fullmatch(r"[A-Za-z][A-Za-z_-]*", value) is not None and value.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if is_word else '"')


_Indented.add_representer(str, _text)


def put_entry(text: str, member: str, name: str, entry: Mapping[str, Any], *, listed: bool = False) -> str:
    """Set the entry of that name under `member` of a YAML mapping.

    Parameters
    ----------
    text : str
        YAML in block style; it may be empty.
    member, name, entry
        See `json_edit.put_entry`.
    listed : bool
        The entries are a list, each with its name in it.

    Raises
    ------
    NotEditable
        It is not YAML, not a mapping in block style, or the place is taken by something else.
    """
    if "\r\n" in text:
        changed = put_entry(text.replace("\r\n", "\n"), member, name, entry, listed=listed)
        return changed.replace("\n", "\r\n")
    root = _compose(text)
    if root is None:
        return _joined(text, _rendered({member: _whole(name, entry, listed)}, 0))
    if not isinstance(root, MappingNode) or root.flow_style:
        raise NotEditable("the file should hold a mapping, with one member a line.")
    found = next((pair for pair in root.value if pair[0].value == member), None)
    if found is None:
        return _joined(text, _rendered({member: _whole(name, entry, listed)}, root.start_mark.column))
    return _put_below(text, found[0], found[1], name, entry, listed)


def _put_below(
    text: str, key: ScalarNode, servers: Node, name: str, entry: Mapping[str, Any], listed: bool
) -> str:
    if _is_empty(servers):
        block = _rendered(_whole(name, entry, listed), key.start_mark.column + 2).rstrip("\n")
        value_end = max(servers.end_mark.index, key.end_mark.index + 1)  # without a value, after the colon
        line_end = _line_end(text, value_end)
        comment = text[value_end:line_end].rstrip()
        return f"{text[: key.end_mark.index]}:{comment}\n{block}{text[line_end:] or chr(10)}"
    if not isinstance(servers, SequenceNode if listed else MappingNode) or servers.flow_style:
        form = "a list with one entry a line" if listed else "a mapping with one entry a line"
        raise NotEditable(f"line {key.start_mark.line + 1}: {key.value} should be {form}.")
    assert isinstance(servers, CollectionNode)
    block = _rendered(_whole(name, entry, listed), servers.start_mark.column).rstrip("\n")
    before = next((each for each in servers.value if _name_of(each) == name), None)
    if before is None:
        at = _line_end(text, _end(servers))
        return text[:at] + "\n" + block + (text[at:] or "\n")
    first, last = (before, before) if listed else before
    start = text.rfind("\n", 0, first.start_mark.index) + 1
    return text[:start] + block + text[_line_end(text, _end(last)) :]


def _compose(text: str) -> Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        raise NotEditable(" ".join(str(exc).split()) + ".") from None
    except RecursionError:
        raise NotEditable("it is nested too deeply.") from None


def _whole(name: str, entry: Mapping[str, Any], listed: bool) -> Any:
    return [dict(entry)] if listed else {name: dict(entry)}


def _rendered(value: Any, indent: int) -> str:
    shown = yaml.dump(value, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=2**20)
    return "".join(f"{' ' * indent}{line}\n" for line in shown.splitlines())


def _joined(text: str, block: str) -> str:
    return text + ("" if not text or text.endswith("\n") else "\n") + block


def _is_empty(node: Node) -> bool:
    """Whether nothing is there: no value, `{}` or `[]`."""
    if isinstance(node, CollectionNode):
        return not node.value
    return node.tag == "tag:yaml.org,2002:null"


def _name_of(item: Any) -> Any:
    """The name of an entry: its key, or what its member `name` says."""
    if isinstance(item, tuple):
        return item[0].value
    pairs = item.value if isinstance(item, MappingNode) else []
    return next((value.value for key, value in pairs if key.value == "name"), None)


def _end(node: Node) -> int:
    """Where the last character of a node is. Of a block, the parser only says where the next thing begins."""
    while isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end = node.end_mark
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        assert end.buffer is not None
        return len(end.buffer[: end.index].rstrip("\0\n "))
    return int(end.index)


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
