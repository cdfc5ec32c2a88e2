# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp cassette`: show recorded calls, compare them with the present server, and remove some.

This module parses the command line and prints; `client.cassettes` reads and compares recordings.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .._util.text import join_names, safe_block, safe_line
from . import reported
from .target import Target, TargetCommand, ask, on_target, say

if TYPE_CHECKING:
    from ..client.cassettes.recording import Interaction, Recording
    from ..client.client import Client

__all__ = ["command"]

DRIFTED: Final = 1
"""The exit code when the server differs from the recording."""

MAX_CELL_CHARS: Final = 60
"""Characters of a call's arguments, and of its outcome, so that both fit on one line of a terminal."""


@click.group("cassette", short_help="Look at recorded calls, verify and thin them.")
def command() -> None:
    """Recorded calls of a notebook: the file analysis.cassette.json beside analysis.ipynb."""


# -- show --------------------------------------------------------------------------------------------------


@command.command("show")
@click.argument("file", metavar="FILE")
@click.option("--server", metavar="NAME", help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of the calls, for programs.")
def show(file: str, server: str | None, as_json: bool) -> None:
    """Show which servers and which calls FILE has."""
    with reported():
        recordings = _read(file)
        chosen = _chosen(recordings, server)
    rows = {alias: list(_rows(recordings[alias])) for alias in chosen}
    if as_json:
        from .output import dumped

        click.echo(dumped([{"server": alias, **row} for alias in chosen for row in rows[alias]]))
        return
    if not chosen:
        click.echo("No server is recorded here.", err=True)
    for index, alias in enumerate(chosen):
        if index:
            click.echo()
        click.echo(_heading(alias, recordings[alias]))
        if rows[alias]:
            click.echo(_table(rows[alias]))


def _heading(alias: str, recording: Recording) -> str:
    count = len(recording.interactions)
    calls = f"{count} call{'' if count == 1 else 's'}"
    return safe_line(f"{alias} (protocol {recording.opening.version}, {calls})")


def _rows(recording: Recording) -> Iterator[dict[str, Any]]:
    for call in recording.interactions:
        yield {
            "method": call.method,
            "name": _name(call),
            "arguments": _arguments(call),
            "outcome": _outcome(call),
            "events": len(call.events) + len(call.afterwards),
        }


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    from .output import table

    cells = [
        (
            row["method"],
            row["name"] or "-",
            safe_line(json.dumps(row["arguments"], ensure_ascii=False), MAX_CELL_CHARS),
            safe_line(row["outcome"], MAX_CELL_CHARS),
            row["events"] or "-",
        )
        for row in rows
    ]
    return table(("METHOD", "NAME", "ARGUMENTS", "OUTCOME", "EVENTS"), cells)


def _name(call: Interaction) -> str:
    name = call.params.get("name", call.params.get("uri", ""))
    return name if isinstance(name, str) else ""


def _arguments(call: Interaction) -> Any:
    if "arguments" in call.params:
        return call.params["arguments"]
    return {name: value for name, value in call.params.items() if name not in ("name", "uri")}


def _outcome(call: Interaction) -> str:
    if call.error is not None:
        return f"error {call.error['code']}: {call.error['message']}"
    assert call.result is not None
    return "the tool failed" if call.result.get("isError") is True else "answered"


# -- verify ------------------------------------------------------------------------------------------------


class _FileFirst(TargetCommand):
    """A command whose first argument is FILE, even when a command line after `--` replaces TARGET."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        # `TargetCommand` inserts its placeholder for TARGET first, where FILE belongs.
        if "--" in args:
            ctx.params["file"], ctx.params["target"] = ctx.params["target"], ctx.params["file"]
        return rest


@command.command("verify", cls=_FileFirst)
@click.argument("file", metavar="FILE")
@on_target
@click.option("--call", "repeat", is_flag=True, help="Also repeat the calls of tools that are read-only.")
def verify(where: Target, file: str, repeat: bool) -> None:
    """Compare the tools of TARGET with those in FILE; the exit code is 1 when they differ.

    --server says which server of FILE it is, where there are several, and which entry of a file of servers.
    The client declares what the recorded one did: a server may offer tools only to clients that can be asked.
    What the server asks meanwhile is declined.

    With --call the recorded calls of tools that say they change nothing (readOnlyHint) are repeated, and
    their answers compared.
    """
    from ..client.cassettes.compare import drift
    from ..client.cassettes.recording import listed_tools
    from ..client.cassettes.replayer import callbacks_for
    from ..errors import CassetteError

    with reported():
        recordings = _read(file)
        alias = _only(recordings, where.server)
        recorded = listed_tools(recordings[alias])
        if recorded is None:
            raise CassetteError(f"The tools of {alias!r} are not in the recording: nothing can be compared.")
    if where.server is not None and not where.target.endswith(".json"):
        where = Target(where.target, where.command, None, where.headers, where.timeout)

    async def put(client: Client) -> list[str]:
        tools = await client.list_tools()
        lines = drift(recorded, [tool.model_dump(mode="json", exclude_none=True) for tool in tools])
        if repeat:
            read_only = {
                tool.name for tool in tools if tool.annotations is not None and tool.annotations.readOnlyHint
            }
            lines += await _repeated(client, recordings[alias].interactions, read_only)
        return lines

    lines = ask(where, put, **callbacks_for(recordings[alias].opening.capabilities))
    for line in lines:
        click.echo(safe_block(line, None))
    if lines:
        sys.exit(DRIFTED)
    click.echo(safe_line(f"{alias} is as it was recorded."))


async def _repeated(client: Client, calls: Sequence[Interaction], names: set[str]) -> list[str]:
    """Repeat each recorded call of these tools once, and return the differences of the results."""
    from ..client.cassettes.compare import key_of, matches
    from ..client.cassettes.replayer import difference
    from ..client.secrets import MARK

    lines = []
    # Of equal calls, the last result is the one that a replay ends with.
    last = {key_of(call.method, call.params): call for call in calls}
    for call in last.values():
        if call.method != "tools/call" or call.params.get("name") not in names:
            continue
        arguments = call.params.get("arguments")
        if not isinstance(arguments, dict) or MARK in json.dumps(arguments):
            say(f"{_name(call)}: not called, for a secret in its arguments was redacted")
            continue
        recorded = _content(call.error if call.result is None else call.result)
        now = _content(await _answer(client, call.params["name"], arguments))
        if not matches(recorded, now):
            lines.append(f"{_name(call)}: the answer differs\n{difference(recorded, now, 'now')}")
    return lines


async def _answer(client: Client, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from ..client.cassettes.compare import plain
    from ..errors import McpError

    try:
        answer = plain(await client.call_tool(name, arguments))
    except McpError as exc:
        answer = plain(exc.to_dict())
    assert isinstance(answer, dict)
    return answer


def _content(answer: dict[str, Any] | None) -> dict[str, Any]:
    """Return a response without the members that describe the exchange and may differ each time."""
    return {
        name: value
        for name, value in (answer or {}).items()
        if name not in ("_meta", "cacheScope", "resultType", "ttlMs")
    }


# -- prune -------------------------------------------------------------------------------------------------


@command.command("prune")
@click.argument("file", metavar="FILE")
@click.option("--server", "servers", multiple=True, metavar="NAME", help="Drop all of it; repeat for more.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
def prune(file: str, servers: tuple[str, ...], dry_run: bool) -> None:
    """Drop recorded calls that a replay does without: repetitions with the same answer at the end.

    A replay gives the last answer again, so it goes on as before.
    """
    from .._util.private_files import FileLock
    from ..client.cassettes.cassette import CassetteFile, pruned
    from ..client.cassettes.recording import render

    place = CassetteFile(Path(file))
    with reported(), place.writing(), FileLock(place.path):
        recordings = _read(file)
        for name in servers:
            _chosen(recordings, name)
        left, gone = pruned(recordings, servers)
        if gone and not dry_run:
            place.write(render(left).encode())
    for line in gone:
        click.echo(safe_block(line, None))
    if not gone:
        click.echo("Nothing to drop.", err=True)


# -- the file ----------------------------------------------------------------------------------------------


def _read(file: str) -> dict[str, Recording]:
    from ..client.cassettes.cassette import CassetteFile
    from ..client.cassettes.recording import parse
    from ..errors import CassetteError

    place = CassetteFile(Path(file))
    content = place.read()
    if content is None:
        raise CassetteError(f"File not found: {place.shown}.")
    return parse(content, place.shown)


def _chosen(recordings: Mapping[str, Recording], server: str | None) -> list[str]:
    if server is None:
        return sorted(recordings)
    if server not in recordings:
        raise _unknown(recordings, f"Unknown server {server!r}.")
    return [server]


def _only(recordings: Mapping[str, Recording], server: str | None) -> str:
    chosen = _chosen(recordings, server)
    if len(chosen) != 1:
        raise _unknown(recordings, "Say which server it is: --server NAME.")
    return chosen[0]


def _unknown(recordings: Mapping[str, Recording], problem: str) -> Exception:
    from ..errors import CassetteError

    names = join_names(sorted(recordings)) or "none"
    return CassetteError(f"{problem} Known servers: {names}.")
