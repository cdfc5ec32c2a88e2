# SPDX-License-Identifier: BSD-3-Clause
"""Values that would complete an argument: the server's own function first, else what the type allows.

Source: spec, server/utilities/completion.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from ... import types
from ...errors import McpError
from ...protocol.codes import INVALID_PARAMS
from ..running import Invocation

__all__ = ["MAX_VALUES", "complete"]

MAX_VALUES: Final = 100
"""Values of one answer (spec, "Completion results")."""

COMPLETION_SECONDS: Final = 10.0
"""Nobody who types waits longer."""


async def complete(
    params: types.CompleteRequestParams,
    schema: Mapping[str, Any],
    completer: Callable[..., Any] | None,
    run: Callable[[Invocation], Awaitable[Any]],
) -> types.Completion:
    """Complete one argument.

    Parameters
    ----------
    schema : mapping
        The JSON Schema of the arguments of what `params.ref` names.
    completer : callable, optional
        Gets `(ref, argument, context)`; gives values, a `Completion`, or None to leave it to the type.
    run : async callable
        Runs an invocation, gives its value.

    Raises
    ------
    McpError
        INVALID_PARAMS: there is no such argument.
    """
    argument = params.argument
    if argument.name not in schema["properties"]:
        known = ", ".join(schema["properties"]) or "none"
        raise McpError(INVALID_PARAMS, f"There is no argument {argument.name[:100]!r}. There are: {known}.")
    if completer is not None:
        ask = partial(completer, params.ref, argument, params.context)
        # At once, beside a running cell: an answer after the person has typed on is none.
        found = await run(Invocation("completion", ask, concurrent=True, timeout=COMPLETION_SECONDS))
        if found is not None:
            return _completion(found)
    typed = argument.value.casefold()
    allowed = list(dict.fromkeys(_allowed(schema["properties"][argument.name], schema)))
    begin = [value for value in allowed if value.casefold().startswith(typed)]
    inside = [value for value in allowed if typed in value.casefold() and value not in begin]
    return _completion(begin + inside)


def _completion(found: types.Completion | Sequence[str]) -> types.Completion:
    if isinstance(found, types.Completion):
        values, total, more = found.values, found.total, found.hasMore
    else:
        values, total, more = [str(value) for value in found], None, None
    if len(values) > MAX_VALUES:
        total, more = total or len(values), True
    return types.Completion(
        values=values[:MAX_VALUES], total=len(values) if total is None else total, hasMore=bool(more)
    )


def _allowed(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """The values that a property's schema names: of a Literal, an enum, a bool, an optional one."""
    reference = part.get("$ref")
    if isinstance(reference, str):
        yield from _allowed(schema.get("$defs", {}).get(reference.rpartition("/")[2], {}), schema)
    for value in [*part.get("enum", ()), *([part["const"]] if "const" in part else ())]:
        if value is not None:
            yield str(value)
    if part.get("type") == "boolean":
        yield from ("true", "false")
    for inner in part.get("anyOf", ()):
        yield from _allowed(inner, schema)
