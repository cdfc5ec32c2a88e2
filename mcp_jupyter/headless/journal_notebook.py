# SPDX-License-Identifier: BSD-3-Clause
"""Write the journal of a notebook as a second notebook, whose cells repeat the calls, and compare it.

The second notebook runs the first one, shows values as the host got them (`notebook.show_answers`), and has a
cell for each call, with the recorded answer as its output. So `check` and `pytest --nbval` find the answers
that would be different now. A call that no cell repeats is told in prose, which says why.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import nbformat

from .._util.text import safe_block, safe_line
from ..client.secrets import MARK
from ..server.host_profiles import HostProfile, profile_of
from .export import HeadlessError, read_notebook
from .run import run_notebook

__all__ = ["ComparedCell", "check", "journal_notebook"]

RAISES: Final = "raises-exception"
"""Tag: the cell may raise. nbclient and nbval know it."""

IGNORED: Final = "nbval-ignore-output"
"""Tag: nbval runs the cell, and does not compare its output. `check` does the same."""

SKIPPED: Final = ("nbval-skip", "skip-execution")
"""Tags: neither nbval nor nbclient runs the cell."""

MAX_DIFFERENCES: Final = 6
"""Lines of a difference that are shown: enough to see what kind it is."""

Call = Mapping[str, Any]
"""An entry of the journal (`kernel.journal.Entry.to_json`)."""

_HEAD: Final = """\
# Calls in {name}

What assistants had `{source}` do, from {first} to {last}: {count} entries, of

{clients}

Running this notebook runs `{source}` and **makes the calls again**. `jupyter mcp log --check` and `pytest
--nbval` do that and compare the answers."""

_VERBS: Final = {
    "tool": "called",
    "resource": "read",
    "prompt": "took the prompt",
    "question": "was asked by",
}

_NO_CODE: Final = (
    "No cell repeats it: the arguments were refused or cannot be written as code, or the function takes a "
    "`Context` or has no name in the notebook any more."
)
_NO_REPEAT: Final = {
    "denied": "No cell repeats it, because the user denied it.",
    "cancelled": "No cell repeats it, because it was cancelled.",
    "error": "No cell repeats it: a call also ends with such a message when it is stopped or takes too long.",
    None: "It had not ended when this was written.",
}


def journal_notebook(
    calls: Sequence[Call], name: str, source: Path, target: Path, asking: Collection[str] = ()
) -> nbformat.NotebookNode:
    """Return a notebook that repeats the calls.

    Parameters
    ----------
    calls : sequence of mapping
        The entries of the journal, the oldest first.
    name : str
        The name that the notebook is served under.
    source : Path
        The notebook's file.
    target : Path
        Where the result will be saved: it runs `source` by its path from there.
    asking : collection of str
        The tools that ask the user before they run. A cell would not ask, so their cells are not run.

    Raises
    ------
    HeadlessError
        `source` cannot be read.
    """
    metadata = read_notebook(source).metadata
    writer = _Writer(asking)
    writer.prose(_head(calls, name, source))
    writer.code(_set_up(source, target))
    for call in calls:
        writer.call(call)
    kept = {key: metadata[key] for key in ("kernelspec", "language_info") if key in metadata}
    document: nbformat.NotebookNode = nbformat.v4.new_notebook(cells=writer.cells, metadata=kept)
    return document


def _head(calls: Sequence[Call], name: str, source: Path) -> str:
    clients = dict.fromkeys(f"* {_client(call)}" for call in calls)
    return _HEAD.format(
        name=safe_line(name),
        source=source.name.replace("`", "'"),
        first=_time(calls[0]),
        last=_time(calls[-1]),
        count=len(calls),
        clients="\n".join(clients),
    )


def _set_up(source: Path, target: Path) -> str:
    """Return a cell that runs the notebook, in its own folder, without its outputs."""
    source, folder = source.resolve(), target.resolve().parent
    lines = ["%%capture", "%load_ext mcp_jupyter"]
    if source.parent != folder:
        try:
            way = Path(os.path.relpath(source.parent, folder))
        except ValueError:  # on another drive of Windows
            way = source.parent
        lines.append(f'%cd -q "{way.as_posix()}"')
    return "\n".join([*lines, f'%run "{source.name}"'])


class _Writer:
    """Collects cells."""

    def __init__(self, asking: Collection[str]) -> None:
        self._asking = asking
        self.cells: list[nbformat.NotebookNode] = []
        self._number = 0
        self._profile: HostProfile | None = None  # whose answers the cells show

    def prose(self, *parts: str) -> None:
        """Add a Markdown cell of paragraphs."""
        self.cells.append(nbformat.v4.new_markdown_cell("\n\n".join(filter(None, parts))))

    def code(self, source: str, outputs: Sequence[Any] = (), tags: Sequence[str] = ()) -> None:
        """Add a code cell. It has a number, because nbval compares no cell that did not run."""
        self._number += 1
        for output in outputs:
            if output.output_type == "execute_result":
                output.execution_count = self._number
        metadata = {"tags": list(tags)} if tags else {}
        cell = nbformat.v4.new_code_cell(source, metadata=metadata, outputs=list(outputs))
        cell.execution_count = self._number
        self.cells.append(cell)

    def call(self, call: Call) -> None:
        """Add the cells of one entry."""
        told = (
            f"**{call['id']}** {_time(call)}: {_client(call)} {_VERBS[call['kind']]} {_code(call['name'])}."
        )
        profile = profile_of({"name": call["host"]["name"]})
        found = _outputs(call, profile)
        if call["code"] is None or found is None:
            given = "\n".join(f"{name}: {value}" for name, value in call["arguments"].items())
            self.prose(told, _quoted(given), *_ending(call))
            return
        outputs, tags = found
        unsafe = self._unsafe(call)
        self.prose(told, unsafe)
        if profile is not self._profile:
            # The size of a data frame's page, for one, depends on the host.
            self._profile = profile
            shown = f"mcp_jupyter.notebook.show_answers({profile.name!r})"
            self.code(f"import mcp_jupyter.notebook\n\n{shown}")
        self.code(call["code"], outputs, SKIPPED if unsafe else tags)

    def _unsafe(self, call: Call) -> str:
        """Return the reason why nbval and nbclient must not run a call's cell; empty if they may."""
        if call["kind"] == "tool" and call["name"] in self._asking:
            return "The cell is not run by tests, because the tool asks the user first, and a cell does not."
        return (
            "" if call["whole"] else "The cell is not run by tests, because it lacks some of the arguments."
        )


def _ending(call: Call) -> list[str]:
    """Return the answer to a call that no cell repeats, and why none does."""
    why = ""
    if call["kind"] in ("tool", "resource"):
        has_run = call["result"] in ("ok", "error")
        why = _NO_CODE if has_run and call["code"] is None else _NO_REPEAT.get(call["result"], "")
    return [*(["Answer:", _quoted(call["answer"])] if call["answer"] else []), why]


# -- what a cell's output must be ------------------------------------------------------------------


def _outputs(call: Call, profile: HostProfile) -> tuple[list[nbformat.NotebookNode], list[str]] | None:
    """Return the output that a cell must have to give the recorded answer, and the cell's tags.

    None where no cell may repeat the call: it did not end by itself.
    """
    answer, printed, is_exact = _parts(call, profile)
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{printed}\n")] if printed else []
    tags = []
    if call["result"] == "error":
        said = re.fullmatch(rf"Error in {re.escape(call['name'])}: (\w+)(?:: (.*))?", answer, re.DOTALL)
        if said is None:
            return None
        outputs.append(
            nbformat.v4.new_output("error", ename=said[1], evalue=said[2] or "", traceback=[answer])
        )
        tags.append(RAISES)
        is_exact &= profile.printed  # otherwise the journal does not have what was printed before the error
    elif call["result"] != "ok":
        return None
    elif answer:
        outputs.append(nbformat.v4.new_output("execute_result", data={"text/plain": answer}))
    # Beyond the size for the host, an answer has the address of a kept result, which is random. A read of
    # some rows has no code of its own, but that of the whole variable.
    is_part = "result://" in answer or (call["kind"] == "resource" and "?" in call["name"])
    if call["cut"] or is_part or MARK in answer or not is_exact:
        tags.append(IGNORED)
    return outputs, tags


def _parts(call: Call, profile: HostProfile) -> tuple[str, str, bool]:
    """Return the answer without what was printed, the printed text, and whether both are whole."""
    answer, printed = call["answer"] or "", call["printed"] or ""
    if not profile.printed:
        return answer, printed, True
    value, mark, shown = f"\n{answer}".rpartition("\nPrinted:\n")
    if not mark or (printed and shown != printed):
        return answer, printed, not printed
    # The journal of a call that failed has the printed text only here.
    return (value[1:], shown, True) if printed or call["result"] == "error" else (answer, "", True)


# -- Markdown --------------------------------------------------------------------------------------
#
# Hosts and models chose these texts: they are code, which Markdown neither renders nor follows.


def _client(call: Call) -> str:
    host = " ".join(filter(None, call["host"].values())) or "a client"
    return f"{_code(host)} ({_code(call['principal'])})"


def _code(text: str) -> str:
    return f"`{safe_line(text).replace('`', chr(39))}`"


def _quoted(text: str) -> str:
    return "\n".join(f"    {line}" for line in safe_block(text).splitlines())


def _time(call: Call) -> str:
    return datetime.fromisoformat(call["time"]).strftime("%Y-%m-%d %H:%M:%S UTC")


# -- comparison ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ComparedCell:
    """A cell, and whether it gave its recorded output.

    Attributes
    ----------
    source : str
        The cell's source.
    state : "same", "different" or "not compared"
        What came of the comparison.
    difference : list of str
        Lines that begin with "- " (recorded) or "+ " (now).
    """

    source: str
    state: Literal["same", "different", "not compared"]
    difference: list[str]


async def check(path: Path) -> list[ComparedCell]:
    """Run a notebook in a fresh kernel, and compare the outputs of its cells with those in the file.

    Cells that neither had nor have an output are left out.

    Raises
    ------
    HeadlessError
        The file or the kernel cannot be used, or the first cell failed, on which all others build.
    """
    async with run_notebook(path, allow_errors=True) as notebook:
        cells = zip(read_notebook(path).cells, notebook.document.cells, strict=True)
        pairs = [(recorded, now) for recorded, now in cells if recorded.cell_type == "code"]
    # %%capture passes no error on, so that the run has gone on.
    for output in pairs[0][1].outputs if pairs else ():
        if output.output_type == "error":
            raise HeadlessError(f"The first cell of {path.name} failed: {output.ename}: {output.evalue}")
    return [_compared(recorded, now) for recorded, now in pairs if recorded.outputs or now.outputs]


def _compared(recorded: nbformat.NotebookNode, now: nbformat.NotebookNode) -> ComparedCell:
    tags = {IGNORED, *SKIPPED}.intersection(recorded.metadata.get("tags", ()))
    before, after = _said(recorded.outputs), _said(now.outputs)
    if tags or before == after:
        return ComparedCell(recorded.source, "not compared" if tags else "same", [])
    lines = [line for line in difflib.ndiff(before, after) if line[0] in "-+"]
    if len(lines) > MAX_DIFFERENCES:
        lines[MAX_DIFFERENCES:] = [f"... {len(lines) - MAX_DIFFERENCES} more lines"]
    return ComparedCell(recorded.source, "different", lines)


def _said(outputs: Sequence[Any]) -> list[str]:
    """Return the lines of a cell's outputs: printed text first, as in the journal, then value and error."""
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    others = [
        f"{output.ename}: {output.evalue}"
        if output.output_type == "error"
        else output.data.get("text/plain", "")
        for output in outputs
        if output.output_type != "stream"
    ]
    return "\n".join([safe_block(printed, None).strip("\n"), *others]).splitlines()
