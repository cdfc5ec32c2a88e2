# SPDX-License-Identifier: BSD-3-Clause
"""Configuration files that people edit: read within bounds, and parsed as JSON, TOML or YAML.

Owns what makes a file unreadable, and the words for it. Knows nothing of what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic_core import from_json

from ...errors import ConfigError

__all__ = [
    "MAX_FILE_BYTES",
    "EntryShape",
    "FileFormat",
    "parsed",
    "read_file",
    "without_comments",
]


MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""A list of servers has a few KiB, but Claude Code keeps its own among all the rest it knows."""

FileFormat = Literal["json", "jsonc", "toml", "yaml"]
"""JSON with comments ("jsonc") where the host reads them."""

# What is left open reaches to the end, so that each character is looked at once.
_COMMENTS: Final = re.compile(r'"(?:\\.|[^"\\])*"?|//[^\n]*|/\*(?:.*?\*/|.*\Z)', re.DOTALL)
_TRAILING: Final = re.compile(r'"(?:\\.|[^"\\])*"?|,(?=\s*[}\]])', re.DOTALL)


def read_file(path: Path, shown: str) -> bytes:
    """The contents of a regular file.

    Parameters
    ----------
    shown : str
        What messages call it.

    Raises
    ------
    ConfigError
        There is none, it cannot be read, or it has more than `MAX_FILE_BYTES`.
    """
    try:
        regular = path.is_file()  # a pipe would keep us waiting
    except ValueError:  # a path that no file system has
        regular = False
    if not regular:
        raise ConfigError(f"{shown}: there is no such file.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{shown} cannot be read: {exc.strerror}.") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{shown} has more than {MAX_FILE_BYTES} bytes.")
    return content


def parsed(content: bytes, shown: str, file_format: FileFormat = "jsonc") -> Any:
    """The value of a file.

    Parameters
    ----------
    shown : str
        What messages call the file.
    file_format : FileFormat
        JSON is read with comments and trailing commas either way.

    Raises
    ------
    ConfigError
        It has another format; the message says at which line and column.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    parse, title = _PARSERS[file_format]
    try:
        return parse(content)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{shown} is no {title}: {exc}") from None


def _json(content: bytes) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        return from_json(without_comments(content.decode()), allow_inf_nan=False)


def _toml(content: bytes) -> Any:
    import tomllib

    return tomllib.loads(content.decode())


def _yaml(content: bytes) -> Any:
    import yaml  # only Continue and Goose have it

    try:
        return yaml.safe_load(content.decode())
    except yaml.YAMLError as exc:
        raise ValueError(" ".join(str(exc).split())) from None


_PARSERS: Final[Mapping[FileFormat, tuple[Callable[[bytes], Any], str]]] = {
    "json": (_json, "JSON"),
    "jsonc": (_json, "JSON"),
    "toml": (_toml, "TOML"),
    "yaml": (_yaml, "YAML"),
}


def without_comments(text: str) -> str:
    """JSON without comments and trailing commas: blanks are in their place, so every position stays."""
    return _TRAILING.sub(_keep_text, _COMMENTS.sub(_keep_text, text))


def _keep_text(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)


# -- entry shapes --------------------------------------------------------------------------------
#
# How hosts write one server: the names of the members of an entry, for writing and for reading.
#
# An `EntryShape` is data. `write_command` and `write_url` make an entry of a host; `read` turns an entry of a
# host into the members that `servers_json.ServerEntry` knows: `command`, `args`, `env`, `url`, `headers`,
# `type`. Opens no file.

_READ_AS_THEY_ARE: Final = ("type", "envFile", "cwd")
"""Members that mean the same in every host that has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryShape:
    """The members of one host's entries.

    Attributes
    ----------
    command, args : str
        Where the program is, and its arguments. Both the same: one list holds them.
    env : str
        Where the variables are.
    urls : tuple of str
        Where a URL may be. The first is written.
    headers : tuple of str
        The path to the headers.
    with_command, with_url : mapping
        What is written beside a command, and beside a URL. `with_url` is None for a host that opens no URL.
    named : bool
        Whether an entry has its own name in it.
    pairs : bool
        Whether variables and headers are lists of ``{"name": ..., "value": ...}``.
    inner : str or None
        Where a host may put the members one level deeper.
    token_variable : str or None
        Where a host has the name of the variable that holds a bearer token.
    header_variables : str or None
        Where a host has headers whose values are names of variables.
    reference : str or None
        A pattern for the host's own reference to a variable, with the name as its first group.
    """

    command: str = "command"
    args: str = "args"
    env: str = "env"
    urls: tuple[str, ...] = ("url",)
    headers: tuple[str, ...] = ("headers",)
    with_command: Mapping[str, Any] = field(default_factory=dict)
    with_url: Mapping[str, Any] | None = field(default_factory=dict)
    named: bool = False
    pairs: bool = False
    inner: str | None = None
    token_variable: str | None = None
    header_variables: str | None = None
    reference: str | None = None

    def write_command(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
        """The entry that starts a program."""
        entry = {**self._name(name), **self.with_command}
        if self.command == self.args:
            entry[self.command] = list(command)
        else:
            entry |= {self.command: command[0], self.args: list(command[1:])}
        if env or self.pairs:  # hosts with pairs demand the member
            entry[self.env] = self._table(env)
        return entry

    def write_url(self, name: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """The entry that opens a URL.

        Raises
        ------
        ValueError
            The host opens no URL.
        """
        if self.with_url is None:
            raise ValueError("This host opens no URL.")
        value: Any = self._table(headers)
        for member in reversed(self.headers[1:]):
            value = {member: value}
        return {**self._name(name), **self.with_url, self.urls[0]: url, self.headers[0]: value}

    def read(self, entry: Any) -> Any:
        """The members of an entry as `servers_json` knows them. What is not an object is returned as it is.

        A value of the wrong type is passed on: `config.checked` refuses it with the entry's place.
        """
        if not isinstance(entry, Mapping):
            return entry
        inner = entry.get(self.inner) if self.inner is not None else None
        if isinstance(inner, Mapping):
            entry = {**entry, **inner}
        found = {member: entry[member] for member in _READ_AS_THEY_ARE if member in entry}
        urls = [entry[member] for member in self.urls if member in entry]
        if urls:
            found["url"] = urls[0]
            found |= self._read_headers(entry)
        if self.command in entry:
            found |= self._read_command(entry)
        return self._with_references(found)

    def _read_command(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        command = entry[self.command]
        if self.command == self.args and isinstance(command, list) and command:
            found = {"command": command[0], "args": command[1:]}
        else:
            found = {"command": command} | ({"args": entry[self.args]} if self.args in entry else {})
        return found | ({"env": self._mapping(entry[self.env])} if self.env in entry else {})

    def _read_headers(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        value: Any = entry
        for member in self.headers:
            value = value.get(member) if isinstance(value, Mapping) else None
        headers = {} if value is None else self._mapping(value)
        if not isinstance(headers, Mapping):
            return {"headers": headers}
        variables = entry.get(self.header_variables) if self.header_variables else None
        if isinstance(variables, Mapping):
            headers = {**headers, **{header: f"${{{name}}}" for header, name in variables.items()}}
        if self.token_variable is not None and self.token_variable in entry:
            headers = {**headers, "Authorization": f"Bearer ${{{entry[self.token_variable]}}}"}
        return {"headers": headers} if headers else {}

    def _name(self, name: str) -> dict[str, Any]:
        return {"name": name} if self.named else {}

    def _table(self, table: Mapping[str, str]) -> Any:
        if self.pairs:
            return [{"name": name, "value": value} for name, value in table.items()]
        return dict(table)

    def _mapping(self, value: Any) -> Any:
        """A table of a host as an object; what has another form is passed on."""
        if not (self.pairs and isinstance(value, list)):
            return value
        if not all(isinstance(pair, Mapping) and {"name", "value"} <= pair.keys() for pair in value):
            return value
        return {pair["name"]: pair["value"] for pair in value}

    def _with_references(self, value: Any) -> Any:
        """The host's own references to variables as `env` has them."""
        if self.reference is None:
            return value
        if isinstance(value, str):
            return re.sub(self.reference, r"${\1}", value)
        if isinstance(value, Mapping):
            return {name: self._with_references(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._with_references(each) for each in value]
        return value
