# SPDX-License-Identifier: BSD-3-Clause
"""Forms as widgets: real ipywidgets, changed as a front end changes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any

import ipywidgets as widgets
import pytest

from mcp_jupyter.widgets.forms import FormError, SchemaForm

EVIL = (
    "<img src=x onerror=alert(1)> $\\href{javascript:alert(1)}{x}$ \x1b]8;;http://evil\x07\u202egnp.\\(x\\)"
)
PLACE = {"type": "object", "properties": {"street": {"type": "string"}}, "required": ["street"]}


@pytest.fixture
def form_of(made: list[SchemaForm]) -> Any:
    def form_of(properties: dict[str, Any], **rest: Any) -> SchemaForm:
        made.append(SchemaForm({"type": "object", "properties": properties, **rest}))
        return made[-1]

    return form_of


def all_of(widget: Any) -> Iterator[Any]:
    """What is displayed, hidden things left out."""
    if widget.layout.display == "none":
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from all_of(child)


def named(form: SchemaForm, label: str) -> Any:
    (found,) = [widget for widget in all_of(form.widget) if getattr(widget, "description", None) == label]
    return found


def labels(form: SchemaForm) -> list[str]:
    shown = [getattr(widget, "description", "") for widget in all_of(form.widget)]
    return [label for label in shown if label not in ("", "…")]


def press_dots(form: SchemaForm, name: str) -> None:
    about = f"What is sent while {name} is empty"
    (found,) = [widget for widget in all_of(form.widget) if getattr(widget, "tooltip", None) == about]
    found.click()


def set_to(control: Any, value: Any) -> None:
    setattr(control, "label" if control.has_trait("index") else "value", value)


def shown_by(control: Any) -> Any:
    return control.label if control.has_trait("index") else control.value


def notes(form: SchemaForm) -> str:
    return "\n".join(widget.value for widget in all_of(form.widget) if isinstance(widget, widgets.HTML))


@pytest.mark.parametrize(
    ("schema", "kind", "entered", "value"),
    [
        ({"type": "string"}, widgets.Text, "Oslo", "Oslo"),
        ({"type": "string", "maxLength": 5000}, widgets.Textarea, "a\nb", "a\nb"),
        ({"type": "string", "format": "password"}, widgets.Password, "pw", "pw"),
        ({"type": "string", "format": "date"}, widgets.DatePicker, date(2026, 1, 31), "2026-01-31"),
        (
            {"type": "string", "format": "date-time"},
            widgets.DatetimePicker,
            datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
            "2026-01-31T09:30:00Z",
        ),
        ({"type": "string", "format": "time"}, widgets.TimePicker, time(9, 30), "09:30:00"),
        ({"type": "string", "format": "email"}, widgets.Text, "a@b.example", "a@b.example"),
        ({"type": "integer"}, widgets.Text, "12", 12),
        ({"enum": ["a", "b"]}, widgets.RadioButtons, "b", "b"),
        ({"enum": list("abcde")}, widgets.Dropdown, "b", "b"),
        ({"type": "boolean"}, widgets.Checkbox, True, True),
        ({"type": ["boolean", "null"]}, widgets.RadioButtons, "yes", True),
        ({}, widgets.Textarea, '{"a": [1]}', {"a": [1]}),
    ],
)
def test_what_is_entered_is_the_value(form_of: Any, schema: Any, kind: Any, entered: Any, value: Any) -> None:
    form = form_of({"field": schema})
    label = "field, JSON" if schema == {} else "field"
    control = named(form, label)
    assert type(control) is kind
    set_to(control, entered)
    assert form.value() == {"field": value}
    form.set({"field": value})
    assert shown_by(named(form, label)) == entered


def test_what_is_required_says_so_and_has_its_problem_beside_it(form_of: Any) -> None:
    form = form_of({"city": {"type": "string"}, "n": {"type": "integer", "minimum": 1}}, required=["city"])
    named(form, "n").value = "0"
    with pytest.raises(FormError) as caught:
        form.value()
    assert str(caught.value) == "city: required\nn: must be at least 1"
    assert form.problems() == ["city: required", "n: must be at least 1"]
    assert 'role="alert"' in notes(form)
    assert "⚠ Required" in notes(form)
    named(form, "city (required)").value = "Oslo"
    assert "⚠ Required" not in notes(form)
    assert "⚠ Must be at least 1" in notes(form)
    named(form, "n").value = "1"
    assert form.value() == {"city": "Oslo", "n": 1}
    assert "⚠" not in notes(form)


def test_what_an_empty_field_sends_is_chosen_behind_its_small_button(form_of: Any) -> None:
    form = form_of({"name": {"type": ["string", "null"]}})
    asks = "While name is empty, send"
    assert asks not in labels(form)
    press_dots(form, "name")
    choice = named(form, asks)
    assert choice.options == ("nothing", "empty text", "null")
    assert choice.label == "nothing"
    for label, value in [("null", {"name": None}), ("empty text", {"name": ""}), ("nothing", {})]:
        choice.label = label
        assert form.value() == value
        assert named(form, "name").placeholder == ("" if label == "nothing" else label)
    choice.label = "null"
    named(form, "name").value = "Ada"
    assert choice.label == "nothing"
    assert form.value() == {"name": "Ada"}
    press_dots(form, "name")
    assert asks not in labels(form)


def test_a_checkbox_that_may_be_left_out_is_left_out_until_it_is_used(form_of: Any) -> None:
    form = form_of({"wind": {"type": "boolean"}})
    assert form.value() == {}
    named(form, "wind").value = True
    assert form.value() == {"wind": True}
    named(form, "wind").value = False
    assert form.value() == {"wind": False}
    press_dots(form, "wind")
    named(form, "While wind is empty, send").label = "nothing"
    assert form.value() == {}


def test_a_choice_has_all_that_can_be_sent(form_of: Any) -> None:
    options = [{"const": 1, "title": "One"}, {"const": 2, "title": "Two"}, {"const": 3, "title": "Two"}]
    form = form_of({"n": {"oneOf": [*options, {"type": "null"}]}})
    box = named(form, "n")
    assert box.options == ("(not sent)", "One", "Two", "Two (2)", "null")
    assert box.label == "(not sent)"
    for label, value in [("One", {"n": 1}), ("Two (2)", {"n": 3}), ("null", {"n": None}), ("(not sent)", {})]:
        box.label = label
        assert form.value() == value


def test_a_choice_that_is_required_begins_without_one(form_of: Any) -> None:
    form = form_of({"n": {"enum": ["a", "b"]}}, required=["n"])
    assert named(form, "n (required)").index is None
    assert form.problems() == ["n: required"]


@pytest.mark.parametrize(
    ("schema", "classes"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 500}, {"min=1", "max=500", "step=1"}),
        ({"type": "number", "minimum": 0.5}, {"min=0.5", "step=any"}),
        ({"type": "number", "multipleOf": 0.25}, {"step=0.25"}),
    ],
)
def test_a_number_tells_the_page_its_bounds(form_of: Any, schema: Any, classes: set[str]) -> None:
    form = form_of({"n": schema})
    bounds = {f"mcp-jupyter-{each}" for each in classes}
    assert set(named(form, "n")._dom_classes) == {"mcp-jupyter-number", *bounds}


def sliders(form: SchemaForm) -> list[Any]:
    return [each for each in all_of(form.widget) if isinstance(each, widgets.FloatSlider)]


@pytest.mark.parametrize(
    ("schema", "steps"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 30}, [1]),
        ({"type": "number", "minimum": 0, "maximum": 1}, [0.01]),
        ({"type": "integer", "minimum": 0, "maximum": 1000, "multipleOf": 50}, [50]),
        ({"type": "integer", "minimum": 1, "maximum": 500}, []),
        ({"type": "integer", "minimum": 1}, []),
        ({"type": "integer", "minimum": 3, "maximum": 1}, []),
    ],
)
def test_a_modest_range_has_a_slider(form_of: Any, schema: Any, steps: list[float]) -> None:
    assert [slider.step for slider in sliders(form_of({"n": schema}))] == steps


def test_a_slider_and_its_field_show_one_number(form_of: Any) -> None:
    form = form_of({"n": {"type": "integer", "minimum": 1, "maximum": 30}})
    (slider,) = sliders(form)
    assert form.value() == {}
    slider.value = 7
    assert (named(form, "n").value, form.value()) == ("7", {"n": 7})
    named(form, "n").value = "12"
    assert slider.value == 12
    named(form, "n").value = "99"
    assert (slider.value, form.problems()) == (30, ["n: must be at most 30"])


def test_many_fields_that_may_be_left_out_are_behind_more(form_of: Any) -> None:
    form = form_of({name: {"type": "string", "minLength": 2} for name in "abcdefg"}, required=["d"])
    assert labels(form) == ["d (required)", "More (6)", "{ } JSON"]
    named(form, "More (6)").value = True
    named(form, "a").value = "x"
    named(form, "More (6)").value = False
    named(form, "d (required)").value = "xx"
    with pytest.raises(FormError):
        form.submit()
    assert "⚠ Must have at least 2 characters" in notes(form)  # it is shown again
    form.set({"d": "xx"})
    assert named(form, "More (6)").value is False
    form.set({"d": "xx", "b": "yy"})
    assert named(form, "b").value == "yy"


def test_the_values_are_edited_as_json_and_in_fields_again(form_of: Any) -> None:
    form = form_of({"a": {"type": "string"}, "n": {"type": "integer"}})
    named(form, "a").value = "x"
    switch = named(form, "{ } JSON")
    switch.value = True
    assert named(form, "JSON").value == '{"a": "x"}'
    named(form, "JSON").value = '{"a": "y", "n": 2}'
    assert form.value() == {"a": "y", "n": 2}
    switch.value = False
    assert (named(form, "a").value, named(form, "n").value) == ("y", "2")
    for text, said in [('{"a": ', "⚠ Must be JSON"), ("[1]", "⚠ Has values that only JSON can show")]:
        switch.value = True
        named(form, "JSON").value = text
        switch.value = False
        assert switch.value is True
        assert said in notes(form)
    named(form, "JSON").value = ""
    switch.value = False
    assert form.value() == {}


def test_a_form_with_a_secret_is_not_shown_as_json(form_of: Any) -> None:
    form = form_of({"a": {"type": "string"}, "key": {"type": "string", "format": "password"}})
    assert "{ } JSON" not in labels(form)


def test_the_first_wrong_field_gets_the_focus(form_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    focused: list[Any] = []
    monkeypatch.setattr(widgets.DOMWidget, "focus", lambda widget: focused.append(widget))
    form = form_of({"a": {"type": "string"}, "home": PLACE, "b": {"type": "string"}}, required=["home", "b"])
    with pytest.raises(FormError) as caught:
        form.submit()
    assert caught.value.summary == "Please correct 2 fields."
    assert focused == [named(form, "street (required)")]


def test_a_group_is_left_out_until_it_is_given(form_of: Any) -> None:
    form = form_of({"home": PLACE})
    assert form.value() == {}
    named(form, "Give home").value = True
    assert form.problems() == ["home.street: required"]
    named(form, "street (required)").value = "High Street"
    assert form.value() == {"home": {"street": "High Street"}}
    named(form, "Give home").value = False
    assert form.value() == {}


def test_rows_are_added_moved_and_removed(form_of: Any) -> None:
    form = form_of({"tags": {"type": "array", "items": {"type": "string"}}})
    for number, text in enumerate(["a", "b", "c"], 1):
        named(form, "Add to tags").click()
        named(form, f"tags {number} (required)").value = text
    named(form, "Move tags 3 up").click()
    named(form, "Remove tags 1").click()
    assert form.value() == {"tags": ["c", "b"]}
    assert named(form, "tags 1 (required)").value == "c"


def test_several_are_chosen(form_of: Any) -> None:
    form = form_of({"units": {"type": "array", "items": {"enum": ["C", "F"]}}})
    named(form, "F").value = True
    assert form.value() == {"units": ["F"]}
    named(form, "F").value = False
    assert form.value() == {"units": []}
    named(form, "Give units").value = False
    assert form.value() == {}


def test_alternatives_have_a_form_each(form_of: Any) -> None:
    form = form_of(
        {"where": {"anyOf": [{"type": "string", "title": "By name"}, {**PLACE, "title": "Place"}]}}
    )
    named(form, "where, as").label = "Place"
    named(form, "street (required)").value = "High Street"
    assert form.value() == {"where": {"street": "High Street"}}
    named(form, "where, as").label = "By name"
    named(form, "where: By name (required)").value = "here"
    assert form.value() == {"where": "here"}


def test_properties_of_any_name(form_of: Any) -> None:
    form = form_of({"env": {"type": "object", "additionalProperties": {"type": "string"}}})
    named(form, "Add a property to env").click()
    named(form, "name 1").value = "HOME"
    named(form, "value 1 (required)").value = "/root"
    assert form.value() == {"env": {"HOME": "/root"}}
    named(form, "Remove 1").click()
    assert form.value() == {"env": {}}


def test_what_a_field_cannot_show_is_json_until_the_fields_are_wanted(form_of: Any) -> None:
    form = form_of({"n": {"type": "integer"}})
    form.set({"n": "four"})
    assert named(form, "n, JSON").value == '"four"'
    assert form.problems() == ["n: 'four' is not of type 'integer'"]
    named(form, "Use fields again for n").click()
    assert form.value() == {}


def test_what_was_entered_so_far_is_there_before_it_fits(form_of: Any) -> None:
    form = form_of({"a": {"type": "string"}, "n": {"type": "integer"}}, required=["a"])
    named(form, "n").value = "3"
    assert form.entered == {"n": 3}


def test_changes_are_told(form_of: Any) -> None:
    form = form_of({"a": {"type": "string"}})
    told: list[Any] = []
    form.on_change(lambda changed: told.append(changed.value()))
    named(form, "a").value = "x"
    form.set({"a": "y"})
    assert told == [{"a": "x"}, {"a": "y"}]


def test_while_it_is_disabled_nothing_can_be_changed(form_of: Any) -> None:
    form = form_of({"tags": {"type": "array", "items": {"type": "string"}}, "a": {"type": "string"}})
    form.disabled = True
    form.set({"tags": ["x"]})
    controls = [widget for widget in all_of(form.widget) if widget.has_trait("disabled")]
    assert len(controls) >= 5
    assert all(widget.disabled for widget in controls)
    form.disabled = False
    assert not any(widget.disabled for widget in controls)


@pytest.mark.parametrize("value", [{}, {"HOME": "/root"}])
def test_the_first_field_gets_the_focus(
    made: list[SchemaForm], monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    focused: list[Any] = []
    monkeypatch.setattr(widgets.DOMWidget, "focus", lambda widget: focused.append(widget))
    form = SchemaForm({"type": "object", "additionalProperties": {"type": "string"}})
    made.append(form)
    form.set(value)
    form.focus()
    controls = [widget for widget in all_of(form.widget) if widget.has_trait("disabled")]
    assert focused == controls[:1]


def test_only_json_can_be_set(form_of: Any) -> None:
    form = form_of({})
    for value in ({"a": float("nan")}, {"a": object()}):
        with pytest.raises((TypeError, ValueError)):
            form.set(value)


def test_a_servers_texts_are_inert(form_of: Any) -> None:
    schema = {"title": EVIL, "description": EVIL}
    form = form_of(
        {
            EVIL: {"type": "string", **schema},
            "switch": {"type": "boolean", **schema},
            "choice": {"oneOf": [{"const": 1, "title": EVIL}, {"const": EVIL}], **schema},
            "many": {"type": "array", "items": {"enum": [EVIL]}, **schema},
            "list": {"type": "array", "items": {"type": "integer", **schema}, **schema},
            "variant": {"anyOf": [{"type": "integer", **schema}, {"type": "boolean"}], **schema},
            "map": {"type": "object", "additionalProperties": {"type": "string"}, **schema},
            "any": schema,
        },
        required=["switch", EVIL],
    )
    form.set({"switch": True, "list": [1], "variant": 1, "map": {EVIL: EVIL}})
    with pytest.raises(FormError):
        form.value()
    for widget in all_of(form.widget):
        assert getattr(widget, "description_allow_html", False) is False
        assert not isinstance(widget, widgets.Label | widgets.HTMLMath)
        if isinstance(widget, widgets.HTML):
            assert "<img" not in widget.value
        shown = getattr(widget, "description", "")
        assert shown.count("$") < 2
        assert "\\" not in shown
        texts = [shown, widget.tooltip or "", getattr(widget, "placeholder", "")]
        texts += getattr(widget, "options", ())
        texts += [widget.value] if isinstance(widget, widgets.HTML) else []
        assert not any(char in text for text in texts for char in "\x1b\x07\u202e")


def test_everything_that_takes_input_has_a_name(form_of: Any) -> None:
    form = form_of(
        {
            "a": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "units": {"type": "array", "items": {"enum": ["C"]}},
            "env": {"type": "object", "additionalProperties": {}},
            "home": PLACE,
            "any": {},
        },
        required=["tags", "home"],
    )
    form.set({"tags": ["x", "y"], "env": {"a": 1}, "home": {}})
    controls = [widget for widget in all_of(form.widget) if widget.has_trait("disabled")]
    names = [widget.tooltip if widget.description == "…" else widget.description for widget in controls]
    assert all(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "schema", [True, False, None, 3, "x", [], {}, {"type": "nothing"}, {"properties": 5}]
)
def test_a_schema_that_is_none_gets_a_json_field(made: list[SchemaForm], schema: Any) -> None:
    form = SchemaForm(schema, label="value")
    made.append(form)
    (box,) = [widget for widget in all_of(form.widget) if isinstance(widget, widgets.Textarea)]
    assert ("Not checked here" in notes(form)) is (not isinstance(schema, bool) and schema != {})
    box.value = '{"a": 1}'
    assert (form.problems() == []) is (schema is not False)


def test_a_closed_form_leaves_no_widget(made: list[SchemaForm]) -> None:
    form = SchemaForm({"type": "object", "properties": {"home": PLACE, "any": {}}})
    made.append(form)  # what is left is looked at when the test ends
    form.set({"home": {"street": "x"}, "more": [1]})
    form.set({})
    form.focus()
