# SPDX-License-Identifier: BSD-3-Clause
"""A prompt written as plain text with `{placeholders}`: the function it stands for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from string import Formatter

__all__ = ["text_prompt"]


def text_prompt(text: str) -> Callable[..., str]:
    """A function with one `str` parameter for each placeholder that fills the text in.

    `{{` and `}}` stand for braces.

    Raises
    ------
    ValueError
        When a placeholder is no plain name, or a brace is left open.
    """
    text = text.strip("\n")
    parts = list(Formatter().parse(text))
    names: list[str] = []
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier() or spec or conversion:
            shown = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(
                f"the placeholder {{{shown}}} is no plain name; write {{name}}, or {{{{ and }}}} for braces"
            )
        if field not in names:
            names.append(field)

    def prompt(**values: str) -> str:
        return "".join(literal + (values[field] if field else "") for literal, field, _, _ in parts)

    prompt.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str) for name in names],
        return_annotation=str,
    )
    prompt.__doc__ = ""
    return prompt
