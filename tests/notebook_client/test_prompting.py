# SPDX-License-Identifier: BSD-3-Clause
"""A server's question as the person in front of a cell reads it."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from mcp_jupyter import types
from mcp_jupyter._ipython.questions import Question
from mcp_jupyter.notebook_client.blocking import wait_opened
from mcp_jupyter.notebook_client.prompts import put
from mcp_jupyter.notebook_client.questions import Questions


def asked(field: dict[str, Any], typed: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any]:
    """The prompt for a form of one field, and what is answered when the person types that."""
    prompts: list[str] = []

    def read(prompt: str = "") -> str:
        prompts.append(prompt)
        return typed

    monkeypatch.setattr(builtins, "input", read)
    schema = {"type": "object", "properties": {"x": field}}
    question = Question("zoo", types.ElicitRequestFormParams(message="Which?", requestedSchema=schema))
    put(question)
    answer = question._answer.result(0)
    assert isinstance(answer, types.ElicitResult)
    return prompts[0], (answer.content or {}).get("x")


PETS = {"type": "string", "enum": ["p1", "p2"], "enumNames": ["Cat", "Dog"]}
FISH = {
    "type": "array",
    "items": {"anyOf": [{"const": "f1", "title": "Tuna"}, {"const": "f2", "title": "Cod"}]},
}


def test_a_default_is_called_as_the_choices_are(monkeypatch: pytest.MonkeyPatch):
    prompt, answer = asked({**PETS, "default": "p2"}, "", monkeypatch)
    assert prompt == "x (one of Cat, Dog; default Dog): "
    assert answer == "p2"
    prompt, answer = asked({**FISH, "default": ["f2", "f1"]}, "", monkeypatch)
    assert prompt == "x (some of Tuna, Cod; default Cod, Tuna): "
    assert answer == ["f2", "f1"]


def test_a_choice_is_typed_by_its_title_or_its_value(monkeypatch: pytest.MonkeyPatch):
    assert asked(PETS, "Dog", monkeypatch)[1] == "p2"
    assert asked(PETS, "p1", monkeypatch)[1] == "p1"
    assert asked(FISH, "Cod, f1", monkeypatch)[1] == ["f2", "f1"]


def test_other_defaults_are_shown_as_they_are(monkeypatch: pytest.MonkeyPatch):
    assert asked({"type": "integer", "default": 42}, "", monkeypatch) == ("x (default 42): ", 42)
    prompt, answer = asked({"type": "string", "default": "It was a dark night."}, "", monkeypatch)
    assert (prompt, answer) == ("x (default 'It was a dark night.'): ", "It was a dark night.")


def test_a_field_is_called_by_its_title_also_in_what_is_wrong(monkeypatch, capsys):
    """Each prompt says which of the form's fields it is for (1.36)."""
    lines = iter(["", "maybe", "yes", "3"])
    prompts: list[str] = []
    monkeypatch.setattr(builtins, "input", lambda prompt: (prompts.append(prompt), next(lines))[1])
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean", "title": "Sure"}, "n": {"type": "integer"}},
        "required": ["ok"],
    }
    question = Question("zoo", types.ElicitRequestFormParams(message="Which?", requestedSchema=schema))
    put(question)
    answer = question._answer.result(0)
    assert isinstance(answer, types.ElicitResult)
    assert answer.content == {"ok": True, "n": 3}
    assert prompts == ["1 of 2: Sure (yes or no): "] * 3 + ["2 of 2: n (optional): "]
    assert capsys.readouterr().out.splitlines()[2:] == ["Sure is required.", "Sure must be yes or no."]


class _Opening(Future[None]):
    """Never done. Something is asked as soon as a cell waits for it."""

    def __init__(self, ask: Callable[[], None]) -> None:
        super().__init__()
        self._ask: Callable[[], None] | None = ask

    def done(self) -> bool:
        ask, self._ask = self._ask, None
        if ask is not None:
            ask()
        return super().done()


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_question_that_a_cell_leaves_behind_goes_to_the_next_taker(
    is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a taker it is cancelled at once; it does not wait for its time-out."""

    def interrupt(prompt: str = "") -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(builtins, "input", interrupt)
    params = types.ElicitRequestFormParams(message="?", requestedSchema={"type": "object", "properties": {}})
    first, second = Question("zoo", params), Question("zoo", params)
    taken: list[object] = []
    questions = Questions("zoo", lambda: None, lambda kind, text: None)
    if is_taken:
        questions.add_taker(taken.append)

    def ask() -> None:
        questions.hand_on(first)
        questions.hand_on(second)

    with pytest.raises(KeyboardInterrupt):
        wait_opened(_Opening(ask), questions, 30, "zoo")
    assert taken == ([second] if is_taken else [])
    assert second.is_settled is not is_taken
