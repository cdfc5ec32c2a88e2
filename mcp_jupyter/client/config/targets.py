# SPDX-License-Identifier: BSD-3-Clause
"""Parse the target of a `Client` into a server: a command, a URL, or a server in memory.

`server_of` only parses; `mcp_jupyter.client.connect` opens the connection.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, TypeGuard

from ...engine.channel import Channel
from ..stdio import StdioServerParameters
from .servers_json import HttpServerParameters, entry_of

__all__ = ["HttpServerParameters", "InMemoryServer", "Server", "Target", "server_of"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class InMemoryServer(Protocol):
    """A server in this process, for instance a `FastMCP`: any object with these two methods."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """Start and stop the server around its connections."""

    async def serve(self, channel: Channel) -> None:
        """Serve one connection until its channel is closed."""


Server: TypeAlias = StdioServerParameters | HttpServerParameters | InMemoryServer
"""What a `Client` connects to."""

Target: TypeAlias = (
    str
    | Sequence[str]
    | os.PathLike[str]
    | Mapping[str, Any]
    | StdioServerParameters
    | HttpServerParameters
    | InMemoryServer
)
"""What a caller may pass for a `Server`."""


def server_of(
    target: Target,
    *,
    name: str | None = None,
    headers: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Server:
    """Return the server that a target describes.

    Parameters
    ----------
    target
        An ``http://`` or ``https://`` URL; a command, as a list of words or as one string that is split
        by a shell's rules (no shell runs it); `StdioServerParameters` or `HttpServerParameters`; a server
        object; a path to a JSON file of servers (a string must end in ``.json``), or the contents of such
        a file.
    name : str, optional
        The entry of the file to use; required when the file has several.
    headers : mapping, optional
        Headers for a URL, added to those of the file's entry.
    env : mapping, optional
        Environment variables for a command, added to those of the file's entry.
    cwd : path, optional
        The working directory of a command.

    Raises
    ------
    ValueError
        The target has none of these forms, or an option does not fit it.
    ConfigError
        The file is not valid (see `mcp_jupyter.client.config.servers_json`).
    """
    server = _read(target, name)
    if isinstance(server, StdioServerParameters):
        _refuse("a command", headers=headers)
        given: dict[str, Any] = {}
        if env is not None:
            given["env"] = {**(server.env or {}), **env}
        if cwd is not None:
            given["cwd"] = os.fspath(cwd)
        return server.model_copy(update=given)
    if isinstance(server, HttpServerParameters):
        _refuse("a URL", env=env, cwd=cwd)
        return replace(server, headers={**server.headers, **(headers or {})})
    _refuse("a server in memory", headers=headers, env=env, cwd=cwd)
    return server


def _read(target: Target, name: str | None) -> Server:
    if isinstance(target, str) and not _is_file(target):
        _refuse("a URL" if _SCHEME.match(target) else "a command", name=name)
        return _server_of_text(target)
    if isinstance(target, str | os.PathLike | Mapping):
        return entry_of(target, name).server()
    if isinstance(target, StdioServerParameters):
        _refuse("a command", name=name)
        return target
    if isinstance(target, HttpServerParameters):
        _refuse("a URL", name=name)
        return target
    if _is_server(target):
        _refuse("a server in memory", name=name)
        return target
    if isinstance(target, Sequence) and all(isinstance(word, str) for word in target):
        _refuse("a command", name=name)
        return _command(target)
    raise ValueError(
        f"A client cannot be pointed at {type(target).__name__}: give a URL, a command, a server object, or "
        "a JSON file of servers."
    )


def _is_file(text: str) -> bool:
    """Whether a string means a file of servers.

    A string with spaces that ends in ``.json`` may also be a command, so the file must exist.
    """
    if not text.endswith(".json") or _SCHEME.match(text):
        return False
    return " " not in text or Path(text).is_file()


def _server_of_text(text: str) -> Server:
    if _SCHEME.match(text):
        if text.partition(":")[0].lower() not in ("http", "https"):
            raise ValueError("The URL of a server must begin with http:// or https://.")
        return HttpServerParameters(text)
    if text.endswith(".py") and Path(text).is_file() and not os.access(text, os.X_OK):
        raise ValueError(f"{text} is a file, not a command; give the command, ['python', {text!r}].")
    try:
        return _command(shlex.split(text, posix=sys.platform != "win32"))
    except ValueError as exc:
        raise ValueError(f"This is not a URL, and it cannot be parsed as a command: {exc}") from None


def _command(words: Sequence[str]) -> StdioServerParameters:
    if not words or not words[0]:
        raise ValueError("The command is empty.")
    return StdioServerParameters(command=words[0], args=list(words[1:]))


def _is_server(target: object) -> TypeGuard[InMemoryServer]:
    return all(callable(getattr(target, name, None)) for name in ("running", "serve"))


_MEANT_FOR: Final = {
    "name": "an entry of a JSON file of servers",
    "headers": "a URL",
    "env": "a command",
    "cwd": "a command",
}


def _refuse(kind: str, **options: object) -> None:
    for option, value in options.items():
        if value is not None:
            raise ValueError(f"{option}= is for {_MEANT_FOR[option]}; the target is {kind}.")
