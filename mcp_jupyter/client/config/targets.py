# SPDX-License-Identifier: BSD-3-Clause
"""What a `Client` can be pointed at, and how the forms are told apart.

Owns the reading of a target into one of three servers: one to start, one to ask over HTTP, one in memory.
Opens nothing, and knows no protocol.
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
    """A server in this process, for instance a `FastMCP`: known by these two methods."""

    def running(self) -> AbstractAsyncContextManager[None]:
        """The server's whole life, around its conversations."""

    async def serve(self, channel: Channel) -> None:
        """Run one conversation until it is closed."""


Server: TypeAlias = StdioServerParameters | HttpServerParameters | InMemoryServer
"""What can be connected to."""

Target: TypeAlias = (
    str
    | Sequence[str]
    | os.PathLike[str]
    | Mapping[str, Any]
    | StdioServerParameters
    | HttpServerParameters
    | InMemoryServer
)
"""What a person may write for it."""


def server_of(
    target: Target,
    *,
    name: str | None = None,
    headers: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Server:
    """Read a target.

    Parameters
    ----------
    target
        An ``http://`` or ``https://`` URL; a command, as a list of words or as one text that is split
        like a shell's (no shell runs it); `StdioServerParameters` or `HttpServerParameters`; a server
        object; a path to a JSON file of servers (as text it must end in ``.json``), or what such a file
        holds.
    name : str, optional
        Which entry of the file; needed when it has several.
    headers : mapping, optional
        For a URL: added to those of the file's entry.
    env, cwd : optional
        For a command: added to the variables of the file's entry; the directory to start it in.

    Raises
    ------
    ValueError
        It is nothing of these, or an option does not fit it.
    ConfigError
        The file cannot be used (`mcp_jupyter.client.config.servers_json`).
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
    """Whether a text means a file of servers: a path may have spaces, a command does not end like one."""
    if not text.endswith(".json") or _SCHEME.match(text):
        return False
    return " " not in text or Path(text).is_file()


def _server_of_text(text: str) -> Server:
    if _SCHEME.match(text):
        if text.partition(":")[0].lower() not in ("http", "https"):
            raise ValueError("The URL of a server must begin with http:// or https://.")
        return HttpServerParameters(text)
    if text.endswith(".py") and Path(text).is_file() and not os.access(text, os.X_OK):
        raise ValueError(f"{text} is a file and no command; give the command, ['python', {text!r}].")
    try:
        return _command(shlex.split(text, posix=sys.platform != "win32"))
    except ValueError as exc:
        raise ValueError(f"This is no URL, and as a command it cannot be read: {exc}") from None


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
