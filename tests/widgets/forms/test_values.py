# SPDX-License-Identifier: BSD-3-Clause
"""Properties of fields that are not drawn: what is set is what is read, and no schema breaks them."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mcp_jupyter.protocol.validation import JsonSchema
from mcp_jupyter.widgets.forms.form import MAX_FIELDS, build
from mcp_jupyter.widgets.forms.values import Problem, same

from .generated import Case, cases, hostile_schemas, json_values

MANY = settings(max_examples=300)


@MANY
@given(st.data(), cases())
def test_what_fits_is_read_as_it_was_set(data: st.DataObject, case: Case) -> None:
    value = data.draw(case.values)
    assume(not JsonSchema(case.schema).problems(value))
    field = build(case.schema)
    for _ in range(2):  # the second time over the first
        field.set(value)
        problems: list[Problem] = []
        assert same(field.read((), problems), value)
        assert [str(problem) for problem in problems] == []


@MANY
@given(cases())
def test_what_a_form_begins_with_fits_or_has_problems(case: Case) -> None:
    problems: list[Problem] = []
    value = build(case.schema).read((), problems)
    assert problems or JsonSchema(case.schema).problems(value) == []


@MANY
@given(hostile_schemas(), json_values())
def test_no_schema_breaks_a_form(schema: Any, value: Any) -> None:
    field = build(schema, "label")
    field.read((), [])
    field.set(value)
    problems: list[Problem] = []
    read = field.read((), problems)
    assert problems or same(read, value)
    assert field.size <= MAX_FIELDS + 10
    assert all(str(problem) for problem in problems)
