# SPDX-License-Identifier: BSD-3-Clause
"""One server put into the text of a host's file, whatever the file's format; everything else stays.

The result is parsed again: it must say what the text said before, with the entry. Knows no file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..client.config.file_formats import parsed
from ..client.config.hosts import Host
from ..errors import ConfigError
from . import json_edit
from .json_edit import NotEditable

__all__ = ["NotEditable", "put_entry"]


def put_entry(host: Host, text: str, name: str, entry: Mapping[str, Any]) -> tuple[str, Any]:
    """Set a server in the text of a host's file.

    Parameters
    ----------
    text : str
        What the file says; empty for a file that is new.
    name, entry
        What the host calls it; the entry as the host has it. It replaces an entry of that name whole.

    Returns
    -------
    text : str
        The new text.
    before : Any
        The entry that was replaced; None when there was none.

    Raises
    ------
    NotEditable
        The text has another format, or the place is taken by something else.
    """
    if not text.strip() and host.new_file:
        text = "".join(f"{key}: {json.dumps(value)}\n" for key, value in host.new_file.items())
    new = _edited(host, text, name, entry)
    before, expected = _with_entry(host, _value(host, text), name, entry)
    if _value(host, new) != expected:
        raise NotEditable("its form is too unusual to be changed safely.")
    return new, before


def _edited(host: Host, text: str, name: str, entry: Mapping[str, Any]) -> str:
    if host.file_format == "toml":
        from . import toml_edit  # only Codex has it

        return toml_edit.put_entry(text, host.member, name, entry)
    if host.file_format == "yaml":
        from . import yaml_edit  # only Continue and Goose have it

        return yaml_edit.put_entry(text, host.member, name, entry, listed=host.listed)
    comments = host.file_format == "jsonc"
    return json_edit.put_entry(text, host.member, name, entry, listed=host.listed, comments=comments)


def _value(host: Host, text: str) -> dict[str, Any]:
    try:
        value = parsed(text.encode(), "it", host.file_format) if text.strip() else {}
    except ConfigError as exc:
        raise NotEditable(str(exc)) from None
    return value if isinstance(value, dict) else {}


def _with_entry(
    host: Host, value: dict[str, Any], name: str, entry: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """The entry before, and what the file should say."""
    servers = value.get(host.member)
    if not host.listed:
        known = servers or {}
        return known.get(name), {**value, host.member: {**known, name: entry}}
    items = list(servers or [])
    places = [at for at, item in enumerate(items) if isinstance(item, dict) and item.get("name") == name]
    if not places:
        return None, {**value, host.member: [*items, entry]}
    before, items[places[0]] = items[places[0]], entry
    return before, {**value, host.member: items}
