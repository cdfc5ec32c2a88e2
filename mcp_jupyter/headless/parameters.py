# SPDX-License-Identifier: BSD-3-Clause
"""Values for a notebook's parameters, as a cell of their own. Knows notebook documents, runs nothing.

The rule is papermill's: the values stand after the cell that is tagged "parameters", and before all others
where there is none.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Mapping
from typing import Any, Final

import nbformat

from ..errors import McpJupyterError

__all__ = ["ParameterError", "is_injected", "parse_parameters", "with_parameters"]

_TAG: Final = "parameters"
_INJECTED: Final = "injected-parameters"


class ParameterError(McpJupyterError):
    """A parameter that cannot be given."""


def parse_parameters(given: Iterable[str]) -> dict[str, Any]:
    """Read `NAME=VALUE` texts: a value is a Python literal (`3`, `True`, `["a"]`), else it is a text.

    Raises
    ------
    ParameterError
        There is no name, or it is no name of Python.
    """
    parameters: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"{text!r} is no parameter: write NAME=VALUE.")
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ParameterError(f"{name!r} cannot be the name of a variable.")
        parameters[name] = _literal(value)
    return parameters


def _literal(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
        ast.literal_eval(repr(value))  # as it will be written: 1e999 would be the name inf
        return value
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def with_parameters(notebook: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> nbformat.NotebookNode:
    """The notebook with a cell that sets the parameters; the same notebook when there are none."""
    if not parameters:
        return notebook
    source = "\n".join(["# Parameters", *(f"{name} = {value!r}" for name, value in parameters.items())])
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [_INJECTED]})
    cells = [cell for cell in notebook.cells if not is_injected(cell)]
    tagged = [index for index, cell in enumerate(cells) if _TAG in _tags(cell)]
    place = tagged[0] + 1 if tagged else 0
    return nbformat.NotebookNode({**notebook, "cells": [*cells[:place], cell, *cells[place:]]})


def is_injected(cell: nbformat.NotebookNode) -> bool:
    """Whether a cell sets parameters that were given from outside."""
    return _INJECTED in _tags(cell)


def _tags(cell: nbformat.NotebookNode) -> list[str]:
    tags = cell.metadata.get("tags", [])
    return tags if isinstance(tags, list) else []
