# SPDX-License-Identifier: BSD-3-Clause
"""The command `jupyter mcp log`: show what assistants had a live notebook do.

It asks the notebook's kernel on an owner's link. All texts of the kernel are foreign: an assistant chose the
arguments, and a function the answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
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

MAX_WAITING: Final = 1_000
"""Calls that have ended and are not printed yet. The kernel's journal holds no more."""

_HEADS: Final = ("TIME", "RESULT", "CALL", "ARGUMENTS", "HOST", "PRINCIPAL", "TOOK", "ANSWER")

Call = Mapping[str, Any]
"""An entry of the journal as the kernel says it (`kernel.journal.Entry.to_json`)."""


@click.command("log", short_help="Show what assistants had a notebook do.")
@click.argument("name", required=False)
@click.option("--follow", is_flag=True, help="Print each call when it ends, from now on, until Ctrl-C.")
@click.option("--failed", is_flag=True, help="Only those that did not end well.")
@click.option("--last", type=click.IntRange(1), metavar="N", help=f"How many.  [default: {SHOWN_CALLS}]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with --follow one object a line.")
@click.option(
    "--to-notebook",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all calls as a notebook whose cells repeat them. Save the notebook itself first.",
)
@click.option("--force", is_flag=True, help="Write over FILE.")
@click.option(
    "--check",
    "checked",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Run such a notebook, and say which answers are different now.",
)
def command(
    name: str | None,
    follow: bool,
    failed: bool,
    last: int | None,
    as_json: bool,
    output: Path | None,
    force: bool,
    checked: Path | None,
) -> None:
    """Show the calls, reads, prompts and questions of the live notebook NAME, the oldest first.

    NAME may be left out when only one notebook is live. --check needs no live notebook; its exit code is 1
    when an answer is different. It makes the calls again, in a kernel of its own.

    \b
    jupyter mcp log sales --failed
    jupyter mcp log sales --to-notebook calls.ipynb
    jupyter mcp log --check calls.ipynb
    """  # noqa: D301 - click reads the backspace
    import anyio

    if follow and (last is not None or output is not None):
        raise click.UsageError("--follow shows the calls from now on: leave out --last and --to-notebook.")
    with reported():
        if checked is not None:
            _check(checked)
            return
        info = anyio.run(_notebook, name)
        if follow:
            _follow_until_stopped(info, failed, as_json)
            return
        limit = {} if last is None and output is not None else {"last": last or SHOWN_CALLS}
        calls = anyio.run(_calls, info, {"failed": failed, **limit})
        if calls and output is not None:
            _write_notebook(calls, info, output, force)
            return
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


# -- jupyter mcp log --follow ----------------------------------------------------------------------


def _follow_until_stopped(info: ConnectionInfo, failed: bool, as_json: bool) -> None:
    import anyio

    from ..errors import ConnectionClosed

    try:
        anyio.run(_follow, info, failed, _print_json if as_json else _print_line)
    except KeyboardInterrupt:
        pass
    except ConnectionClosed:
        say(f"The kernel of {info.name} has ended.")


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

    send, receive = anyio.create_memory_object_stream[int](MAX_WAITING)
    ended: list[McpJupyterError] = []

    def heard(notification: Notification) -> None:
        if notification.method == "observing":
            say(f"Following {info.name}. Ctrl-C ends this.")
        elif notification.params.get("what") in ("done", "asking"):
            with suppress(anyio.WouldBlock):  # that call is in the journal all the same
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


# -- notebooks that repeat the calls ---------------------------------------------------------------


def _write_notebook(calls: list[Call], info: ConnectionInfo, output: Path, force: bool) -> None:
    import anyio
    import nbformat

    from ..headless.journal_notebook import journal_notebook
    from ..ipc.owner_link import ask_owner
    from .output import write_new

    if info.path is None or not os.path.isabs(info.path):
        raise click.ClickException(
            f"The kernel of {info.name} does not know its notebook's file, which the cells need."
        )
    tools = anyio.run(ask_owner, info, "notebook/describe", {})["items"]["tools"]
    asking = [tool["name"] for tool in tools if tool["asks"] != "never"]
    document = journal_notebook(calls, info.name, Path(info.path), output, asking)
    write_new(output, nbformat.writes(document), force=force)


def _check(path: Path) -> None:
    """Say for each cell whether its answer is the same, and exit with 1 if one is not."""
    import anyio

    from ..headless.journal_notebook import check

    cells = anyio.run(check, path)
    for cell in cells:
        call = cell.source.strip().rpartition("\n")[2]  # the lines before it are imports
        click.echo(f"{cell.state:<12}  {safe_line(call)}")
        for line in cell.difference:
            click.echo(f"{'':<12}  {safe_line(line)}")
    different = sum(cell.state == "different" for cell in cells)
    say(
        f"{different} of {len(cells)} answers are different."
        if different
        else f"{len(cells)} answers, none different."
    )
    if different:
        sys.exit(1)


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
