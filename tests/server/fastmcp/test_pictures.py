# SPDX-License-Identifier: BSD-3-Clause
"""Pictures in a tool's result: none is alone where a model reads it."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import PIL.Image
import pytest

from mcp_jupyter import types
from mcp_jupyter.server.fastmcp import FastMCP, Image

from .speaker import speaking

pytestmark = pytest.mark.anyio


def png(width: int = 3, height: int = 2) -> bytes:
    target = io.BytesIO()
    PIL.Image.new("RGB", (width, height)).save(target, "png")
    return target.getvalue()


BLOCK = types.ImageContent(data=b64encode(png()).decode(), mimeType="image/png")


async def content(value: Any, host: str = "another host") -> list[str]:
    """What a result has, in words: texts, and the kind of all else."""
    mcp = FastMCP()

    @mcp.tool()
    def give() -> Any:
        return value

    async with speaking(mcp, name=host) as client:
        blocks = (await client.call("give"))["content"]
    return [block.get("text", block["type"]) for block in blocks]


async def test_a_picture_of_a_file_has_its_name_and_size(tmp_path):
    """Also one that is scaled down (2: pictures)."""
    (tmp_path / "wide.png").write_bytes(png(4000, 40))
    said = "Picture: wide.png (1568x16 pixels, of 4000x40)"
    assert await content(Image(tmp_path / "wide.png")) == ["image", said]
    assert await content(["a caption", Image(data=png())]) == ["a caption", "image", "Picture (3x2 pixels)"]


async def test_a_picture_that_a_tool_made_itself_is_not_alone_either():
    """A text that the tool put beside it is enough (2: pictures)."""
    assert await content(BLOCK) == ["image", "Picture (3x2 pixels)"]
    assert await content([BLOCK, BLOCK]) == ["image", "Picture (3x2 pixels)"] * 2
    caption = types.TextContent(text="a caption")
    assert await content([caption, BLOCK]) == ["a caption", "image"]
    assert await content([BLOCK, caption]) == ["image", "a caption"]
    assert await content(types.CallToolResult(content=[BLOCK])) == ["image", "Picture (3x2 pixels)"]
    broken = types.ImageContent(data="no base64", mimeType="image/png")
    assert await content(broken) == ["image"]


async def test_our_own_client_gets_pictures_without_our_texts():
    """It shows them to a person (2: pictures)."""
    assert await content(["a caption", Image(data=png()), BLOCK], "mcp_jupyter") == [
        "a caption",
        "image",
        "image",
    ]


async def test_a_drawing_is_its_source_for_a_model_and_a_picture_for_a_person():
    """The APIs of models take no SVG (2: pictures)."""
    own = types.ImageContent(data=b64encode(b"<svg/>").decode(), mimeType="image/svg+xml")
    for drawing in (Image(data=b"<svg/>", format="svg"), own):
        assert await content(["a caption", drawing]) == ["a caption", "Drawing (SVG):\n<svg/>"]
        assert await content(drawing, "mcp_jupyter") == ["image"]
