# SPDX-License-Identifier: BSD-3-Clause
"""The command `jupyter mcp log`: show what assistants had a live notebook do.

It asks the notebook's kernel on an owner's link. All texts of the kernel are foreign: an assistant chose the
arguments, and a function the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from .._util.text import safe_line
from . import reported
from .target import say

if TYPE_CHECKING:
    from ..ipc.files import ConnectionInfo
    from ..protocol.frames import Notification

__all__ = ["command"]

SHOWN_CALLS: Final = 20
"""Calls that are shown without --last: about a screen."""

ARGUMENTS_CHARS: Final = 60
ANSWER_CHARS: Final = 60
"""Characters of the arguments and of the answer in a line: the rest is in --json."""

_HEADS: Final = ("TIME", "RESULT", "CALL", "ARGUMENTS", "HOST", "PRINCIPAL", "TOOK", "ANSWER")

Call = Mapping[str, Any]
"""An entry of the journal as the kernel says it (`kernel.journal.Entry.to_json`)."""


@click.command("log", short_help="Show what assistants had a notebook do.")
@click.argument("name", required=False)
@click.option("--follow", is_flag=True, help="Print each call when it ends, from now on, until Ctrl-C.")
@click.option("--failed", is_flag=True, help="Only those that did not end well.")
@click.option("--last", type=click.IntRange(1), metavar="N", help=f"How many.  [default: {SHOWN_CALLS}]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with --follow one object a line.")
def command(name: str | None, follow: bool, failed: bool, last: int | None, as_json: bool) -> None:
    """Show the calls, reads, prompts and questions of the live notebook NAME, the oldest first.

    NAME may be left out when only one notebook is live.

    \b
    jupyter mcp log sales --failed
    jupyter mcp log --follow
    """  # noqa: D301 - click reads the backspace
    import anyio

    from ..errors import ConnectionClosed

    if follow and last is not None:
        raise click.UsageError("--follow shows the calls from now on: leave out --last.")
    with reported():
        info = anyio.run(_notebook, name)
        if follow:
            try:
                anyio.run(_follow, info, failed, _print_json if as_json else _print_line)
            except KeyboardInterrupt:
                pass
            except ConnectionClosed:
                say(f"The kernel of {info.name} has ended.")
            return
        calls = anyio.run(_calls, info, {"last": last or SHOWN_CALLS, "failed": failed})
    if as_json:
        from .output import dumped

        click.echo(dumped(calls))
    elif not calls:
        say(f"{info.name}: no call {'has failed' if failed else 'was made'}.")
    else:
        from .output import table

        click.echo(table(_HEADS, map(_row, calls)))


async def _notebook(name: str | None) -> ConnectionInfo:
    from ..ipc.discovery import Discovery, find_notebook

    discovery = Discovery()
    return await (discovery.only() if name is None else find_notebook(name, discovery))


async def _calls(info: ConnectionInfo, params: Mapping[str, Any]) -> list[Call]:
    from ..ipc.owner_link import ask_owner

    calls: list[Call] = (await ask_owner(info, "calls/list", params))["calls"]
    return calls


async def _follow(info: ConnectionInfo, failed: bool, show: Callable[[Call], None]) -> None:
    """Show each call when it ends, or begins to wait for approval.

    Raises
    ------
    ConnectionClosed
        The kernel has ended.
    """
    import anyio

    from .._util.tasks import owned_tasks
    from ..errors import McpError, McpJupyterError
    from ..ipc.owner_link import ASK_SECONDS, owner_link

    # Without a limit: it holds numbers of calls, and no kernel makes calls faster than it answers about them.
    send, receive = anyio.create_memory_object_stream[int](math.inf)
    ended: list[McpJupyterError] = []

    def heard(notification: Notification) -> None:
        if notification.method == "observing":
            say(f"Following {info.name}. Ctrl-C ends this.")
        elif notification.params.get("what") in ("done", "asking"):
            send.send_nowait(notification.params["id"])

    async def observe() -> None:
        try:
            await owner.request("observe", {})
        except McpJupyterError as exc:
            ended.append(exc)
            send.close()

    async with owner_link(info, heard) as owner, owned_tasks() as tasks, receive:
        tasks.start_soon(observe)
        async for number in receive:
            try:
                call = await owner.request("calls/get", {"id": number}, timeout=ASK_SECONDS)
            except McpError:  # the journal has dropped it already
                continue
            if not failed or call["result"] not in (None, "ok"):
                show(call)
        raise ended[0]


# -- lines ---------------------------------------------------------------------------------------


def _print_json(call: Call) -> None:
    from .output import dumped

    click.echo(dumped(call, indent=None))


def _print_line(call: Call) -> None:
    click.echo("  ".join(safe_line(text, ARGUMENTS_CHARS) for text in _row(call) if text))


def _row(call: Call) -> tuple[str, ...]:
    """Return the columns of a call. They are not safe to print yet."""
    given = ", ".join(f"{name}={_brief(value)}" for name, value in call["arguments"].items())
    answer = _first_line(call["answer"] or "")
    if call["changed"]:
        answer += f" ({' and '.join(call['changed'])} changed since)"
    kind = "" if call["kind"] == "tool" else f"{call['kind']} "
    return (
        datetime.fromisoformat(call["time"]).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        "waits for your approval" if call["state"] == "asking" else call["result"] or call["state"],
        f"{kind}{call['name']}",
        safe_line(given, ARGUMENTS_CHARS),
        " ".join(filter(None, call["host"].values())),
        call["principal"],
        f"{call['ran']:.3g} s",
        answer,
    )


def _brief(value: Any) -> str:
    from .output import dumped

    return value if isinstance(value, str) else dumped(value, indent=None)


def _first_line(text: str) -> str:
    return safe_line(text.strip().partition("\n")[0], ANSWER_CHARS)
