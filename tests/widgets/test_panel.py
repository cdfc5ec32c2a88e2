# SPDX-License-Identifier: BSD-3-Clause
"""The panel of a connected server, used by its labels."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from IPython.display import display
from IPython.utils.capture import capture_output
from ipywidgets.widgets.widget import _instances as open_widgets

from mcp_jupyter import types
from mcp_jupyter._ipython.cards import Card
from mcp_jupyter.notebook_client.connected_server import ConnectedServer
from mcp_jupyter.notebook_client.connections import Connections, ConnectOptions
from mcp_jupyter.server.lowlevel import Server
from mcp_jupyter.widgets.panel import panel_of
from tests.notebook_client.shells import shell_in

from .person import Person

pytestmark = pytest.mark.anyio


async def test_it_says_what_the_server_is_and_has(server: ConnectedServer, person: Person) -> None:
    assert "weather" in person.text
    assert f"open · {len(server.definitions)} tools, 2 resources, 1 prompt" in person.text
    assert "forecast" in person.options("Tools")
    assert repr(panel_of(server)) == repr(server)


async def test_a_tool_is_called_with_what_is_filled_in(person: Person) -> None:
    person.choose("Tools", "forecast")
    person.fill("city (required)", "Oslo")
    person.press("Call")
    await person.reads("Oslo: sunny, 20, 1 d")
    assert "✓ Done after" in person.text


async def test_arguments_that_are_json_begin_with_none_of_them(connections: Connections) -> None:
    bare = connections.connect("bare", ConnectOptions(bare_server()))
    panel = panel_of(bare)
    person = Person(panel)
    person.press("Call")
    await person.reads("called with {}")
    panel.close()


def bare_server() -> Server:
    """A server whose only tool says nothing of its arguments."""
    server: Server = Server("bare")

    @server.list_tools()
    async def listed() -> list[types.Tool]:
        return [types.Tool(name="anything", inputSchema={})]

    @server.call_tool(validate_input=False)
    async def call(name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        return [types.TextContent(type="text", text=f"called with {arguments}")]

    return server


FILES = {
    "read_file": types.ToolAnnotations(readOnlyHint=True),
    "write_file": types.ToolAnnotations(destructiveHint=True),
    "touch_file": types.ToolAnnotations(readOnlyHint=False, destructiveHint=False),
    "move_file": types.ToolAnnotations(readOnlyHint=False),
    "find_file": None,
}


@pytest.fixture
async def files(connections: Connections) -> AsyncIterator[Person]:
    """Who looks at a server whose tools say what they do."""
    server: Server = Server("files")
    schema = {
        "type": "object",
        "properties": {"path": {"type": "string"}, "key": {"type": "string", "format": "password"}},
        "required": ["path"],
    }

    @server.list_tools()
    async def listed() -> list[types.Tool]:
        about = "Do it.\nMore of it."
        return [
            types.Tool(name=name, description=about, inputSchema=schema, annotations=hints)
            for name, hints in FILES.items()
        ]

    @server.call_tool()
    async def call(name: str, arguments: dict[str, Any]) -> list[types.TextContent]:
        return [types.TextContent(type="text", text=f"{name} of {arguments['path']}")]

    panel = panel_of(connections.connect("files", ConnectOptions(server)))
    yield Person(panel)
    panel.close()


async def test_rows_say_what_the_tools_do(files: Person) -> None:
    assert files.rows("Tools") == [
        "read_file · reads only\nDo it.",
        "write_file · deletes\nDo it.",
        "touch_file · changes\nDo it.",
        "move_file · deletes\nDo it.",  # the default of a tool that changes something
        "find_file\nDo it.",
    ]


@pytest.mark.parametrize("name", ["read_file", "touch_file", "move_file", "find_file"])
async def test_a_tool_that_does_not_say_that_it_deletes_is_called_at_once(files: Person, name: str) -> None:
    files.choose("Tools", name)
    files.fill("path (required)", "a.txt")
    files.press("Call")
    await files.reads(f"{name} of a.txt")


async def test_a_tool_that_deletes_is_called_once_the_user_confirms_what_is_sent(files: Person) -> None:
    files.choose("Tools", "write_file")
    files.press("Write file (deletes)")
    assert "Please correct 1 field." in files.text
    files.fill("path (required)", "a.txt")
    files.fill("key", "s3cret")
    files.press("Write file (deletes)")
    assert "Call write_file?" in files.text
    assert "path = 'a.txt'" in files.text
    assert "s3cret" not in files.text
    files.press("Cancel")
    assert "Call write_file?" not in files.text
    assert files.rows("History") == []
    files.press("Write file (deletes)")
    files.fill("path (required)", "b.txt")
    files.find_all("Write file (deletes)")[1].click()
    await files.reads("write_file of a.txt")  # what was confirmed
    assert "Call write_file?" not in files.text


async def test_history_says_what_was_sent_and_what_differs(files: Person) -> None:
    for path in ("a.txt", "b.txt"):
        files.fill("path (required)", path)
        files.fill("key", "s3cret")
        files.press("Call")
        await files.reads(f"read_file of {path}")
    last, first = files.rows("History")
    assert re.fullmatch(r"\d\d:\d\d:\d\d read_file · Done after .* m?s\npath='a.txt', key=\.\.\.", first)
    assert last.endswith("\npath='b.txt' (was 'a.txt'), key=...")


async def test_a_filled_field_counts_after_other_things_were_shown(files: Person) -> None:
    """A field was once reported as missing after the choice for empty fields was closed (R30)."""
    files.fill("path (required)", "a.txt")
    dots = files.find_all("…")[0]
    dots.click()
    dots.click()
    files.choose("Tools", "find_file")
    files.fill("path (required)", "b.txt")
    files.press("Call")
    await files.reads("find_file of b.txt")
    files.choose("Tools", "read_file")
    files.press("Call")
    await files.reads("read_file of a.txt")


async def test_a_change_that_arrives_after_the_click_counts(files: Person) -> None:
    files.fill("path (required)", "a.txt")
    files.find(widgets.Button, "Call").click()
    files.fill("path (required)", "b.txt")
    await files.reads("read_file of b.txt")


async def test_what_is_missing_is_said_and_nothing_is_called(server: ConnectedServer, person: Person) -> None:
    person.choose("Tools", "forecast")
    person.press("Call")
    assert "Please correct 1 field." in person.text
    assert person.text.count("Required") == 1
    assert "city: required" not in person.text
    assert "forecast" not in repr(server.log)


async def test_a_failure_is_readable(person: Person) -> None:
    person.choose("Tools", "broken")
    person.fill("why (required)", "fog")
    person.press("Call")
    await person.reads("no weather today: fog")
    assert "Failed after" in person.text


async def test_a_call_is_cancelled_and_the_next_can_be_made(person: Person) -> None:
    person.choose("Tools", "forever")
    assert not person.can_press("Cancel")
    person.press("Call")
    assert "<progress " in person.html
    person.press("Cancel")
    await person.reads("Cancelled after")
    assert "<progress " not in person.html
    person.choose("Tools", "measure")
    person.press("Call")
    await person.reads("measured")


async def test_a_call_under_way_says_whose_it_is_when_another_tool_is_shown(person: Person) -> None:
    person.choose("Tools", "forever")
    person.press("Call")
    assert "forever:" not in person.text
    person.choose("Tools", "forecast")
    await person.reads("forever:")
    person.press("Cancel")
    await person.reads("forever: Cancelled after")


async def test_one_call_at_a_time(server: ConnectedServer, person: Person) -> None:
    person.choose("Tools", "forever")
    person.press("Call")
    person.press("Call")
    assert repr(server.log).count("call: forever") == 1
    person.press("Cancel")
    await person.reads("Cancelled after")


async def test_resources_are_read_and_templates_filled_in(person: Person) -> None:
    person.choose("Resources", "all_stations")
    person.press("Read")
    await person.reads("2,Oslo")
    person.choose("Resources", "station {…}")
    resources = person.tab("Resources")
    resources.fill("city (required)", "New York")
    resources.press("Read")
    await person.reads("station of New York")


async def test_a_prompt_is_shown_with_its_roles(person: Person) -> None:
    prompts = person.tab("Prompts")
    prompts.fill("city (required)", "Oslo")
    prompts.press("Get")
    await prompts.reads("user: What should I pack for Oslo?")


async def test_values_are_kept_while_another_tool_is_shown(person: Person) -> None:
    person.choose("Tools", "forecast")
    person.fill("city (required)", "Oslo")
    person.choose("Tools", "measure")
    person.choose("Tools", "forecast")
    assert person.entered("city (required)") == "Oslo"


# -- questions ---------------------------------------------------------------------------------------------


async def test_a_question_is_asked_where_its_call_is_and_goes_when_it_is_answered(person: Person) -> None:
    person.choose("Tools", "book")
    person.press("Call")
    await person.reads("Where do you want to go?")
    assert "Where do you want to go?" in person.tab("Tools").text
    person.fill("city (required)", "Oslo")
    person.press("Accept")
    await person.reads("2 nights in Oslo")
    assert "Where do you want to go?" not in person.text


async def test_a_question_of_no_call_of_the_panel_is_asked_above_the_panes(
    server: ConnectedServer, person: Person
) -> None:
    call = server.start_call("book", {})
    await person.reads("Where do you want to go?")
    assert "Where do you want to go?" not in person.tab("Tools").text
    person.press("Decline")
    await person.until(call.done)


async def test_the_first_field_of_a_question_gets_the_focus_once_the_page_has_it(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.choose("Tools", "book")
    person.press("Call")
    await person.reads("Where do you want to go?")
    focused: list[Any] = []
    monkeypatch.setattr(widgets.DOMWidget, "focus", lambda widget: focused.append(widget))
    field = person.find(widgets.Text, "city (required)")
    field._view_count = 1  # what the front end says once it shows it
    field._view_count = 2
    assert focused == [field]


async def test_a_cancelled_call_takes_its_question_with_it(person: Person) -> None:
    person.choose("Tools", "book")
    person.press("Call")
    await person.reads("Where do you want to go?")
    person.tab("Tools").press("Cancel")
    await person.until(lambda: "Where do you want to go?" not in person.text)


async def test_questions_are_taken_while_somebody_looks(server: ConnectedServer) -> None:
    panel = panel_of(server)
    before = len(server.questions._takers)
    panel._view_count = 1
    assert len(server.questions._takers) == before + 1
    panel._view_count = 2
    assert len(server.questions._takers) == before + 1
    panel._view_count = 0
    assert len(server.questions._takers) == before
    panel._view_count = 1
    panel.close()
    assert len(server.questions._takers) == before


async def test_what_a_server_has_to_show_appears_in_the_panel(
    server: ConnectedServer, person: Person
) -> None:
    server.questions.show(Card("Sign in at example.com"))
    await person.reads("Sign in at example.com")
    server.questions.show(Card("Signed in at example.com"))
    await person.reads("Signed in at example.com")
    assert "Sign in at" not in person.text


# -- history -----------------------------------------------------------------------------------------------


async def test_history_fills_the_form_in_and_becomes_code(person: Person) -> None:
    person.choose("Tools", "forecast")
    person.fill("city (required)", "Oslo")
    person.press("Call")
    await person.reads("Oslo: sunny")
    person.fill("city (required)", "Bergen")
    person.press("Again")
    assert person.entered("city (required)") == "Oslo"
    person.press("Insert as code")
    assert person.entered("Code") == "weather.tools.forecast(city='Oslo', unit='celsius', days=1)"


async def test_history_is_bounded(person: Person) -> None:
    person.choose("Tools", "stations")
    person.fill("n (required)", "1")
    for number in range(22):
        person.press("Call")
        await person.until(lambda: not person.can_press("Cancel"))
        assert len(person.rows("History")) == min(number + 1, 20)


# -- what changes at the server ----------------------------------------------------------------------------


async def test_a_new_tool_appears_and_what_was_typed_stays(server: ConnectedServer, person: Person) -> None:
    before = len(server.definitions)
    person.choose("Tools", "learn")
    person.fill("name (required)", "fresh")
    person.press("Call")
    await person.until(lambda: "fresh" in person.options("Tools"))
    assert person.entered("name (required)") == "fresh"
    assert f"{before + 1} tools" in person.text


async def test_a_server_that_is_disconnected_leaves_a_panel_to_read(
    connections: Connections, person: Person
) -> None:
    person.choose("Tools", "forever")
    person.press("Call")
    connections.disconnect("weather")
    await person.reads("Disconnected.")
    await person.reads("Failed after")
    assert not person.can_press("Call")
    assert not person.can_press("Cancel")
    person.press("Insert as code")
    assert person.entered("Code") == "weather.tools.forever()"


# -- its life ----------------------------------------------------------------------------------------------


async def test_a_server_has_one_panel_until_that_is_closed(server: ConnectedServer) -> None:
    first = panel_of(server)
    assert panel_of(server) is first
    first.close()
    second = panel_of(server)
    assert second is not first
    second.close()


async def test_a_panel_is_in_the_place_where_it_was_displayed_last(
    server: ConnectedServer, tmp_path: Path
) -> None:
    panel = panel_of(server)
    with shell_in(tmp_path, is_current=True), capture_output() as captured:
        display(panel)
        display(panel)
    first, note, second = captured.outputs
    assert "application/vnd.jupyter.widget-view+json" in first.data
    assert note.data == {"text/plain": "The panel of weather is displayed again, in another cell."}
    assert second.data == first.data
    panel.close()


async def test_closing_leaves_no_widget_and_no_listener(server: ConnectedServer) -> None:
    before = set(open_widgets)
    panel = panel_of(server)
    panel._view_count = 1
    person = Person(panel)
    person.choose("Tools", "forecast")
    person.choose("Tools", "book")
    person.press("Call")
    await person.reads("Where do you want to go?")
    panel.close()
    panel.close()
    assert set(open_widgets) - before == set()
    assert server._listeners == []
