# SPDX-License-Identifier: BSD-3-Clause
"""Build the commands, links and file entries with which a user connects each host to a server.

The result of `url_lines` contains a token: show it only to the user who asked for it. Links contain no token,
because browsers keep them in their history.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .add_commands import link_of
from .entry_edit import put_entry
from .hosts import HOSTS, Host

__all__ = [
    "IN_TERMINAL",
    "TOKEN_PLACE",
    "Connect",
    "beside",
    "program_lines",
    "shown",
    "url_lines",
]

IN_TERMINAL: Final = "in a terminal"

TOKEN_PLACE: Final = "TOKEN"  # noqa: S105 - not a secret
"""Placeholder for a token that is not shown: the user knows it, or only its hash is stored."""


@dataclass(frozen=True, slots=True)
class Connect:
    """How to connect one host.

    Attributes
    ----------
    host : str
        The host's title.
    where : str
        Where to put the text: in a terminal, a browser or a file.
    text : str
        The command, link or entry. It may contain a token.
    """

    host: str
    where: str
    text: str


def program_lines(name: str, command: Sequence[str], env: Mapping[str, str]) -> list[Connect]:
    """Return the lines for hosts that start a program and connect to it on stdio.

    Parameters
    ----------
    name : str
        The server's name in the host.
    command : sequence of str
        The program and its arguments. Use an absolute path, because desktop applications have another PATH.
    env : mapping
        Environment variables for the program.
    """
    lines = []
    for host in HOSTS.values():
        called = _called(host, name)
        entry = host.shape.write_command(called, command, env)
        if host.add is not None:
            lines.append(_typed(host, host.add.program_words(called, command, env, entry)))
        if host.link is not None:
            lines.append(
                Connect(host.title, "a link to open in a browser", link_of(host.link, called, entry))
            )
        elif host.pasted:
            lines.append(_pasted(host, called, entry))
    return lines


def beside(urls: Sequence[Connect], programs: Sequence[Connect]) -> list[Connect]:
    """Return those lines for programs that are useful in addition to the lines for a URL.

    These are links, entries for files, and commands of hosts that have no command for a URL with a token.
    """
    typed = {line.host for line in urls if line.where == IN_TERMINAL}
    return [line for line in programs if line.where != IN_TERMINAL or line.host not in typed]


def url_lines(name: str, url: str, token: str, transport: str = "http") -> list[Connect]:
    """Return the lines for hosts that open a URL.

    Parameters
    ----------
    name : str
        The server's name in the host.
    url : str
        The server's URL.
    token : str
        The token for that URL, or `TOKEN_PLACE`.
    transport : str
        "http" for Streamable HTTP, "sse" for HTTP+SSE.
    """
    headers = {"Authorization": f"Bearer {token}"}
    lines = []
    for host in HOSTS.values():
        if not host.opens_urls:
            continue
        called = _called(host, name)
        entry = host.shape.write_url(called, url, headers)
        if transport == "sse" and "type" in entry:
            entry["type"] = "sse"
        words = None if host.add is None else host.add.url_words(called, url, headers, transport, entry)
        if words is not None:
            lines.append(_typed(host, words))
        elif host.pasted:
            lines.append(_pasted(host, called, entry))
    return lines


def _typed(host: Host, words: Sequence[str]) -> Connect:
    return Connect(host.title, IN_TERMINAL, shlex.join(words))


def _pasted(host: Host, name: str, entry: Mapping[str, Any]) -> Connect:
    path = host.locate()
    where = Path("~") / path.relative_to(Path.home()) if path.is_relative_to(Path.home()) else path
    return Connect(host.title, f"in {where}, then restart it", put_entry(host, "", name, entry)[0].rstrip())


def shown(lines: Sequence[Connect]) -> str:
    """Return the lines as text for a terminal: each host, and below it what to type or paste."""
    blocks = []
    for line in lines:
        text = "\n".join(f"  {each}" for each in line.text.splitlines())
        blocks.append(f"\n{line.host}, {line.where}:\n{text}")
    return "\n".join(blocks)


def _called(host: Host, name: str) -> str:
    try:
        return host.name(name)
    except ValueError:  # the host accepts none of its characters
        return "notebook"
