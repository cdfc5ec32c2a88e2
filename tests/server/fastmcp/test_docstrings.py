# SPDX-License-Identifier: BSD-3-Clause
"""Docstrings of three styles, and of none."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field

from mcp_jupyter.server.fastmcp.docstrings import Docstring, docstring_of
from mcp_jupyter.server.fastmcp.tools import Tool


def numpy_style(x, y, z, kind="a", *args):
    """Do a thing.

    With a second paragraph
    of two lines.

    Parameters
    ----------
    x, y : int
        Where it is.
    z : int, optional
        How high it is,
        in metres: from 0 up.

        Never below.
    kind : {"a", "b"}
    *args
        More.

    Returns
    -------
    float
        Not a parameter.

    Examples
    --------
    >>> numpy_style(1, 2, 3)
    """


def google_style(x, y, z=1):
    """Do a thing.

    With a second paragraph.

    Args:
        x: Where it is,
            to the left: from 0 up.
        y (int, optional): How high.

        z (Optional[Dict[str, int]]): Deep.

    Returns:
        float: not a parameter.

    Raises:
        ValueError: never.
    """  # noqa: D406, D407 - Google's style


def sphinx_style(x, y):
    """Do a thing.

    With a second paragraph.

    :param x: Where it is,
        to the left.
    :param int y: How high.
    :type x: int
    :returns: nothing
    :raises ValueError: never
    """


@pytest.mark.parametrize(
    ("function", "description", "parameters"),
    [
        (
            numpy_style,
            "Do a thing.\n\nWith a second paragraph\nof two lines.",
            {
                "x": "Where it is.",
                "y": "Where it is.",
                "z": "How high it is, in metres: from 0 up.  Never below.",
                "args": "More.",
            },
        ),
        (
            google_style,
            "Do a thing.\n\nWith a second paragraph.",
            {"x": "Where it is, to the left: from 0 up.", "y": "How high.", "z": "Deep."},
        ),
        (
            sphinx_style,
            "Do a thing.\n\nWith a second paragraph.",
            {"x": "Where it is, to the left.", "y": "How high."},
        ),
        (lambda: None, "", {}),
    ],
)
def test_styles(function, description, parameters):
    assert docstring_of(function) == Docstring(description, parameters)


@pytest.mark.parametrize(
    "text",
    [
        "One line.",
        "Ratio: of a to b.",
        "Two.\n\nNote: this is no section, it goes on.",
        "A list:\n\n* one\n* two: of it",
        "Rule\n----",  # no heading of a section that we know
        "Parameters are described elsewhere.",
        ":class:`int` is fine.",
    ],
)
def test_what_is_no_section_stays_in_the_description(text):
    def f(a=1): ...

    f.__doc__ = text
    assert docstring_of(f) == Docstring(text, {})


def test_a_description_reaches_the_schema_and_the_hints_own_wins():
    def f(
        a: int, b: Annotated[int, Field(description="from the hint")], c: int = Field(1, description="own")
    ):
        """F.

        Args:
            a: From the docstring.
            b: From the docstring.
            c: From the docstring.
        """

    properties = Tool.of(f).definition.inputSchema["properties"]
    assert {name: schema["description"] for name, schema in properties.items()} == {
        "a": "From the docstring.",
        "b": "from the hint",
        "c": "own",
    }
    assert Tool.of(f).definition.description == "F."


def test_a_docstring_that_describes_what_is_no_parameter_does_no_harm():
    def f(a: int):
        """F.

        Args:
            b: Gone.
        """

    assert Tool.of(f).definition.inputSchema["properties"] == {"a": {"type": "integer"}}


def test_pathological_docstrings_are_read_in_time():
    def f(a=1): ...

    for text in ("Args:\n" + "    a: b\n" * 50_000, ":param " * 100_000, "a (" * 100_000, "-" * 1_000_000):
        f.__doc__ = text
        docstring_of(f)
