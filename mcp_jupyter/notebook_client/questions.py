# SPDX-License-Identifier: BSD-3-Clause
"""What a server asks the person in the course of a call, and who puts it to them.

Owns the questions that wait, and their answers. Draws nothing: whoever can ask a person (a cell that blocks,
a panel, the output of an async cell) takes questions with `Questions.taken_by`.

Threads: answers come from any thread, the first one counts. `Questions.ask` runs on the background loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from .. import types
from .._ipython.questions import Answer, Question

__all__ = ["Notice", "Questions", "Taker"]

MAX_PENDING: Final = 8
"""Questions of one server that may wait: no person answers more at once, and a flood must not bury them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person has to see in the course of a call, such as where to sign in.

    Attributes
    ----------
    thing : object
        What IPython can display.
    """

    thing: object


Taker: TypeAlias = Callable[[Question | Notice], None]
"""Takes what is for the person. Called on the background loop: it only hands on."""


class Questions:
    """The questions of one server."""

    def __init__(self, alias: str, changed: Callable[[], None], note: Callable[[str, str], object]) -> None:
        self._alias = alias
        self._changed = changed
        self._note = note
        self._takers: list[Taker] = []
        self._lock = threading.RLock()  # no taker gets anything once it has been removed
        self.pending: tuple[Question, ...] = ()

    @contextmanager
    def taken_by(self, taker: Taker) -> Iterator[None]:
        """Take questions while the body runs; of several takers, the last to come gets them."""
        self.add_taker(taker)
        try:
            yield
        finally:
            self.remove_taker(taker)

    def add_taker(self, taker: Taker) -> None:
        """Take questions from now on."""
        with self._lock:
            self._takers.append(taker)

    def remove_taker(self, taker: Taker) -> None:
        """Take no more."""
        with self._lock, suppress(ValueError):
            self._takers.remove(taker)

    def show(self, thing: object) -> None:
        """Show something to whoever would be asked."""
        self.hand_on(Notice(thing))

    def hand_on(self, item: Question | Notice) -> None:
        """Give something to the taker whose turn it is; without one, a question is cancelled."""
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
        """Answer `sampling/createMessage` by a person: the client's callback."""
        return await self.ask(Question(self._alias, params))

    async def ask(self, question: Question) -> Answer:
        """Put a question to whoever can ask a person, and wait for the answer."""
        takers = self._takers
        if not takers or len(self.pending) >= MAX_PENDING:
            why = "too many questions wait" if takers else "there was nobody to ask"
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
