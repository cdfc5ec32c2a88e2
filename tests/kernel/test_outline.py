# SPDX-License-Identifier: BSD-3-Clause
"""What a notebook's file tells a model, and how it is written for hosts that show much or little."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_jupyter.kernel.outline import Outline, instructions, read_outline


def outline(path: Path, *cells: tuple[str, str | list[str]]) -> Outline:
    document = {"cells": [{"cell_type": kind, "source": source} for kind, source in cells]}
    path.write_text(json.dumps(document))
    return read_outline(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sales.ipynb"


@pytest.mark.parametrize(
    ("markdown", "title", "paragraph"),
    [
        ("# Sales\n\nAll of them,\nby region.\n\nPrivate: call Ada.", "Sales", "All of them, by region."),
        ("Sales\n=====\nAll of them.", "Sales", "All of them."),
        ("All of *them*, see [the list](https://x.example/s?k=v).", "", "All of them, see the list."),
        (
            "## Sales ##\n- a\n- b\n\n| a |\n\n```\ncode\n```\n![](p.png)\n\nAll of `them`.",
            "Sales",
            "All of them.",
        ),
        ("# Sales\n<!-- secret -->All.<!-- more", "Sales", "All."),
        ("# S\x1b[2J\u202eales\n\nA\x00ll.", "S⟨U+202E⟩ales", "A⟨U+0000⟩ll."),
        ("# Sales", "Sales", ""),
        ("", "", ""),
    ],
)
def test_title_and_first_paragraph_are_read_and_nothing_else(path, markdown, title, paragraph) -> None:
    """They come from the first Markdown cell, without its markup (2: instructions)."""
    found = outline(path, ("code", "1"), ("markdown", markdown), ("markdown", "# Other\n\nText."))
    assert (found.title, found.paragraph) == (title, paragraph)


def test_tools_variables_and_own_instructions_are_found_in_cells(path: Path) -> None:
    """What a notebook will offer is known before it runs (2: opening)."""
    found = outline(
        path,
        ("code", ["%load_ext mcp_jupyter\n", "%mcp_resource sales --watch"]),
        (
            "code",
            "\n%%mcp_tool --read-only\ndef top(n):\n    def in_(): ...\nasync def rest(): ...\ndef _x(): ...",
        ),
        ("code", "%%mcp_tool --name best\ndef first(): ..."),
        ("code", "def no_tool(): ..."),
        ("code", "%%mcp_tool --name 'x\ndef broken(): ..."),
        ("code", "%%mcp_instructions\nFirst.\n"),
        ("code", "%%mcp_instructions\nAsk for regions.\nThen call top.\n"),
    )
    assert [name for name, _ in found.tools] == ["top", "rest", "best"]
    assert [name for name, _ in found.data] == ["sales"]
    assert found.own == "Ask for regions.\nThen call top."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"cells": 5}',
        b'{"cells": [5, {"cell_type": "markdown", "source": 5}, {"cell_type": [], "source": ""}]}',
        b"[" * 200_000,
        b'{"cells": [' + b"[]," * 200_000 + b"[]]}",
        b'{"cells": [], "x": "' + b"x" * (17 * 2**20) + b'"}',
    ],
)
def test_of_a_file_that_is_no_notebook_nothing_is_told(path: Path, content: bytes) -> None:
    """A hostile file costs nothing but its outline (2: instructions)."""
    path.write_bytes(content)
    assert read_outline(path) == Outline()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="This platform has no named pipes.")
def test_a_pipe_is_not_waited_for(path: Path) -> None:
    """Only regular files are opened (2: instructions)."""
    os.mkfifo(path)
    assert read_outline(path) == Outline()
    assert read_outline(path.with_name("missing.ipynb")) == Outline()


@pytest.mark.parametrize("part", ["<!--", "[", "![](", "<a ", "* * ", "_ ", "#", "```\n", "> ", "a\n===\n"])
def test_hostile_markdown_is_read_in_bounded_time(path: Path, part: str) -> None:
    """No markup makes the reader slow (2: instructions)."""
    began = time.process_time()
    outline(path, ("markdown", part * 300_000))
    assert time.process_time() - began < 5


# -- the text ---------------------------------------------------------------------------------------------

SALES = Outline(
    "Sales of 2026", "All of them. By region, by customer, and by the day on which each was made."
)
DATA = [("sales", "5,000 rows; columns customer, region, revenue")]
TOOLS = [(f"tool_{number}", "What it does, in one line.") for number in range(200)]


def test_the_first_line_is_complete_and_the_rest_one_line_each() -> None:
    """Codex shows the first line only; data and tools follow, and how to read on (2: instructions)."""
    assert instructions("sales", SALES, 2000, data=DATA, tools=TOOLS[:2]).splitlines() == [
        "sales: a live Jupyter notebook. Its functions are tools, its variables resources. Sales of 2026. "
        "All of them. By region, by customer, and by the day on which each was made.",
        "Data:",
        "- sales: 5,000 rows; columns customer, region, revenue",
        "Tools:",
        "- tool_0: What it does, in one line.",
        "- tool_1: What it does, in one line.",
        "A result that is cut ends in a line that says how to read on.",
    ]


@pytest.mark.parametrize("chars", [300, 500, 2000, 9000])
def test_many_tools_are_cut_to_what_a_host_shows(chars: int) -> None:
    """The text never has more characters, and says how many tools it leaves out (2: instructions)."""
    long = Outline("T" * 500, "Long words " * 500)
    for told in (SALES, long):
        text = instructions("n" * 300, told, chars, data=DATA * 3, tools=TOOLS)
        assert len(text) <= min(chars, 2000)
        assert text.endswith("how to read on.")
    text = instructions("sales", SALES, chars, tools=TOOLS)
    shown = text.count("- tool_")
    assert not shown or f"- and {200 - shown} more\n" in text


def test_what_is_only_known_from_the_file_has_names_alone() -> None:
    """Before the kernel is up no shapes are known (2: opening)."""
    told = Outline(tools=(("top", ""),), data=(("sales", ""),))
    assert "Data:\n- sales\nTools:\n- top\n" in instructions("sales", told, 2000)


@pytest.mark.parametrize(
    ("text", "chars", "cut"),
    [
        (" Ask.\n", 300, "Ask."),
        ("One line.\nAnother line.", 15, "One line."),
        ("A line of many words.", 12, "A line of…"),
        ("x" * 3000, 9000, "x" * 1999 + "…"),
    ],
)
def test_own_instructions_end_where_a_line_ends(text: str, chars: int, cut: Any) -> None:
    """They are the user's words, as far as a host shows them (2: instructions)."""
    assert instructions("sales", Outline("Sales", own=text), chars) == cut
