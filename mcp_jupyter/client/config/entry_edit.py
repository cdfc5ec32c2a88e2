# SPDX-License-Identifier: BSD-3-Clause
"""Set one server in the text of a host's file, in the file's format, and keep everything else.

The result is parsed again: its value must be the old value with only this entry changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import ConfigError
from .config_edit import NotEditable, put_json, put_toml, put_yaml
from .file_formats import parsed
from .hosts import Host

__all__ = ["put_entry"]


def put_entry(host: Host, text: str, name: str, entry: Mapping[str, Any]) -> tuple[str, Any]:
    """Set a server in the text of a host's file.

    Parameters
    ----------
    host : Host
        The host.
    text : str
        The contents of the file; empty for a new file.
    name : str
        The server's name in the host.
    entry : mapping
        The entry in the host's form. It replaces an existing entry of that name completely.

    Returns
    -------
    text : str
        The new text.
    before : Any
        The replaced entry; None when there was none.

    Raises
    ------
    NotEditable
        The text does not have the host's format, or a value of another type is in the place of the entries.
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
        return put_toml(text, host.member, name, entry)
    if host.file_format == "yaml":
        return put_yaml(text, host.member, name, entry, listed=host.listed)
    comments = host.file_format == "jsonc"
    return put_json(text, host.member, name, entry, listed=host.listed, comments=comments)


def _value(host: Host, text: str) -> dict[str, Any]:
    try:
        value = parsed(text.encode(), "it", host.file_format) if text.strip() else {}
    except ConfigError as exc:
        raise NotEditable(str(exc)) from None
    return value if isinstance(value, dict) else {}


def _with_entry(
    host: Host, value: dict[str, Any], name: str, entry: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return the existing entry, and the value that the file should have."""
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
