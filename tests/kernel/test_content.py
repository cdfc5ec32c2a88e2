# SPDX-License-Identifier: BSD-3-Clause
"""The rows a kernel adds to the table: figures, and what libraries tell IPython's formatters."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from typing import Any

import IPython.display
import matplotlib as mpl
import numpy as np
import pandas as pd
import PIL.Image
import pytest
from IPython.core.formatters import DisplayFormatter

from mcp_jupyter.kernel.content import kernel_table
from mcp_jupyter.server.content import to_resource
from mcp_jupyter.server.content.images import MAX_IMAGE_SIDE


@pytest.fixture
def table():
    return kernel_table(DisplayFormatter())


@pytest.fixture
def pyplot():
    mpl.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def size(encoded: str) -> tuple[int, int]:
    with PIL.Image.open(io.BytesIO(b64decode(encoded))) as image:
        return image.size


def test_a_figure_and_its_axes_are_a_picture_and_closed(table, pyplot):
    for pick in (lambda figure, axes: figure, lambda figure, axes: axes):
        figure, axes = pyplot.subplots()
        axes.plot([1, 2])
        block, text = table.convert(pick(figure, axes)).blocks
        assert (block.mimeType, text.text[:23]) == ("image/png", "Picture: Figure, 1 line")
        assert pyplot.get_fignums() == []


class Unknown(type):
    """Of a class that does not say where it is from."""

    @property
    def __module__(cls) -> str:
        raise RuntimeError("nowhere")


class Nowhere(metaclass=Unknown):
    def __repr__(self) -> str:
        return "a thing"


@pytest.mark.parametrize(
    "value", [Nowhere(), [1, Nowhere()], {"a": Nowhere()}], ids=["alone", "in a list", "as a value"]
)
def test_a_value_of_a_class_without_a_module_is_its_text(table, value):
    """Its class raises when it is asked for its module (1.13)."""
    assert "a thing" in [*table.convert(value).blocks][-1].text


class Grid:
    """As seaborn's: no figure itself, but it has one, and `savefig`."""

    __module__ = "seaborn.axisgrid"

    def __init__(self, figure: Any) -> None:
        self.figure = figure

    def savefig(self, *args: Any, **options: Any) -> None:
        self.figure.savefig(*args, **options)


def test_a_grid_of_seaborn_and_the_axes_of_a_subfigure_are_their_figure(table, pyplot):
    for pick in (Grid, lambda figure: figure.subfigures(1, 2)[0].subplots(), lambda figure: figure):
        figure = pyplot.figure()
        block, _ = table.convert(pick(figure)).blocks
        assert block.mimeType == "image/png"
        assert pyplot.get_fignums() == []


def test_a_figure_that_is_only_read_stays_open(pyplot):
    figure = pyplot.figure()
    block, _ = kernel_table(DisplayFormatter(), close_figures=False).convert(figure).blocks
    assert block.mimeType == "image/png"
    assert pyplot.get_fignums() == [figure.number]


def test_a_figure_of_many_dots_is_drawn_with_as_many_as_are_sent(table, pyplot):
    figure = pyplot.figure(figsize=(8, 6), dpi=50_000)  # at once: 480 GB
    assert max(size(table.convert(figure).blocks[0].data)) <= MAX_IMAGE_SIDE


def test_figures_are_no_larger_than_a_model_looks_at(table, pyplot):
    figure = pyplot.figure(figsize=(60, 5))
    assert max(size(table.convert(figure).blocks[0].data)) <= MAX_IMAGE_SIDE


def test_pillows_images_are_pictures(table):
    """Their text has mode and size (2: pictures)."""
    block, text = table.convert(PIL.Image.new("RGB", (3000, 30))).blocks
    assert (block.mimeType, size(block.data)) == ("image/png", (MAX_IMAGE_SIDE, 16))
    said = "Picture: PIL.Image.Image image mode=RGB size=3000x30"
    assert text.text == f"{said} ({MAX_IMAGE_SIDE}x16 pixels, of 3000x30)"


def test_the_text_that_an_author_gave_a_picture_stands_beside_it(table):
    """IPython's `Image` takes one, for who cannot see (2: pictures)."""
    target = io.BytesIO()
    PIL.Image.new("RGB", (3, 2)).save(target, "png")
    _, text = table.convert(IPython.display.Image(data=target.getvalue(), alt="sales by region")).blocks
    assert text.text == "Picture: sales by region (3x2 pixels)"


def test_a_figure_has_a_text_beside_its_picture(table, pyplot):
    """It says what a model that does not see the picture has to know (2: pictures)."""
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    axes.set(title="Revenue", xlabel="month", ylabel="EUR")
    picture, text = table.convert(axes).blocks
    width, height = size(picture.data)
    said = f"Picture: Figure 'Revenue', axes 'month' and 'EUR', 1 line ({width}x{height} pixels)"
    assert text.text == said
    kept = to_resource(figure, table)  # a resource is the picture alone
    assert kept.mime_type == "image/png"


def test_charts_of_plotly_are_their_specification_with_numbers(table):
    from plotly import graph_objects as graphs

    chart = graphs.Figure(graphs.Bar(x=["a", "b"], y=np.array([1.5, 2.5])))
    content = table.convert(chart)
    (block,) = content.blocks
    (bar,) = json.loads(block.text)["data"]
    assert (bar["type"], bar["x"], bar["y"]) == ("bar", ["a", "b"], [1.5, 2.5])
    assert to_resource(chart, table).mime_type == "application/vnd.plotly.v1+json"
    surface = graphs.Figure(graphs.Surface(z=np.arange(6.0).reshape(2, 3)))
    (block,) = table.convert(surface).blocks
    assert json.loads(block.text)["data"][0]["z"] == [[0, 1, 2], [3, 4, 5]]


def test_charts_of_altair_are_their_specification(table):
    import altair

    frame = pd.DataFrame({"x": [1, 2], "y": [3, 4]})
    bars = altair.Chart(frame).mark_bar().encode(x="x", y="y")
    for chart in (bars, bars & bars, bars + bars):
        (block,) = table.convert(chart).blocks
        assert "vega-lite" in json.loads(block.text)["$schema"]
        assert re.fullmatch(r"application/vnd.vegalite.v\d+\+json", to_resource(chart, table).mime_type)


class Chart:
    """As altair's and plotly's charts: a specification, HTML of megabytes, and a text."""

    def __init__(self, mime: str) -> None:
        self.mime = mime

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {self.mime: {"mark": "bar"}, "text/html": "<script>", "text/plain": "Chart"}


@pytest.mark.parametrize("mime", ["application/vnd.vegalite.v5+json", "application/vnd.plotly.v1+json"])
def test_a_chart_is_its_specification(table, mime):
    (block,) = table.convert(Chart(mime)).blocks
    assert json.loads(block.text) == {"mark": "bar"}
    assert to_resource(Chart(mime), table).mime_type == mime


class Shown:
    """A value with the forms that libraries give theirs."""

    def __init__(self, html: str, text: str | None = None) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.text or object.__repr__(self))


DIAGRAM = (
    "<style>" + "#sk {color: red}\n" * 3000 + "</style><div><pre>Pipeline(steps=[])</pre><details>"
    "<summary>Parameters</summary><table><tr><td>steps</td><td>[]</td></tr></table></details></div>"
)


def test_what_has_long_html_is_its_text(table):
    """An estimator's diagram is 45,000 characters of CSS: its text is sent (1.19)."""
    content = table.convert(Shown(DIAGRAM, "Pipeline(steps=[])"))
    assert [block.text for block in content.blocks] == ["Pipeline(steps=[])"]
    content = table.convert(Shown(DIAGRAM))  # of which the text says nothing
    shown = "Pipeline(steps=[])\n\nParameters\n\n|  |  |\n| --- | --- |\n| steps | [] |"
    assert content.blocks[0].text == shown


def test_html_that_is_a_table_is_one(table):
    """The style of a frame has no text of its own; its HTML is a table (1.19)."""
    frame = pd.DataFrame({"region": ["north", "south"], "revenue": [1.5, 2.5]})
    styled = frame.style.format({"revenue": "{:.2f} EUR"}).set_caption("Sales")
    content = table.convert(styled)
    assert content.blocks[0].text == (
        "Sales\n\n|  | region | revenue |\n| --- | --- | --- |\n"
        "| 0 | north | 1.50 EUR |\n| 1 | south | 2.50 EUR |"
    )
    assert content.mime_type == "text/markdown"
    assert to_resource(styled, table).mime_type == "text/markdown"
    resource = to_resource(styled, table, "text/html")  # asked for, it is the HTML
    assert resource.data.lstrip().startswith("<style")
