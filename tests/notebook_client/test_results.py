# SPDX-License-Identifier: BSD-3-Clause
"""What a server answered: its text, data and tables, and what a notebook shows of it."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import mistune
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter
from IPython.utils.capture import capture_output

from mcp_jupyter.errors import McpJupyterError
from mcp_jupyter.errors import ToolError as AnyToolError
from mcp_jupyter.notebook_client.display import frame_of, harmless_markdown
from mcp_jupyter.notebook_client.results import CallResult, PromptResult, ReadResult, ToolError
from mcp_jupyter.server.content import tables as frames
from mcp_jupyter.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    PromptMessage,
    ReadResourceResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
    Tool,
)
from tests.notebook_client.shells import shell_in

PNG = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
JPEG = b64encode(b"\xff\xd8\xff" + bytes(8)).decode()
WAV = b64encode(b"RIFF" + bytes(4) + b"WAVE").decode()
SVG = b64encode(b"<svg onload='alert(1)'/>").decode()


def result(*content: Any, **more: Any) -> CallResult:
    blocks = [TextContent(text=each) if isinstance(each, str) else each for each in content]
    return CallResult(CallToolResult(content=blocks, **more))


def displayed(value: Any) -> dict[str, Any]:
    bundle, _ = DisplayFormatter().format(value)
    return dict(bundle)


# -- text and data -----------------------------------------------------------------------------------------


def test_text_is_raw_and_its_display_is_not() -> None:
    found = result("a\x1b[31mb", "c")
    assert found.text == "a\x1b[31mb\nc"
    assert repr(found) == "ab\nc"


def test_text_of_embedded_resources_counts() -> None:
    part = EmbeddedResource(resource=TextResourceContents(uri="file:///a", text="inside"))
    assert result("before", part).text == "before\ninside"


@pytest.mark.parametrize(
    ("content", "more", "data"),
    [
        (["ignored"], {"structuredContent": {"a": 1}}, {"a": 1}),
        (["ignored"], {"structuredContent": None}, None),
        (['{"a": [1]}'], {}, {"a": [1]}),
        (["[1, 2]"], {}, [1, 2]),
        (["1.10"], {}, "1.10"),
        (["{not json"], {}, "{not json"),
        (["[" * 100_000], {}, "[" * 100_000),
        (["one", "two"], {}, "one\ntwo"),
        ([], {}, None),
    ],
)
def test_data_is_what_is_structured_else_the_text(content: Any, more: Any, data: Any) -> None:
    assert result(*content, **more).data == data


def test_bytes_are_the_data_of_a_result_without_text() -> None:
    """So that they can be handed to the next tool (1.12)."""
    blob = EmbeddedResource(resource=BlobResourceContents(uri="data:application/octet-stream", blob="+/8A"))
    assert result(blob).data == result(blob).bytes == b"\xfb\xff\x00"
    assert result("text", blob).data == "text"
    picture = ImageContent(data=PNG, mimeType="image/png")
    assert (result(picture).data, result(picture).bytes[:4]) == (None, b"\x89PNG")
    broken = EmbeddedResource(resource=BlobResourceContents(uri="data:x", blob="*"))
    assert result(broken).data is None
    with pytest.raises(ValueError, match="not base64"):
        result(broken).bytes  # noqa: B018


def promised(**schema: Any) -> Tool:
    return Tool(name="t", inputSchema={"type": "object"}, outputSchema={"type": "object", **schema})


ONE = {"properties": {"result": {"type": "integer"}}, "required": ["result"]}


@pytest.mark.parametrize(
    ("schema", "sent", "data"),
    [
        (ONE, {"result": 5}, 5),
        (ONE, {"result": None}, None),
        (ONE, {"result": 5, "more": 6}, {"result": 5, "more": 6}),
        ({"properties": {"result": {}, "unit": {}}, "required": ["result"]}, {"result": 5}, {"result": 5}),
        ({"properties": {"result": {}}}, {"result": 5}, {"result": 5}),
        ({}, {"result": 5}, {"result": 5}),
        ({"properties": ["result"]}, {"result": 5}, {"result": 5}),
    ],
)
def test_data_is_the_value_where_the_schema_says_that_the_object_is_around_one(
    schema: Any, sent: Any, data: Any
) -> None:
    found = CallResult(CallToolResult(content=[], structuredContent=sent), promised(**schema))
    assert found.data == data
    assert found.raw.structuredContent == sent


# -- tables ------------------------------------------------------------------------------------------------

RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
FRAME = pd.DataFrame(RECORDS)
CSV = TextResourceContents(uri="x:y", mimeType="text/csv; charset=utf-8", text="a,b\n1,x\n2,\n")


@pytest.mark.parametrize(
    "found",
    [
        result(structuredContent=frames.to_page(FRAME)),
        result(structuredContent={"result": RECORDS}),
        result(structuredContent=RECORDS),
        result(structuredContent={"a": [1, 2], "b": ["x", None]}),
        result('[{"a": 1, "b": "x"}, {"a": 2, "b": null}]'),
        ReadResult(ReadResourceResult(contents=[CSV])),
        result(EmbeddedResource(resource=CSV)),
    ],
)
def test_every_usual_shape_of_a_table_becomes_a_frame(found: CallResult | ReadResult) -> None:
    pd.testing.assert_frame_equal(found.df(), FRAME, check_dtype=False)


def test_a_table_within_an_object_is_named() -> None:
    found = result(structuredContent={"city": "Paris", "hours": RECORDS})
    assert len(found.df("hours")) == 2
    with pytest.raises(ValueError, match=r"not a table.*keys are 'city', 'hours'.*df\(key\)"):
        found.df()
    with pytest.raises(ValueError, match="Unknown key 'days'"):
        found.df("days")


@pytest.mark.parametrize("make", [lambda n: {"x": n}, lambda n: [{"x": each} for each in n], lambda n: n])
def test_infinities_that_came_as_text_are_numbers_in_a_frame(make: Any) -> None:
    """A column of numbers stays one; a column of text stays text (1.15)."""
    numbers = [1.5, "Infinity", None, "-Infinity"]
    found = frame_of(make(numbers)).iloc[:, 0]
    assert found.dtype == float
    assert found.tolist()[:2] == [1.5, float("inf")]
    assert frame_of(make(["Infinity", "a"])).iloc[:, 0].tolist() == ["Infinity", "a"]
    page = frames.to_page(pd.DataFrame({"x": [1.5, float("inf"), float("nan")]}))
    assert frame_of(page)["x"].tolist()[:2] == [1.5, float("inf")]


def test_dates_that_the_schema_names_are_dates() -> None:
    date = {"type": "string", "format": "date-time"}
    schema = {"properties": {"result": {"items": {"properties": {"at": date, "text": {"type": "string"}}}}}}
    tool = Tool(name="t", inputSchema={}, outputSchema=schema)
    rows = [{"at": "2026-01-02T00:00:00Z", "text": "2026"}]
    frame = CallResult(CallToolResult(content=[], structuredContent={"result": rows}), tool).df()
    assert frame["at"][0] == pd.Timestamp("2026-01-02", tz="UTC")
    assert frame["text"][0] == "2026"


def test_what_is_no_table_says_what_it_is() -> None:
    with pytest.raises(ValueError, match=r"of type str; see `\.data`"):
        result("plain").df()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["columns", "rows", "result", "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_any_value_is_a_frame_or_a_clear_refusal(value: Any, schema: Any) -> None:
    try:
        found = frame_of(value, schema)
    except ValueError as exc:
        message = str(exc)
    else:
        message = "The result is a table"
        assert isinstance(found, pd.DataFrame)
    assert message.startswith("The result is")


# -- display -----------------------------------------------------------------------------------------------


def test_an_image_is_displayed_under_the_type_its_bytes_show() -> None:
    shown = displayed(result(ImageContent(data=JPEG, mimeType="image/png")))
    assert shown == {"image/jpeg": JPEG, "text/plain": "[image/png, 11 bytes]"}


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (SVG, "image/svg+xml", "[image/svg+xml, 24 bytes, not displayed]"),
        (SVG, "image/png", "[image/png, 24 bytes, not displayed]"),
        ("no base64!", "image/png", "[image/png, not base64, not displayed]"),
        ("", "image/png\x1b[0m", "[image/png, 0 bytes, not displayed]"),
    ],
)
def test_what_is_no_image_is_only_named(data: str, kind: str, text: str) -> None:
    assert displayed(result(ImageContent(data=data, mimeType=kind))) == {"text/plain": text}


def test_a_sound_is_an_element_of_our_own() -> None:
    html = displayed(result(AudioContent(data=WAV, mimeType='audio/wav" onerror="x')))["text/html"]
    assert html == f'<audio controls preload="metadata" src="data:audio/wav;base64,{WAV}"></audio>'


def test_several_parts_are_displayed_one_after_the_other(tmp_path: Path) -> None:
    found = result("one", "two", ImageContent(data=PNG, mimeType="image/png"), "three")
    with shell_in(tmp_path, is_current=True) as shell, capture_output() as captured:
        bundle, _ = shell.display_formatter.format(found)
    assert bundle == {}
    assert [set(output.data) for output in captured.outputs] == [
        {"text/plain"}, {"image/png", "text/plain"}, {"text/plain"},
    ]  # fmt: skip
    assert captured.outputs[0].data["text/plain"] == "one\ntwo"


def test_a_frame_is_a_table_of_the_first_rows() -> None:
    page = frames.to_page(pd.DataFrame({"a": range(300), "<b>": "<script>"}))
    shown = displayed(result("the text", structuredContent=page))
    assert shown["text/plain"] == "the text"
    assert "20 of 300 rows" in shown["text/html"]
    assert "<script>" not in shown["text/html"]
    assert "<b>" not in shown["text/html"]


def test_structured_content_without_a_text_is_shown_as_json() -> None:
    assert displayed(result(structuredContent={"a": 1})) == {"text/plain": '{\n  "a": 1\n}'}
    assert displayed(result()) == {"text/plain": "(an empty result)"}


def test_links_and_other_resources_are_lines() -> None:
    link = ResourceLink(name="report", uri="x:report", mimeType="text/html", description="The\nreport")
    blob = EmbeddedResource(resource=BlobResourceContents(uri="x:y", blob=SVG, mimeType="image/svg+xml"))
    assert repr(result(link, blob)) == (
        "[resource x:report: report, text/html, The report]\n[image/svg+xml, 24 bytes, not displayed]"
    )


def test_outputs_of_one_result_are_bounded() -> None:
    found = result(*[ImageContent(data=PNG, mimeType="image/png")] * 1000)
    assert repr(found).endswith("... and 950 more parts")


POISON = (
    "\x1b[2J\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\\u202e\u200b\U000e0041"
    "<img src=x onerror=alert(1)><button data-commandlinker-command='x'>"
    "![x](https://evil.example/pixel)<svg onload=alert(1)>"
    "$\\href{javascript:alert(1)}{x}$"
)
HOSTILE = TextResourceContents(uri=POISON, mimeType="text/html", text=POISON)


@pytest.mark.parametrize(
    "found",
    [
        result(POISON),
        result(POISON, isError=True),
        result(EmbeddedResource(resource=HOSTILE)),
        result(ResourceLink(name=POISON, uri=POISON, description=POISON, title=POISON)),
        result(ImageContent(data=POISON, mimeType=POISON)),
        result(AudioContent(data=POISON, mimeType=POISON)),
        result(structuredContent={POISON: POISON}),
        ReadResult(ReadResourceResult(contents=[HOSTILE])),
        PromptResult(
            GetPromptResult(messages=[PromptMessage(role="user", content=TextContent(text=POISON))])
        ),
    ],
)
def test_poison_is_shown_as_text_only(found: Any) -> None:
    shown = displayed(found)
    assert set(shown) == {"text/plain"}
    assert not {"\x1b", "\u202e", "\u200b", "\U000e0041"} & set(shown["text/plain"])


def test_poison_in_a_frame_stays_text_in_code() -> None:
    page = {"columns": [POISON], "rows": [[POISON], [{POISON: 1}]], "total": 2, "truncated": False}
    html = displayed(result(structuredContent=page))["text/html"]
    assert not any(tag in html for tag in ("<img", "<button", "<svg", "\x1b", "\u202e"))
    outside = "".join(part.partition("</code>")[2] for part in html.split("<code"))
    assert "$" not in outside


# -- Markdown ----------------------------------------------------------------------------------------------


def test_markdown_on_request_keeps_its_form() -> None:
    found = result("# Title\n\n* a **b** `c` [d](https://example.com) & 1 < 2").markdown()
    assert found._repr_markdown_() == "# Title\n\n* a **b** `c` [d](https://example.com) & 1 < 2"


PIECES = (
    *[
        "![",
        "!",
        "[",
        "]",
        "](",
        "(",
        ")",
        "<",
        "img src=x>",
        "<svg ",
        "&lt;",
        "&#60;",
        "\\",
        "$",
        "`",
        "```",
    ],
    *["javascript", ":", "JavaScript:alert(1)", "&colon;", "https://evil.example", "\n", "\n\n", "x", " "],
    *["[x]: ", "[x]", "mermaid", "\\begin{a}", "\\(", "\\\\[", "![x][x]", "<!--", "*", "|"],
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@settings(max_examples=500)
def test_markdown_never_makes_a_page_fetch_or_run_something(text: str) -> None:
    render = mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "url"])
    html = str(render(harmless_markdown(text))).lower()
    assert not any(tag in html for tag in ("<img", "<svg", "<!--", "<script"))
    assert 'href="javascript' not in html
    assert "$" not in html
    assert "\\(" not in html
    assert "\\begin" not in html
    assert "language-mermaid" not in html


# -- resources and prompts ---------------------------------------------------------------------------------


def test_a_resource_is_text_data_and_bytes() -> None:
    text = TextResourceContents(uri="x:y", mimeType="application/json", text='{"a": "é"}')
    found = ReadResult(ReadResourceResult(contents=[text]))
    assert found.data == {"a": "é"}
    assert found.bytes == '{"a": "é"}'.encode()
    blob = BlobResourceContents(uri="x:y", blob=PNG)
    assert ReadResult(ReadResourceResult(contents=[blob])).data.startswith(b"\x89PNG")
    assert "image/png" in displayed(ReadResult(ReadResourceResult(contents=[blob])))


def test_bytes_that_are_none_are_refused() -> None:
    blob = BlobResourceContents(uri="x:y", blob="!")
    with pytest.raises(ValueError, match="x:y came as bytes that are not base64"):
        _ = ReadResult(ReadResourceResult(contents=[blob])).bytes


def test_a_prompt_shows_who_says_what() -> None:
    messages = [
        PromptMessage(role="user", content=TextContent(text="Hi")),
        PromptMessage(role="assistant", content=TextContent(text="Hello")),
    ]
    found = PromptResult(GetPromptResult(messages=messages))
    assert displayed(found) == {"text/plain": "user: Hi\nassistant: Hello"}
    assert found.text == "Hi\nHello"
    assert [message.role for message in found.messages] == ["user", "assistant"]


# -- errors ------------------------------------------------------------------------------------------------

TOOL = Tool(name="forecast", inputSchema={"properties": {"city": {"type": "string"}}, "required": ["city"]})


def failed(text: str) -> ToolError:
    raw = CallToolResult(content=[TextContent(text=text)] if text else [], isError=True)
    return ToolError(CallResult(raw, TOOL), server="weather")


def test_a_failure_reads_as_a_few_lines() -> None:
    assert failed("No such \x1b[1mcity")._render_traceback_() == [
        "ToolError: weather.forecast failed",
        "No such city",
    ]


def test_a_failure_about_arguments_shows_how_the_tool_is_called() -> None:
    assert failed("Input validation error")._render_traceback_()[-1] == (
        "It is called as forecast(city: str)"
    )


def test_a_failure_is_bounded_and_never_empty() -> None:
    assert len(str(failed("x" * 1_000_000))) < 5_000
    assert str(failed("")) == "The tool failed without a message."


def test_a_failure_is_in_the_tree_and_keeps_its_result() -> None:
    error = failed("x")
    assert isinstance(error, McpJupyterError)
    assert isinstance(error, AnyToolError)
    assert error.result.raw.isError


def test_a_cell_shows_no_stack(tmp_path: Path) -> None:
    with shell_in(tmp_path, is_current=True) as shell, capture_output() as captured:
        shell.user_ns["error"] = failed("No such city")
        shell.run_cell("raise error")
    shown = ["ToolError: weather.forecast failed", "  line 1: raise error", "No such city"]
    assert captured.stdout.strip().splitlines() == shown
