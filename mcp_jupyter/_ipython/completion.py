# SPDX-License-Identifier: BSD-3-Clause
"""Completions in the form that IPython wants, for the lines of all magics and for calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

from .._util.text import is_safe_line

__all__ = ["completions", "matcher_of", "no_completions"]


def matcher_of(match: Callable[[CompletionContext], SimpleMatcherResult]) -> Callable[..., Any]:
    """Return a matcher for `shell.Completer.custom_matchers`; keep it, to remove the same object again."""

    @context_matcher()  # type: ignore[untyped-decorator]
    def matcher(context: CompletionContext) -> SimpleMatcherResult:
        return match(context)

    return matcher  # type: ignore[no-any-return]


def no_completions() -> SimpleMatcherResult:
    """Return a new empty result each time: IPython writes into it."""
    return SimpleMatcherResult(completions=[], suppress=False)


def completions(partial: str, candidates: Iterable[str], token: str, kind: str) -> SimpleMatcherResult:
    """Return the candidates that begin with `partial`, as replacements of IPython's own token.

    The token may begin before the typed part (`weather.tools.fo`) or within it (`"New Yo`).
    """
    before = token[: len(token) - len(partial)] if len(token) > len(partial) else ""
    kept = max(0, len(partial) - len(token))
    found = [each for each in dict.fromkeys(candidates) if each.startswith(partial) and is_safe_line(each)]
    offered = [SimpleCompletion(f"{before}{each[kept:]}", type=kind) for each in found]
    return SimpleMatcherResult(completions=offered, suppress=bool(offered), ordered=True)
