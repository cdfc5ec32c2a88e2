# SPDX-License-Identifier: BSD-3-Clause
"""One table put into a TOML text; every other character stays as it is. Knows no file and no host."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from .json_edit import NotEditable

__all__ = ["put_entry"]


def put_entry(text: str, member: str, name: str, entry: Mapping[str, Any]) -> str:
    """Set the table `[member.name]` in a TOML text.

    Parameters
    ----------
    text : str
        TOML; it may be empty.
    member, name, entry
        See `json_edit.put_entry`.

    Raises
    ------
    NotEditable
        It is not TOML, or the place is taken by something else.
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
