# SPDX-License-Identifier: BSD-3-Clause
"""Completion on the lines of our magics: their options, and the names they take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    context_matcher,
)

if TYPE_CHECKING:
    from .magics import McpMagics

__all__ = ["Completion"]


class Completion:
    """The completer of one shell's magics."""

    def __init__(self, magics: McpMagics) -> None:
        self._magics = magics

        @context_matcher()  # type: ignore[untyped-decorator]
        def matcher(context: CompletionContext) -> SimpleMatcherResult:
            return self._match(context.line_with_cursor, context.token)

        # One object, so that it can be taken out of IPython's list again.
        self.matcher = matcher

    def _match(self, line: str, token: str) -> SimpleMatcherResult:
        head, _, rest = line.lstrip().partition(" ")
        magic = self._magic(head)
        if magic is None or " " not in line.lstrip():
            return SimpleMatcherResult(completions=[])
        word = rest.rpartition(" ")[2]
        # IPython replaces its own token, which begins after a dash or a slash: offer what follows there.
        kept = len(word) - len(token)
        found = sorted(
            candidate for candidate in self._candidates(head, magic, word) if candidate.startswith(word)
        )
        return SimpleMatcherResult(
            completions=[SimpleCompletion(text[kept:], type="magic") for text in found], suppress=bool(found)
        )

    def _magic(self, head: str) -> Any:
        name = head.lstrip("%")
        kind = "cell" if head.startswith("%%") else "line"
        known = head.startswith("%") and name in self._magics.magics[kind]
        return getattr(self._magics, name) if known else None

    def _candidates(self, head: str, magic: Any, word: str) -> Iterable[str]:
        if word.startswith("-"):
            return [flag for action in magic.parser._actions for flag in action.option_strings]
        if head == "%mcp_remove":
            return self._magics.served_names()
        if head == "%mcp_resource":
            return self._magics._variables()
        return ()
