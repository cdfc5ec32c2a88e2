# SPDX-License-Identifier: BSD-3-Clause
"""A server's question as a form: the answers, and the ways to give none."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from mcp_jupyter import types
from mcp_jupyter._ipython.questions import Question
from mcp_jupyter.widgets.questions import QuestionForm, link_host

from .person import Person

pytestmark = pytest.mark.anyio

FORM = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "nights": {"type": "integer", "default": 2}},
    "required": ["city"],
}


def form_question(message: str = "Where to?") -> Question:
    return Question("trips", types.ElicitRequestFormParams(message=message, requestedSchema=FORM))


def url_question(url: str) -> Question:
    return Question("trips", types.ElicitRequestURLParams(message="Pay.", url=url, elicitationId="1"))


def sampling_question() -> Question:
    said = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Write!"))
    return Question("trips", types.CreateMessageRequestParams(messages=[said], maxTokens=9))


def shown(question: Question) -> Person:
    return Person(QuestionForm(question).widget)


async def answer_of(question: Question) -> Any:
    return await asyncio.wait_for(question.answered(), 5)


async def test_a_form_is_filled_in_with_its_defaults() -> None:
    question = form_question()
    person = shown(question)
    assert "trips asks" in person.text
    assert "Where to?" in person.text
    person.fill("city (required)", "Oslo")
    person.press("Accept")
    answer = await answer_of(question)
    assert (answer.action, answer.content) == ("accept", {"city": "Oslo", "nights": 2})
    await person.reads("You answered.")
    assert not person.can_press("Accept")


async def test_what_is_missing_is_said_and_the_question_stays() -> None:
    question = form_question()
    person = shown(question)
    person.press("Accept")
    assert "Please correct 1 field." in person.text
    assert not question.is_settled
    person.press("Decline")
    assert (await answer_of(question)).action == "decline"


@pytest.mark.parametrize(
    "make", [form_question, lambda: url_question("https://a.example"), sampling_question]
)
@pytest.mark.parametrize(("button", "action"), [("Decline", "decline"), ("Cancel", "cancel")])
async def test_every_kind_can_be_declined_and_cancelled(make: Any, button: str, action: str) -> None:
    question = make()
    person = shown(question)
    person.press(button)
    answer = await answer_of(question)
    if question.kind == "sampling":
        assert isinstance(answer, types.ErrorData)
    else:
        assert answer.action == action


async def test_a_person_writes_in_place_of_a_model() -> None:
    question = sampling_question()
    person = shown(question)
    assert "(user) Write!" in person.text
    person.press("Send")
    assert "Write an answer, or decline." in person.text
    person.fill("Your answer", "a postcard")
    person.press("Send")
    assert (await answer_of(question)).content.text == "a postcard"


async def test_a_question_settled_elsewhere_goes_inert() -> None:
    question = form_question()
    person = shown(question)
    thread = threading.Thread(target=question.cancel)
    thread.start()
    thread.join(5)
    await person.reads("This question is no longer asked.")
    assert not person.can_press("Accept")


# -- addresses -------------------------------------------------------------------------------------------


async def test_an_address_is_text_with_its_host_and_a_link() -> None:
    question = url_question("https://bank.example/pay?id=1&x=<b>")
    person = shown(question)
    assert "<a " not in person.html
    question = url_question("https://bank.example/pay?id=1&x=2")
    person = shown(question)
    assert "https://bank.example/pay?id=1&x=2" in person.text
    assert (
        'href="https://bank.example/pay?id=1&amp;x=2" target="_blank" rel="noopener noreferrer"'
        in person.html
    )
    assert "It leads to bank.example" in " ".join(person.text.split())
    person.press("I am done")
    assert (await answer_of(question)).action == "accept"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://bank.example/pay", "bank.example"),
        ("https://bank.example:8443/", "bank.example"),
        ("http://127.0.0.1:9/x", "127.0.0.1"),
        ("http://localhost/x", "localhost"),
        ("http://[::1]/x", "::1"),
        ("http://bank.example/pay", None),
        ("javascript:alert(1)//https://bank.example", None),
        ("data:text/html,x", None),
        ("file:///etc/passwd", None),
        ("https://bank.example@evil.example/", None),
        ("https://evil.example\\@bank.example/", None),
        ("https://b\u0430nk.example/", None),
        ("https://bank.example/\u202e", None),
        ("https://bank.example/a b", None),
        ("https://bank.example/\nx", None),
        ('https://bank.example/"onclick="x', None),
        (" https://bank.example/", None),
        ("https://", None),
        ("https://[bank.example/", None),
        ("//bank.example", None),
        ("", None),
    ],
)
async def test_only_plain_addresses_become_links(url: str, host: str | None) -> None:
    assert link_host(url) == host
    assert ("<a " in shown(url_question(url)).html) == (host is not None)
