# SPDX-License-Identifier: BSD-3-Clause
"""What is said of a matplotlib figure to a model that does not see it."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from mcp_jupyter.kernel.figures import describe
from mcp_jupyter.server.content.images import MAX_ABOUT_CHARS


@pytest.fixture
def pyplot():
    mpl.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_a_figure_is_its_title_labels_and_marks(pyplot):
    """What a person reads off it at first sight (2: pictures)."""
    figure, axes = pyplot.subplots()
    axes.plot([1, 2], label="north")
    axes.plot([2, 1], label="south")
    axes.bar(range(10), range(10))
    axes.set(title="Revenue", xlabel="month", ylabel="revenue")
    axes.legend()
    assert describe(figure) == (
        "Figure 'Revenue', axes 'month' and 'revenue', 2 lines, 10 bars, legend 'north', 'south'"
    )


def test_figures_without_words_have_their_marks(pyplot):
    """Points, wedges, images, meshes and areas are counted too (2: pictures)."""
    figure, axes = pyplot.subplots(2, 3, subplot_kw={})
    axes[0, 0].scatter(range(7), range(7))
    axes[0, 1].pie([1, 2, 3])
    axes[0, 2].imshow(np.zeros((4, 6)))
    mesh = axes[1, 0].pcolormesh(np.zeros((3, 5)))
    figure.colorbar(mesh, label="EUR")
    axes[1, 1].fill_between([1, 2], [1, 2])
    axes[1, 2].set_ylabel("kilos")
    figure.suptitle("Overview")
    assert describe(figure) == (
        "Figure 'Overview', 6 axes; 1: 7 points; 2: 3 wedges; 3: an image of 6x4; 4: a mesh of 15 cells; "
        "5: 1 area; 6: y axis 'kilos'"
    )


def test_a_figure_in_three_dimensions_has_three_labels(pyplot):
    """Its axes are another class (2: pictures)."""
    figure, axes = pyplot.subplots(subplot_kw={"projection": "3d"})
    axes.set(xlabel="a", ylabel="b", zlabel="c")
    assert describe(figure) == "Figure, axes 'a' and 'b' and 'c'"


def test_an_empty_figure_is_said_to_be_empty(pyplot):
    """Named ones have their name (2: pictures)."""
    assert describe(pyplot.figure()) == "Figure, empty"
    assert describe(pyplot.figure("Sales")) == "Figure 'Sales', empty"


def test_the_text_of_a_figure_is_short_and_inert(pyplot):
    """Its words are data: bounded, on one line, nothing in them is hidden (2: pictures)."""
    figure, axes = pyplot.subplots(4, 4)
    for each in axes.flat:
        each.set(title="line\nfeed \u202e" + "x" * 5000, xlabel="\x1b[31mred")
    said = describe(figure)
    assert len(said) <= MAX_ABOUT_CHARS
    assert said.isprintable()
    assert said.startswith("Figure, 16 axes; 1: 'line feed ⟨U+202E⟩xxx")
    assert said.endswith(" more")
    figure, axes = pyplot.subplots()
    axes.set_title("x" * 5000)
    for number in range(50):
        axes.plot([1], label=f"{number}" * 100)
    axes.legend()
    assert len(describe(figure)) <= MAX_ABOUT_CHARS


def test_a_figure_that_cannot_be_read_is_a_figure():
    """A class of a user's may raise anything (2: pictures)."""

    class Own:
        @property
        def axes(self):
            raise RuntimeError("no")

    assert describe(Own()) == "Figure"
