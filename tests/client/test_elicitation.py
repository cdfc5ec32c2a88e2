# SPDX-License-Identifier: BSD-3-Clause
"""What a person's answer to a form becomes, and which kinds of elicitation a client declares."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client.elicitation import Elicitor, problems, with_defaults
from mcp_jupyter.errors import McpError

from .memory_server import Server, conversation

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 8, "default": "Ada"},
        "age": {"type": "integer", "minimum": 18, "maximum": 99, "default": 36},
        "score": {"type": "number", "default": 9.5},
        "member": {"type": "boolean", "default": False},
        "plan": {"type": "string", "enum": ["free", "paid"], "default": "free"},
        "colour": {"type": "string", "oneOf": [{"const": "#f00", "title": "Red"}]},
        "days": {"type": "array", "items": {"type": "string", "enum": ["mon", "tue"]}, "maxItems": 1},
        "tags": {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}, "minItems": 1},
        "note": {"type": "string"},
    },
    "required": ["name", "note"],
}


def test_defaults_fill_in_what_is_missing_and_nothing_else() -> None:
    assert with_defaults(SCHEMA, {"age": 50, "extra": 1}) == {
        "name": "Ada",
        "age": 50,
        "score": 9.5,
        "member": False,
        "plan": "free",
        "extra": 1,
    }
    assert with_defaults({"properties": {"a": True}}, {}) == {}
    assert with_defaults({}, {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("name", "A", "must be at least 2 characters"),
        ("name", "Augusta Ada", "must be at most 8 characters"),
        ("name", 5, "must be text"),
        ("age", 17, "must be at least 18"),
        ("age", 100, "must be at most 99"),
        ("age", 36.5, "must be an integer"),
        ("age", float("inf"), "must be an integer"),
        ("age", True, "must be a number"),
        ("age", "36", "must be a number"),
        ("score", None, None),
        ("member", 1, "must be true or false"),
        ("plan", "gold", "is none of the choices"),
        ("colour", "Red", "is none of the choices"),
        ("days", ["mon", "sun"], "has a member that is none of the choices"),
        ("days", ["mon", "tue"], "must be at most 1 members"),
        ("days", "mon", "must be a list"),
        ("tags", [], "must be at least 1 members"),
        ("tags", ["a"], None),
        ("age", 36.0, None),
        ("unknown", object(), None),
    ],
)
def test_a_value_is_checked_against_its_field(field: str, value: Any, wrong: str | None) -> None:
    found = list(problems(SCHEMA, {"name": "Ada", "note": "x", field: value}))
    assert found == ([] if wrong is None else [f"{field!r} {wrong}"])


def test_required_fields_are_named_and_strange_schemas_do_no_harm() -> None:
    assert list(problems(SCHEMA, {"name": "Ada"})) == ["'note' is missing"]
    for strange in ({"required": 5, "properties": [1]}, {"properties": {"a": {"type": ["string"]}}}, {}):
        assert list(problems(strange, {"a": 1})) == []


def form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"message": "m", "requestedSchema": schema}


async def test_an_accepted_form_is_completed_and_anything_else_carries_no_content() -> None:
    replies = iter(["accept", "decline", "cancel"])

    async def callback(params: types.ElicitRequestFormParams) -> Any:
        return {"action": next(replies), "content": {"note": "hello"}}

    async with conversation(Server(), elicitation_callback=callback) as (_, connection):
        answer = await connection.request("elicitation/create", form(SCHEMA))
        assert answer["content"]["note"] == "hello"
        assert answer["content"]["age"] == 36
        for action in ("decline", "cancel"):
            answer = await connection.request("elicitation/create", form(SCHEMA))
            assert answer == {"action": action}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ({"action": "accept", "content": {"age": 5}}, "'note' is missing; 'age' must be at least 18"),
        ({"action": "perhaps"}, "answer is malformed: action"),
        (None, "answer is malformed"),
    ],
)
async def test_an_answer_that_does_not_fit_the_form_is_not_sent(reply: Any, words: str) -> None:
    async def callback(params: Any) -> Any:
        return reply

    async with conversation(Server(), elicitation_callback=callback) as (_, connection):
        with pytest.raises(McpError, match=words) as caught:
            await connection.request("elicitation/create", form(SCHEMA))
        assert caught.value.code == -32603


async def test_a_url_is_only_shown_to_a_callback_that_takes_one() -> None:
    async def plain(params: Any) -> Any:
        return {"action": "accept", "content": {"a": 1}}

    async def able(params: types.ElicitRequestParams) -> Any:
        return {"action": "accept", "content": {"a": 1}}

    question = {"mode": "url", "message": "m", "url": "https://example.com", "elicitationId": "1"}
    async with conversation(Server(), elicitation_callback=plain) as (_, connection):
        with pytest.raises(McpError, match="did not declare elicitation by URL") as caught:
            await connection.request("elicitation/create", question)
        assert caught.value.code == -32602
    server = Server()
    async with conversation(server, elicitation_callback=able) as (_, connection):
        assert await connection.request("elicitation/create", question) == {"action": "accept"}
    assert server.asked[0][1]["capabilities"] == {"elicitation": {"form": {}, "url": {}}}


def test_annotations_say_whether_a_callback_takes_urls() -> None:
    async def both(context: Any, params: types.ElicitRequestParams) -> Any: ...
    async def url(params: types.ElicitRequestURLParams) -> Any: ...
    async def union(params: types.ElicitRequestFormParams | types.ElicitRequestURLParams) -> Any: ...
    async def form_only(params: types.ElicitRequestFormParams) -> Any: ...
    async def anything(params): ...
    async def unknown(params: NoSuchName) -> Any: ...  # noqa: F821

    able = {
        f.__name__
        for f in (both, url, union, form_only, anything, unknown)
        if "url" in Elicitor(f).capability
    }
    assert able == {"both", "url", "union"}


async def test_the_end_of_an_elicitation_by_url_reaches_the_message_handler() -> None:
    heard: list[Any] = []
    told = anyio.Event()

    async def handle(notification: Any) -> None:
        heard.append(notification)
        told.set()

    async with conversation(Server(), message_handler=handle) as (_, connection):
        connection.notify("notifications/elicitation/complete", {"elicitationId": "7"})
        with anyio.fail_after(5):
            await told.wait()
    assert isinstance(heard[0], types.ElicitCompleteNotification)
    assert heard[0].params.elicitationId == "7"
