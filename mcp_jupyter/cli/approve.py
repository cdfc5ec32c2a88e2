# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp approve`: decide in a terminal about calls that wait for the user's approval.

It is for front ends without our panel: VS Code, a console, an SSH session. The questions of all kernels of
this user are shown; no Jupyter Server is needed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from .._util.text import safe_block, safe_line
from . import reported

if TYPE_CHECKING:
    from ..ipc.questions import Waiting

__all__ = ["command"]

ID_CHARS: Final = 8
"""Characters of an id that are shown; as many as are needed may be typed."""

_CHOICES: Final = {"once": "once", "until-changed": "until_changed", "deny": "deny"}
_HINTS: Final = {
    "readOnlyHint": "reads only",
    "destructiveHint": "may delete or overwrite",
    "openWorldHint": "reaches beyond the notebook, with your rights",
}


@click.command("approve", short_help="Decide about calls that wait for your approval.")
@click.argument("call", required=False)
@click.argument("decision", required=False, type=click.Choice(list(_CHOICES)))
@click.option("--reason", metavar="TEXT", help="Why not; the model gets it. Goes with deny.")
@click.option("--json", "as_json", is_flag=True, help="Print what waits as a JSON array, for programs.")
def command(call: str | None, decision: str | None, reason: str | None, as_json: bool) -> None:
    """Decide about calls that wait for your approval: show each with its arguments, and ask.

    \b
    jupyter mcp approve                      ask about each call that waits
    jupyter mcp approve 3f2a once            allow one call, by the beginning of its id
    jupyter mcp approve 3f2a until-changed   allow the tool for that host, until its cell is run again
    jupyter mcp approve 3f2a deny --reason "Ask for one region."
    """  # noqa: D301 - click reads the backspace
    from ..ipc.files import default_runtime_dir
    from ..ipc.questions import APPROVALS

    if call is not None and decision is None:
        raise click.UsageError("Say what you decide: once, until-changed or deny.")
    if reason is not None and decision not in (None, "deny"):
        raise click.UsageError("--reason goes with deny.")
    waiting = APPROVALS.waiting(default_runtime_dir())
    if as_json:
        from .output import dumped

        click.echo(dumped([{"id": each.id, "ends": each.ends, **_said(each)} for each in waiting]))
    elif call is not None and decision is not None:
        _answer(_chosen(waiting, call), _CHOICES[decision], reason or "")
    elif not waiting:
        click.echo("No call waits for your approval.", err=True)
    elif not sys.stdin.isatty():
        for question in waiting:
            click.echo(_shown(question))
        raise click.ClickException("This is no terminal: name a call and a decision (see --help).")
    else:
        for question in waiting:
            _ask(question)


def _chosen(waiting: list[Waiting], beginning: str) -> Waiting:
    found = [each for each in waiting if each.id.startswith(beginning.lower())]
    if len(found) != 1:
        which = "No call that waits has" if not found else "Several calls that wait have"
        raise click.ClickException(f"{which} an id that begins with {safe_line(beginning)!r}.")
    return found[0]


def _ask(question: Waiting) -> None:
    click.echo(_shown(question))
    tool = safe_line(str(_said(question).get("tool")))
    answer = click.prompt(
        f"Allow {tool}? [o]nce, [u]ntil its cell is run again, [d]eny, [s]kip",
        type=click.Choice(["o", "u", "d", "s"]),
        default="d",
        show_choices=False,
    )
    if answer == "s":
        return
    reason = (
        click.prompt("Why not? The model gets it", default="", show_default=False) if answer == "d" else ""
    )
    _answer(question, {"o": "once", "u": "until_changed", "d": "deny"}[answer], reason)


def _answer(question: Waiting, decision: str, reason: str) -> None:
    from ..ipc.files import default_runtime_dir
    from ..ipc.questions import APPROVALS

    answer = {"decision": decision, "reason": reason, "digest": _said(question).get("digest")}
    with reported():
        taken = APPROVALS.answer(question.id, json.dumps(answer).encode(), default_runtime_dir())
    if not taken:
        raise click.ClickException("That call waits no longer: it was decided already, or its time is over.")
    click.echo("Denied." if decision == "deny" else "Allowed.", err=True)


def _said(question: Waiting) -> Mapping[str, Any]:
    try:
        said = json.loads(question.data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _shown(question: Waiting) -> str:
    """Return a question as text: everything that is needed to decide."""
    said = _said(question)
    who = " ".join(filter(None, (said.get("host") or "A client", said.get("version"))))
    place = f"{said.get('path') or said.get('notebook')}" + (
        f", cell [{cell}]" if (cell := said.get("cell")) else ""
    )
    before, given = said.get("before") or {}, said.get("arguments") or {}
    lines = [
        f"{question.id[:ID_CHARS]}  {safe_line(who)} ({safe_line(str(said.get('principal')))}) wants to run "
        f"{safe_line(str(said.get('tool')))}",
        f"  in       {safe_line(place, 500)}",
    ]
    if said.get("description"):
        lines.append(f"  it says  {safe_line(str(said['description']), 500)}")
    hints = said.get("hints") or {}
    if words := [word for hint, word in _HINTS.items() if hints.get(hint)]:
        lines.append(f"  marked   {'; '.join(words)}")
    for name, value in given.items():
        was = f"   (was: {safe_line(str(before[name]))})" if name in before and before[name] != value else ""
        lines += [f"  {safe_line(name)} = {safe_block(str(value), None)}{was}"]
    if said.get("preview"):
        lines.append(f"  preview  {safe_block(str(said['preview']))}")
    left = max(0, int(question.ends - time.time()))
    return "\n".join([*lines, f"  No answer within {left} s is no."])
