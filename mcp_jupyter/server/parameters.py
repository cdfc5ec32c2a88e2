# SPDX-License-Identifier: BSD-3-Clause
"""The params of a request against their model, and what to say when they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from ..errors import McpError
from ..protocol.codes import INVALID_PARAMS
from ..types import WireModel

__all__ = ["describe", "parameters"]

M = TypeVar("M", bound=WireModel)

MAX_PROBLEMS = 5
"""Problems named in one message: enough to mend a call, short enough to read."""


def parameters(model: type[M], params: Mapping[str, Any]) -> M:
    """The params as a model.

    Raises
    ------
    McpError
        INVALID_PARAMS, naming each field that does not fit.
    """
    try:
        return model.from_wire(params)
    except ValidationError as exc:
        raise McpError(INVALID_PARAMS, f"Invalid params: {describe(exc)}") from None


def describe(error: ValidationError) -> str:
    """What is wrong, field by field, without echoing values."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'the value'}: {problem['msg']}"
        for problem in problems[:MAX_PROBLEMS]
    ]
    if len(problems) > MAX_PROBLEMS:
        lines.append(f"and {len(problems) - MAX_PROBLEMS} more")
    return "; ".join(lines)
