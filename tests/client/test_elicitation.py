# SPDX-License-Identifier: BSD-3-Clause
"""What a person's answer to a form becomes, and which kinds of elicitation a client declares."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from mcp_jupyter import types
from mcp_jupyter.client.callbacks import Elicitor, with_defaults
from mcp_jupyter.errors import McpError

from .memory_server import Server, connected

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


def form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"message": "m", "requestedSchema": schema}


async def test_an_accepted_form_is_completed_and_anything_else_carries_no_content() -> None:
    replies = iter(["accept", "decline", "cancel"])

    async def callback(params: types.ElicitRequestFormParams) -> Any:
        return {"action": next(replies), "content": {"note": "hello"}}

    async with connected(Server(), elicitation_callback=callback) as (_, connection):
        answer = await connection.request("elicitation/create", form(SCHEMA))
        assert answer["content"]["note"] == "hello"
        assert answer["content"]["age"] == 36
        for action in ("decline", "cancel"):
            answer = await connection.request("elicitation/create", form(SCHEMA))
            assert answer == {"action": action}


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            {"action": "accept", "content": {"age": 5}},
            r"does not fit the form: .*5 is less than the minimum of 18.*'note' is a required",
        ),
        ({"action": "accept", "content": {"note": "x", "plan": "gold"}}, "'gold' is not one of"),
        ({"action": "accept", "content": {"note": "x", "colour": "Red"}}, "does not fit the form"),
        ({"action": "accept", "content": {"note": "x", "days": ["mon", "sun"]}}, "'sun' is not one of"),
        ({"action": "accept", "content": {"note": "x", "member": 1}}, "1 is not of type 'boolean'"),
        ({"action": "perhaps"}, "answer is malformed: action"),
        (None, "answer is malformed"),
    ],
)
async def test_an_answer_that_does_not_fit_the_form_is_not_sent(reply: Any, words: str) -> None:
    async def callback(params: Any) -> Any:
        return reply

    async with connected(Server(), elicitation_callback=callback) as (_, connection):
        with pytest.raises(McpError, match=words) as caught:
            await connection.request("elicitation/create", form(SCHEMA))
        assert caught.value.code == -32603


@pytest.mark.parametrize("schema", [{"type": 5}, {"properties": {"a": {"type": "text"}}}])
async def test_a_form_that_is_no_schema_is_shown_to_nobody(schema: dict[str, Any]) -> None:
    async def callback(params: Any) -> Any:
        raise AssertionError("nobody should be asked")

    async with connected(Server(), elicitation_callback=callback) as (_, connection):
        with pytest.raises(McpError, match="The form's schema cannot be used") as caught:
            await connection.request("elicitation/create", form(schema))
        assert caught.value.code == -32602


async def test_a_form_that_leads_elsewhere_is_not_followed() -> None:
    async def callback(params: Any) -> Any:
        return {"action": "accept", "content": {"a": "x"}}

    schema = {"properties": {"a": {"$ref": "http://127.0.0.1:1/secret"}}}
    async with connected(Server(), elicitation_callback=callback) as (_, connection):
        with pytest.raises(McpError, match="A reference leads nowhere"):
            await connection.request("elicitation/create", form(schema))


async def test_a_url_is_only_shown_to_a_callback_that_takes_one() -> None:
    async def plain(params: Any) -> Any:
        return {"action": "accept", "content": {"a": 1}}

    async def able(params: types.ElicitRequestParams) -> Any:
        return {"action": "accept", "content": {"a": 1}}

    question = {"mode": "url", "message": "m", "url": "https://example.com", "elicitationId": "1"}
    async with connected(Server(), elicitation_callback=plain) as (_, connection):
        with pytest.raises(McpError, match="did not declare elicitation by URL") as caught:
            await connection.request("elicitation/create", question)
        assert caught.value.code == -32602
    server = Server()
    async with connected(server, elicitation_callback=able) as (_, connection):
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

    async with connected(Server(), message_handler=handle) as (_, connection):
        connection.notify("notifications/elicitation/complete", {"elicitationId": "7"})
        with anyio.fail_after(5):
            await told.wait()
    assert isinstance(heard[0], types.ElicitCompleteNotification)
    assert heard[0].params.elicitationId == "7"
