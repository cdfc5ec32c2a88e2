# SPDX-License-Identifier: BSD-3-Clause
"""The views of a result: which ones fit, what they show, and that foreign text stays text."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Any

import ipywidgets as widgets
import pytest

from mcp_jupyter import types
from mcp_jupyter.notebook_client.results import CallResult
from mcp_jupyter.widgets.html import close_all
from mcp_jupyter.widgets.results import MAX_NODES, ResultView, views_of

PNG = b64encode(b"\x89PNG\r\n\x1a\n").decode()
EVIL = "<img src=x onerror=alert(1)> $\\href{javascript:alert(1)}{x}$ \u202egnp.</code>"


def result_of(*content: Any, **more: Any) -> CallResult:
    return CallResult(types.CallToolResult(content=list(content), **more))


def text(value: str) -> types.TextContent:
    return types.TextContent(type="text", text=value)


def structured(value: Any) -> CallResult:
    return result_of(text("said"), structuredContent=value)


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (result_of(text("words")), ["Text", "Raw"]),
        (result_of(text('{"a": 1}')), ["Tree", "Text", "Raw"]),
        (result_of(text('[{"a": 1}, {"b": 2}]')), ["Table", "Tree", "Text", "Raw"]),
        (result_of(text("[1, 2]")), ["Tree", "Text", "Raw"]),
        (result_of(text("[]")), ["Text", "Raw"]),
        (structured({"a": {"b": 1}}), ["Tree", "Text", "Raw"]),
        (structured({"columns": ["a"], "rows": [[1]]}), ["Table", "Tree", "Text", "Raw"]),
        (
            result_of(
                types.ImageContent(type="image", data=PNG, mimeType="image/png"), structuredContent={"a": 1}
            ),
            ["Text", "Tree", "Raw"],
        ),
        (result_of(), ["Text", "Raw"]),
    ],
)
def test_a_result_has_the_views_that_fit_it(result: CallResult, names: list[str]) -> None:
    assert list(views_of(result)) == names


def test_a_table_has_the_columns_of_all_objects() -> None:
    table = str(views_of(result_of(text('[{"a": 1}, {"b": "x"}]')))["Table"]())
    assert re.findall(r"<code[^>]*>([^<]*)</code>", table) == ["a", "b", "1", "", "", "x"]


def test_a_tree_is_open_as_far_as_it_tells_what_there_is() -> None:
    tree = str(views_of(structured({"a": [{"b": 1}], "c": None}))["Tree"]())
    assert [bool(is_open) for is_open in re.findall(r"<details( open)?>", tree)] == [True, False]
    assert re.sub("<[^>]*>", "|", tree).replace("|", "") == "a: 1 item0: 1 propertyb: 1c: null"


def test_a_tree_is_bounded() -> None:
    tree = str(views_of(structured({"a": list(range(10 * MAX_NODES))}))["Tree"]())
    assert tree.count("<strong>") <= MAX_NODES
    assert "see the raw view" in tree


def test_the_raw_view_is_what_was_sent_without_the_bytes_of_images() -> None:
    picture = types.ImageContent(type="image", data=PNG + "A" * 100_000, mimeType="image/png")
    (raw,) = views_of(result_of(picture))["Raw"]()
    assert isinstance(raw, dict)
    assert '"mimeType": "image/png"' in raw["text/plain"]
    assert len(raw["text/plain"]) < 5_000


def test_foreign_text_is_text_in_all_views() -> None:
    result = structured({"columns": [EVIL], "rows": [[EVIL]]})
    for made in (view() for view in views_of(result).values()):
        if isinstance(made, str):
            assert "<img" not in made
            assert "\u202e" not in made
            outside = re.sub(r"<code[^>]*>[^<]*</code>", "", made)
            assert "$" not in outside
        else:
            assert [set(bundle) for bundle in made] == [{"text/plain"}]


def test_the_chosen_view_stays_for_the_next_result() -> None:
    view = ResultView()
    choice, html, output = view.widget.children
    view.show(structured({"a": 1}))
    assert choice.value == "Tree"
    choice.value = "Raw"
    view.show(structured({"a": 2}))
    assert choice.value == "Raw"
    assert '"a": 2' in output.outputs[0]["data"]["text/plain"]
    choice.value = "Tree"
    view.show(result_of(text("words")))
    assert (choice.value, html.value) == ("Text", "")
    view.clear()
    assert view.widget.layout.display == "none"
    assert isinstance(output, widgets.Output)
    assert output.outputs == ()
    close_all(view.widget)
