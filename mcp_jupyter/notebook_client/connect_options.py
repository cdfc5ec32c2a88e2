# SPDX-License-Identifier: BSD-3-Clause
"""Turn the options of `%mcp_connect` into the `ConnectOptions` connection; `Connections` makes it."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._ipython.cards import Card, Row
from ..client.pairs import split_headers, split_pairs
from ..errors import ConfigError
from .connections import ConnectOptions, Recording, notebook_being_run

if TYPE_CHECKING:
    import httpx2

    from .._ipython.identity import Identity
    from ..client.config.servers_json import ServerEntry

__all__ = ["found_card", "options_of"]

MAX_LISTED: Final = 50
"""Servers of a file that are listed; hosts' files have about a dozen."""


def options_of(
    alias: str,
    args: argparse.Namespace,
    target: Sequence[str],
    namespace: Mapping[str, Any],
    identity: Identity,
    cell: str | None = None,
) -> ConnectOptions:
    """Return the connection that the line asks for.

    Parameters
    ----------
    alias : str
        The server's name.
    args
        The options.
    target : sequence of str
        The words of the target; empty when `--config` or `--from` names a file of servers.
    namespace : mapping
        Where the sampling function is looked up.
    identity : Identity
        This notebook's; its cassette lies beside the notebook's file.
    cell : str, optional
        The id of the cell, if the front end sends it.

    Raises
    ------
    ValueError, ConfigError
        An option is wrong or does not fit the others; the message is one line.
    """
    recording = _recording(args, identity.path, cell)
    options: dict[str, Any] = {}
    if args.timeout is not None:
        options["read_timeout_seconds"] = args.timeout
    found: Any = None
    if recording.mode != "replay":  # a replay needs no target, no credential and no file
        found = _target(alias, args, target, identity)
        if args.header:
            options["headers"] = split_headers(args.header)
        if args.env:
            options["env"] = split_pairs(args.env)
    return ConnectOptions(
        found,
        options,
        sign_in=_sign_in(alias, args, found) if args.oauth and recording.mode != "replay" else None,
        sampling=_sampling(args.sampling, namespace),
        roots=args.root or (),
        recording=recording,
    )


def _target(alias: str, args: argparse.Namespace, words: Sequence[str], identity: Identity) -> Any:
    if sum((bool(words), bool(args.config), bool(args.host))) != 1:
        raise ValueError(
            "Give one of a URL, a command, --config FILE or --from HOST, as in "
            "%mcp_connect weather https://example.com/mcp"
        )
    if words and words[0].startswith(("http://", "https://")):
        if len(words) > 1:
            raise ValueError(f"Unexpected {words[1]!r} after the URL: it is not an option of %mcp_connect")
        return words[0]
    if words and words[0].endswith(".ipynb"):
        from ..ipc.attached_notebook import NotebookNamed

        return NotebookNamed(words[0], identity.kernel_id)
    if words:
        return list(words)
    from ..client.config.trust import require_consent

    entries = _entries(args)
    entry = entries.get(args.server or alias)
    if entry is None and args.server is None and len(entries) == 1:
        entry = next(iter(entries.values()))
    if entry is None:
        known = ", ".join(sorted(entries)) or "none"
        raise ValueError(
            f"Unknown server {args.server or alias!r}. Known servers: {known}. Choose one by --server."
        )
    require_consent(entry, is_trusted=args.trust)
    return entry.server()


def _entries(args: argparse.Namespace) -> Mapping[str, ServerEntry]:
    if args.config:
        from ..client.config.servers_json import load_servers

        return load_servers(Path(args.config))
    from ..client.config.host_entries import entries_of_host

    return entries_of_host(args.host, Path.cwd())


def found_card(args: argparse.Namespace) -> Card:
    """Return a card of the servers of a host or a file: names and types only, as entries hold secrets.

    Raises
    ------
    ConfigError
        The file does not exist or cannot be used.
    """
    entries = _entries(args)
    where = f"--from {args.host}" if args.host else f"--config {args.config}"
    rows = [Row(name, _described(entries, name, where)) for name in list(entries)[:MAX_LISTED]]
    more = len(entries) - len(rows)
    note = f"... and {more} more" if more else ""
    return Card(f"Servers of {args.host or args.config}", {"": rows}, note)


def _described(entries: Mapping[str, ServerEntry], name: str, where: str) -> str:
    try:
        kind = entries[name].type
    except ConfigError:  # the entries of a host's file are checked when they are read
        return "cannot be used as it is"
    return f"{kind}, with a name: %mcp_connect NAME {where} --server {shlex.quote(name)}"


def _recording(args: argparse.Namespace, notebook: str | None, cell: str | None) -> Recording:
    from ..client.cassettes import cassette_path, mode_from_environment

    if args.record and args.replay:
        raise ValueError("Give --record or --replay, not both.")
    mode = "record" if args.record else "replay" if args.replay else mode_from_environment()
    path = args.cassette
    if path is None and mode != "off":
        file = Path(notebook) if notebook is not None else notebook_being_run()
        path = None if file is None else cassette_path(file)
    return Recording(mode, path, tuple(args.redact), tuple(args.no_redact), cell)


def _sampling(name: str | None, namespace: Mapping[str, Any]) -> Callable[..., Any] | None:
    if name is None:
        return None
    function = namespace.get(name)
    if not callable(function):
        raise ValueError(f"--sampling takes the name of a function, which {name!r} is not")
    return function  # type: ignore[no-any-return]


def _sign_in(
    alias: str, args: argparse.Namespace, target: Any
) -> Callable[[Callable[[object], None]], httpx2.Auth]:
    url = target if isinstance(target, str) else getattr(target, "url", None)
    if url is None:
        raise ValueError("--oauth is for a URL")

    def sign_in(show: Callable[[object], None]) -> httpx2.Auth:
        from .oauth import CellSignIn

        client = {"client_id": args.client_id} if args.client_id else {}
        return CellSignIn(show, url, alias=alias, callback_url=args.callback, **client).auth

    return sign_in
