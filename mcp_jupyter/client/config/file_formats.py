# SPDX-License-Identifier: BSD-3-Clause
"""Read configuration files up to a maximum size, and parse them as JSON, TOML or YAML.

`EntryShape` describes how a host writes one server in such a file. Errors say which file cannot be read and
why; `servers_json` checks the contents.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic_core import from_json

from ...errors import ConfigError
from ...protocol.limits import MAX_HOST_FILE_BYTES

__all__ = [
    "EntryShape",
    "FileFormat",
    "parsed",
    "read_file",
    "without_comments",
]


FileFormat = Literal["json", "jsonc", "toml", "yaml"]
"""The format of a host's files; "jsonc" (JSON with comments) where the host accepts comments."""

# An unclosed string or comment matches up to the end of the text, which keeps the search linear.
_COMMENTS: Final = re.compile(r'"(?:\\.|[^"\\])*"?|//[^\n]*|/\*(?:.*?\*/|.*\Z)', re.DOTALL)
_TRAILING: Final = re.compile(r'"(?:\\.|[^"\\])*"?|,(?=\s*[}\]])', re.DOTALL)


def read_file(path: Path, shown: str) -> bytes:
    """Return the contents of a regular file.

    Parameters
    ----------
    path : Path
        The file.
    shown : str
        Its name in messages.

    Raises
    ------
    ConfigError
        The file does not exist, cannot be read, or has more than `MAX_HOST_FILE_BYTES`.
    """
    try:
        regular = path.is_file()  # reading a pipe could block
    except ValueError:  # for instance, a NUL in the path
        regular = False
    if not regular:
        raise ConfigError(f"{shown}: file not found.")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_HOST_FILE_BYTES + 1)
    except OSError as exc:
        raise ConfigError(f"{shown} cannot be read: {exc.strerror}.") from None
    if len(content) > MAX_HOST_FILE_BYTES:
        raise ConfigError(f"{shown} has more than {MAX_HOST_FILE_BYTES} bytes.")
    return content


def parsed(content: bytes, shown: str, file_format: FileFormat = "jsonc") -> Any:
    """Parse the contents of a file.

    Parameters
    ----------
    content : bytes
        The contents; a byte order mark is skipped.
    shown : str
        The file's name in messages.
    file_format : FileFormat
        The format. "json" accepts comments and trailing commas too.

    Returns
    -------
    value
        Objects as dicts, lists, strings, numbers, booleans, None.

    Raises
    ------
    ConfigError
        The contents do not have this format. The message says where, as far as the parser does.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    parse, title = _PARSERS[file_format]
    try:
        return parse(content)
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{shown} is not valid {title}: {exc}") from None


def _json(content: bytes) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        return from_json(without_comments(content.decode()), allow_inf_nan=False)


def _toml(content: bytes) -> Any:
    import tomllib

    return tomllib.loads(content.decode())


def _yaml(content: bytes) -> Any:
    import yaml  # only Continue and Goose need it

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
    """Replace comments and trailing commas of JSON by blanks, so that lines and columns stay the same."""
    return _TRAILING.sub(_keep_text, _COMMENTS.sub(_keep_text, text))


def _keep_text(match: re.Match[str]) -> str:
    found = match[0]
    return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)


# -- entry shapes --------------------------------------------------------------------------------
#
# An `EntryShape` holds the names that a host uses for the members of an entry. `write_command` and
# `write_url` make an entry in the host's form; `read` turns one into the members that
# `servers_json.ServerEntry` uses: `command`, `args`, `env`, `url`, `headers`, `type`.

_READ_AS_THEY_ARE: Final = ("type", "envFile", "cwd")
"""Members that have the same name and meaning in every host that has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryShape:
    """The members of one host's entries.

    Attributes
    ----------
    command, args : str
        The members with the program and its arguments. When they are equal, one list holds both.
    env : str
        The member with the environment variables.
    urls : tuple of str
        The members that may hold a URL. The first is the one to write.
    headers : tuple of str
        The path to the headers.
    with_command, with_url : mapping
        Members written besides a command, and besides a URL. `with_url` is None for a host without URLs.
    named : bool
        Whether an entry contains its own name.
    pairs : bool
        Whether variables and headers are lists of ``{"name": ..., "value": ...}``.
    inner : str or None
        The member in which a host may put the others one level deeper.
    token_variable : str or None
        The member with the name of the variable that holds a bearer token.
    header_variables : str or None
        The member with headers whose values are names of variables.
    reference : str or None
        A pattern for the host's own references to variables; its first group is the name.
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
        """Return the host's entry for a program.

        Parameters
        ----------
        name : str
            The server's name.
        command : sequence of str
            The program and its arguments.
        env : mapping
            Environment variables of the program.
        """
        entry = {**self._name(name), **self.with_command}
        if self.command == self.args:
            entry[self.command] = list(command)
        else:
            entry |= {self.command: command[0], self.args: list(command[1:])}
        if env or self.pairs:  # hosts with pairs require the member
            entry[self.env] = self._table(env)
        return entry

    def write_url(self, name: str, url: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the host's entry for a URL.

        Raises
        ------
        ValueError
            The host does not support URLs.
        """
        if self.with_url is None:
            raise ValueError("This host opens no URL.")
        value: Any = self._table(headers)
        for member in reversed(self.headers[1:]):
            value = {member: value}
        return {**self._name(name), **self.with_url, self.urls[0]: url, self.headers[0]: value}

    def read(self, entry: Any) -> Any:
        """Return the members of a host's entry under the names that `servers_json` uses.

        Values of a wrong type are returned unchanged: `servers_json.checked` refuses them with a message that
        has the entry's place.
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
        """Turn a host's list of pairs into a mapping; return anything else unchanged."""
        if not (self.pairs and isinstance(value, list)):
            return value
        if not all(isinstance(pair, Mapping) and {"name", "value"} <= pair.keys() for pair in value):
            return value
        return {pair["name"]: pair["value"] for pair in value}

    def _with_references(self, value: Any) -> Any:
        """Rewrite the host's own references to variables as ``${NAME}``."""
        if self.reference is None:
            return value
        if isinstance(value, str):
            return re.sub(self.reference, r"${\1}", value)
        if isinstance(value, Mapping):
            return {name: self._with_references(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._with_references(each) for each in value]
        return value
