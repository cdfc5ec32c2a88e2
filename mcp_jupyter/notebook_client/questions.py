# SPDX-License-Identifier: BSD-3-Clause
"""The questions that a server asks the user during a call, and the takers that ask them.

`Questions` keeps the pending questions and passes each to a taker (a cell that blocks, a panel, the output of
an async cell), which registers with `Questions.taken_by`.

Threads: answers may come from any thread, and the first one counts. `Questions.ask` runs on the background
loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from .. import types
from .._ipython.questions import Answer, Question
from ..protocol.limits import MAX_OPEN_QUESTIONS

__all__ = ["Notice", "Questions", "Taker"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to show the user during a call, such as where to sign in.

    Attributes
    ----------
    thing : object
        An object that IPython can display.
    """

    thing: object


Taker: TypeAlias = Callable[[Question | Notice], None]
"""Receives questions and notices. Called on the background loop, so it must only pass them on."""


class Questions:
    """The questions of one server."""

    def __init__(self, alias: str, changed: Callable[[], None], note: Callable[[str, str], object]) -> None:
        self._alias = alias
        self._changed = changed
        self._note = note
        self._takers: list[Taker] = []
        self._lock = threading.RLock()  # a taker gets nothing once it has been removed
        self.pending: tuple[Question, ...] = ()

    @contextmanager
    def taken_by(self, taker: Taker) -> Iterator[None]:
        """Take questions while the body runs; the last taker to register gets them."""
        self.add_taker(taker)
        try:
            yield
        finally:
            self.remove_taker(taker)

    def add_taker(self, taker: Taker) -> None:
        """Register a taker."""
        with self._lock:
            self._takers.append(taker)

    def remove_taker(self, taker: Taker) -> None:
        """Unregister a taker."""
        with self._lock, suppress(ValueError):
            self._takers.remove(taker)

    def show(self, thing: object) -> None:
        """Show something through the current taker."""
        self.hand_on(Notice(thing))

    def hand_on(self, item: Question | Notice) -> None:
        """Pass an item to the current taker; without a taker, cancel a question."""
        with self._lock:
            if self._takers:
                self._takers[-1](item)
                return
        if isinstance(item, Question):
            item.cancel()

    async def elicitation(self, params: types.ElicitRequestParams) -> Any:
        """Answer `elicitation/create`: the client's callback."""
        return await self.ask(Question(self._alias, params))

    async def sampling(self, params: types.CreateMessageRequestParams) -> Any:
        """Answer `sampling/createMessage` by asking the user: the client's callback."""
        return await self.ask(Question(self._alias, params))

    async def ask(self, question: Question) -> Answer:
        """Pass a question to the current taker and wait for the answer."""
        takers = self._takers
        if not takers or len(self.pending) >= MAX_OPEN_QUESTIONS:
            why = "too many questions wait" if takers else "no user could be asked"
            self._note("question", f"{question.message} (cancelled: {why})")
            question.cancel()
            return await question.answered()
        self.pending = (*self.pending, question)
        self._note("question", question.message)
        self._changed()
        try:
            self.hand_on(question)
            return await question.answered()
        finally:
            self.pending = tuple(each for each in self.pending if each is not question)
            self._changed()
