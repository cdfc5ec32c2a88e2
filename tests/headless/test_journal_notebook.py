# SPDX-License-Identifier: BSD-3-Clause
"""Which entries of a journal become cells. `tests/cli/test_log_notebook.py` runs such a notebook."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest

from mcp_jupyter.headless.journal_notebook import journal_notebook

STOPPED = "drop was stopped by the user of the notebook."


def entry(**said: Any) -> dict[str, Any]:
    """An entry as a kernel says it."""
    usual = {
        "id": 1,
        "time": "2026-12-01T13:28:44.123+00:00",
        "kind": "tool",
        "name": "drop",
        "arguments": {"n": 1},
        "whole": True,
        "host": {"name": "claude-code", "version": "2.1"},
        "principal": "laptop",
        "state": "done",
        "result": "ok",
        "answer": "1",
        "printed": None,
        "cut": False,
        "code": "drop(n=1)",
    }
    assert said.keys() <= usual.keys()
    return usual | said


@pytest.fixture
def cells(write_notebook):
    """The cells of one entry: its prose, and its code or None."""
    source = write_notebook("values = [1]")

    def make(call: dict[str, Any]) -> tuple[str, nbformat.NotebookNode | None]:
        target = source.with_name("calls.ipynb")
        document = journal_notebook([call], "analysis", source, target, asking=["asks"])
        nbformat.validate(document)
        _, set_up, prose, *rest = document.cells
        assert set_up.source.endswith('%run "analysis.ipynb"')
        assert "%cd" not in set_up.source
        return prose.source, rest[-1] if rest else None

    return make


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"result": "denied", "answer": "The user denied it."}, "because the user denied it"),
        ({"result": "cancelled", "answer": "cancelled"}, "because it was cancelled"),
        ({"result": "error", "answer": STOPPED}, "also ends with such a message when it is stopped"),
        ({"result": None, "state": "running", "answer": None}, "It had not ended"),
        ({"code": None}, "the arguments were refused or cannot be written as code"),
    ],
)
def test_a_call_that_must_not_or_cannot_be_repeated_is_told_only(cells, said, why):
    prose, code = cells(entry(**said))
    assert why in prose
    assert "n: 1" in prose
    assert code is None


@pytest.mark.parametrize(
    ("said", "tags"),
    [
        ({}, None),
        ({"cut": True}, ["nbval-ignore-output"]),
        ({"answer": "| a |\nRows 0 to 9 of 99. Read result://0f"}, ["nbval-ignore-output"]),
        ({"answer": "[redacted]"}, ["nbval-ignore-output"]),
        ({"printed": "a", "answer": "1\nPrinted:\n[... cut ...]"}, ["nbval-ignore-output"]),
        ({"kind": "resource", "name": "notebook://variables/x?limit=1"}, ["nbval-ignore-output"]),
        ({"whole": False}, ["nbval-skip", "skip-execution"]),
        ({"name": "asks"}, ["nbval-skip", "skip-execution"]),
        ({"result": "error", "answer": "Error in drop: KeyError: 'x'"}, ["raises-exception"]),
    ],
)
def test_tags_say_what_is_compared(cells, said, tags):
    _, code = cells(entry(**said))
    assert code is not None
    assert code.metadata.get("tags") == tags


@pytest.mark.parametrize(
    ("host", "answer", "printed", "outputs"),
    [
        ("claude-code", "1\nPrinted:\na\nb", "a\nb", ["a\nb\n", "1"]),
        ("claude-code", "Printed:\na", "a", ["a\n"]),
        ("claude-code", "", None, []),
        ("claude-code", "x\nPrinted:\ny", None, ["x\nPrinted:\ny"]),  # a value that looks so
        ("mcp_jupyter", "1", "a", ["a\n", "1"]),
    ],
)
def test_what_was_printed_is_not_part_of_the_value(cells, host, answer, printed, outputs):
    _, code = cells(entry(host={"name": host, "version": ""}, answer=answer, printed=printed))
    assert code is not None
    assert [output.get("text") or output.data["text/plain"] for output in code.outputs] == outputs
