# SPDX-License-Identifier: BSD-3-Clause
"""MIME bundles, as notebooks display them, as content."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode

import IPython.display
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from mcp_jupyter.server.content import from_bundle
from mcp_jupyter.server.content.images import MAX_ABOUT_CHARS, MAX_IMAGE_SIDE


def encoded(width: int, height: int, kind: str = "png") -> bytes:
    target = io.BytesIO()
    PIL.Image.new("RGB", (width, height)).save(target, kind)
    return target.getvalue()


PIXELS = encoded(3, 2)


@pytest.mark.parametrize(
    ("bundle", "kind", "said"),
    [
        ({"text/plain": "p"}, "text", "p"),
        ({"text/plain": ["a\n", "b"]}, "text", "a\nb"),
        ({"text/plain": "p", "text/html": "<b>", "text/markdown": "**m**"}, "text", "**m**"),
        ({"audio/wav": "aGk="}, "audio", "aGk="),
        ({"application/json": {"a": float("nan")}}, "text", '{"a":null}'),
        ({"application/json": [1]}, "text", "[1]"),
    ],
)
def test_the_most_useful_form_is_taken(bundle, kind, said):
    (block,) = from_bundle(bundle)
    assert block.type == kind
    assert (block.text if kind == "text" else block.data) == said


@pytest.mark.parametrize(
    ("bundle", "data", "said"),
    [
        ({"text/plain": "p", "image/png": "aGk=\n", "text/html": "<b>"}, "aGk=", "Picture: p"),
        ({"text/plain": "<IPython.core.display.Image object>", "image/png": b"hi"}, "aGk=", "Picture"),
        (
            {"text/plain": "<Image mode=L size=2x2 at 0x7F1>", "image/png": b"hi"},
            "aGk=",
            "Picture: Image mode=L size=2x2",
        ),
        ({"text/plain": "a\n\u202eb\x1b[1m", "image/png": b"hi"}, "aGk=", "Picture: a ⟨U+202E⟩b"),
        (
            {"text/plain": "x" * 9000, "image/jpeg": b"hi"},
            "aGk=",
            f"Picture: {'x' * (MAX_ABOUT_CHARS - 1)}…",
        ),
        ({"image/png": PIXELS}, b64encode(PIXELS).decode(), "Picture (3x2 pixels)"),
        ({"text/plain": "p", "image/svg+xml": "<svg/>"}, "PHN2Zy8+", "p (SVG):\n<svg/>"),
        ({"image/svg+xml": ["<svg", "/>"]}, "PHN2Zy8+", "Drawing (SVG):\n<svg/>"),
    ],
)
def test_a_picture_has_a_text_beside_it(bundle, data, said):
    """What its text says of it, in one line where nothing is hidden, and its size (2: pictures)."""
    image, text = from_bundle(bundle)
    assert (image.type, image.data) == ("image", data)
    assert (text.type, text.text) == ("text", said)


def test_of_a_long_drawing_the_texts_are_told():
    """A drawing is sent to no model as a picture (2: pictures)."""
    path = f"<path d='{'M 0 0 ' * 2000}'/>"
    svg = f"<svg><style>x</style><text>north</text>{path}<g><text x='1'>so<tspan>uth</tspan></text></g></svg>"
    _, text = from_bundle({"image/svg+xml": svg})
    assert text.text == "Drawing (SVG), with the texts: north south"


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_picture_is_sent_as_png_or_jpeg(kind):
    """Other kinds are no pictures to some models (2: pictures)."""
    image, text = from_bundle({f"image/{kind}": encoded(5, 4, kind)})
    assert (image.mimeType, text.text) == ("image/png", "Picture (5x4 pixels)")
    with PIL.Image.open(io.BytesIO(b64decode(image.data))) as shown:
        assert shown.format == "PNG"


@pytest.mark.parametrize("bundle", [{}, {"application/vnd.own": 1}])
def test_a_bundle_with_nothing_to_read(bundle):
    assert from_bundle(bundle) == []


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_displayed_image_is_no_larger_than_a_model_looks_at(kind):
    large = encoded(4000, 40, kind)
    for data in (large, b64encode(large).decode()):
        block, _ = from_bundle({f"image/{kind}": data})
        with PIL.Image.open(io.BytesIO(b64decode(block.data))) as image:
            assert image.size == (MAX_IMAGE_SIDE, 16)


def test_an_image_that_is_none_is_sent_as_it_came():
    (block,) = from_bundle({"image/png": "*no\nbase64*"})
    assert block.data == "*nobase64*"


DEFAULT = "<library.Thing at 0x7f0a>"
TABLE = "<table><thead><tr><th>a|b<th>c<tbody><tr><td colspan=2>1</table>"


@pytest.mark.parametrize(
    ("html", "plain", "said"),
    [
        ("<style>p {}</style><p>Long <b>words</b></p>", "Estimator()", "Estimator()"),
        ("<style>p {}</style><p>Long\n <b>words</b></p><p>x", DEFAULT, "Long words\n\nx"),
        ("<a href='https://x.org/y'>here</a> <a href='#top'>top</a>", DEFAULT, "[here](https://x.org/y) top"),
        ("<ul><li>one<li>two</ul>", "<IPython.core.display.HTML object>", "- one\n- two"),
        (TABLE, "text of it", "| a\\|b | c |\n| --- | --- |\n| 1 | 1 |"),
        (f"<p>shape</p>{TABLE}", "text", "shape\n\n| a\\|b | c |\n| --- | --- |\n| 1 | 1 |"),
        (TABLE * 2, "two tables", "two tables"),
        (f"{TABLE}<script>1</script>", "live", "live"),
        ("<table><tr><td colspan=99999999999>x", "wide", "|  |\n| --- |\n| x |"),
        ("<script>code</script>", DEFAULT, DEFAULT),
    ],
)
def test_html_is_its_table_or_the_text(html, plain, said):
    """HTML is sent as the table that it is, else as the value's text (1.19)."""
    (block,) = from_bundle({"text/html": html, "text/plain": plain})
    assert block.text == said


def test_html_that_is_a_picture_is_one():
    html = "<div><img alt='a chart' src='data:image/png;base64,aGk='/><img src='data:image/png;base64,aG8='>"
    block, _ = from_bundle({"text/html": html, "text/plain": DEFAULT})
    assert (block.mimeType, block.data) == ("image/png", "aGk=")
    (block,) = from_bundle(
        {"text/html": "<img alt='a chart' src='https://x.org/1.png'>", "text/plain": DEFAULT}
    )
    assert block.text == "[a chart](https://x.org/1.png)"
    (block,) = from_bundle({"text/html": "<img alt='a chart' src='1.png'>", "text/plain": DEFAULT})
    assert block.text == "[a chart]"


@pytest.mark.parametrize(
    ("shown", "kind", "said"),
    [
        (IPython.display.Audio(data=[0.0, 0.5, 0.0], rate=8000), "audio", "UklGR"),
        (IPython.display.IFrame("https://x.org/page", 300, 200), "text", "[iframe](https://x.org/page)"),
        (IPython.display.HTML("<h1>Title</h1>Text<br>more"), "text", "Title\nText\nmore"),
    ],
)
def test_what_ipython_shows_as_html_is_what_it_is(shown, kind, said):
    """A sound and a page within the output come with HTML only (1.19)."""
    (block,) = from_bundle(DisplayFormatter().format(shown)[0])
    assert block.type == kind
    assert (block.text if kind == "text" else block.data).startswith(said)


@given(st.text(st.sampled_from("<>/=\"' tabledrhpscripyl\n")))
def test_any_html_has_a_text(html):
    assert all(block.type == "text" for block in from_bundle({"text/html": html, "text/plain": "text"}))
