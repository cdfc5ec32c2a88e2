# SPDX-License-Identifier: BSD-3-Clause
"""Parameters: how they are written, and where they stand in a notebook."""

from __future__ import annotations

import nbformat
import pytest

from mcp_jupyter.headless.run import ParameterError, parse_parameters, with_parameters


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1.5", -1.5),
        ("True", True),
        ("None", None),
        ("'3'", "3"),
        ("['a', 1]", ["a", 1]),
        ("north", "north"),
        ("", ""),
        ("a=b", "a=b"),
        ("__import__('os')", "__import__('os')"),
        ("1e999", "1e999"),  # no literal is infinite
        ("(" * 10_000, "(" * 10_000),
    ],
)
def test_a_value_is_a_literal_or_a_text(text, value):
    assert parse_parameters([f"x={text}"]) == {"x": value}


@pytest.mark.parametrize("text", ["x", "=3", "1x=3", "a b=3", "class=3", "a.b=3"])
def test_what_is_no_parameter_is_refused(text):
    with pytest.raises(ParameterError):
        parse_parameters([text])


def notebook(*tags: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(tag or "other", metadata={"tags": [tag] * bool(tag)}) for tag in tags]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize(
    ("tags", "sources"),
    [
        (("", ""), ["# Parameters\nx = 3", "other", "other"]),
        (("", "parameters", ""), ["other", "parameters", "# Parameters\nx = 3", "other"]),
        (("parameters", "injected-parameters", ""), ["parameters", "# Parameters\nx = 3", "other"]),
        ((), ["# Parameters\nx = 3"]),
    ],
)
def test_values_stand_after_the_cell_tagged_parameters_else_first(tags, sources):
    given = notebook(*tags)
    before = [cell.source for cell in given.cells]
    assert [cell.source for cell in with_parameters(given, {"x": 3}).cells] == sources
    assert [cell.source for cell in given.cells] == before


def test_without_parameters_nothing_changes():
    given = notebook("parameters")
    assert with_parameters(given, {}) is given
