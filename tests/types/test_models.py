# SPDX-License-Identifier: BSD-3-Clause
"""What the wire models promise beyond the schemas: what they keep, what they default to, what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import AnyUrl, TypeAdapter, ValidationError
from pydantic_core import from_json

from mcp_jupyter import types
from tests.types.official import wire

MESSAGE: TypeAdapter[Any] = TypeAdapter(types.JSONRPCMessage)


def written(value: Any) -> Any:
    return json.loads(wire(value))


# --------------------------------------------------------------------------------------- convenience


def test_constants_need_not_be_given() -> None:
    assert written(types.TextContent(text="hi")) == written(types.TextContent(type="text", text="hi"))
    request = types.CallToolRequest(params=types.CallToolRequestParams(name="t"))
    assert written(request) == {"method": "tools/call", "params": {"name": "t"}}


def test_meta_is_given_by_either_name_and_written_by_the_wire_name() -> None:
    by_name = types.Root(uri="file:///a", meta={"k": None})
    by_alias = types.Root.model_validate({"uri": "file:///a", "_meta": {"k": None}})
    assert by_name == by_alias
    assert written(by_name) == {"uri": "file:///a", "_meta": {"k": None}}


def test_a_progress_token_is_an_attribute_of_the_meta() -> None:
    params = types.CallToolRequestParams.from_wire({"name": "t", "_meta": {"progressToken": 0, "x": 1}})
    assert params.meta is not None
    assert params.meta.progressToken == 0
    assert written(params)["_meta"] == {"progressToken": 0, "x": 1}


def test_one_block_or_several_read_as_a_list() -> None:
    block = types.TextContent(text="hi")
    assert types.SamplingMessage(role="user", content=block).content_as_list == [block]
    result = types.CreateMessageResult(role="assistant", model="m", content=[block, block])
    assert result.content_as_list == [block, block]


# ------------------------------------------------------------------------------------ nothing is lost


@pytest.mark.parametrize(
    "extra",
    [{"x": {"deep": [None, {"y": None}]}}, {"snake_case": 1}, {"é 😀": "\u2028"}, {"": 0}],
    ids=["nested null", "foreign spelling", "unicode", "empty name"],
)
def test_unknown_members_survive(extra: dict[str, Any]) -> None:
    tool = {
        "name": "t",
        "inputSchema": {"type": "object"},
        "annotations": {"readOnlyHint": True, **extra},
        **extra,
    }
    assert written(types.ListToolsResult.from_wire({"tools": [tool], **extra})) == {"tools": [tool], **extra}


@pytest.mark.parametrize(
    "name", ["__class__", "__dict__", "model_fields_set", "model_dump", "from_wire", "nullable"]
)
def test_unknown_members_cannot_replace_what_a_model_is(name: str) -> None:
    result = types.CallToolResult.from_wire({"content": [], name: "mine"})
    assert type(result) is types.CallToolResult
    assert written(result) == {"content": [], name: "mine"}


def test_a_foreign_member_called_meta_is_not_taken_for_the_meta() -> None:
    message = {"name": "t", "inputSchema": {}, "meta": 5, "_meta": {"k": 1}}
    tool = types.Tool.from_wire(message)
    assert tool.meta == {"k": 1}
    assert written(tool) == message


def test_json_schemas_are_kept_verbatim() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {"a": {"$anchor": "x"}},
        "properties": {"p": {"default": None, "enum": [None, 1], "x-mcp-header": "P"}},
        "additionalProperties": False,
    }
    assert written(types.Tool(name="t", inputSchema=schema, outputSchema=schema))["inputSchema"] == schema


@pytest.mark.parametrize("number", [0, 1, 2**53 + 1, 2**70, -(2**70), 0.1, 1e300])
def test_numbers_stay_what_they_are(number: float) -> None:
    params = types.ProgressNotificationParams.from_wire(
        {"progressToken": 1, "progress": number, "total": number}
    )
    assert wire(params) == wire({"progressToken": 1, "progress": number, "total": number})


def test_what_json_cannot_say_is_written_as_null() -> None:
    result = types.CallToolResult(content=[], structuredContent={"v": [float("nan"), float("inf")]})
    assert written(result)["structuredContent"] == {"v": [None, None]}


def test_uris_are_not_normalised() -> None:
    for uri in ("HTTP://Example.com", "file:///a/../b", "note:é", "not a uri"):
        assert written(types.ReadResourceRequestParams(uri=uri)) == {"uri": uri}


# ------------------------------------------------------------------------------------ null and absence


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (types.CallToolResult, {"content": [], "structuredContent": None}),
        (
            types.ToolResultContent,
            {"type": "tool_result", "toolUseId": "u", "content": [], "structuredContent": None},
        ),
        (types.LoggingMessageNotificationParams, {"level": "info", "data": None}),
        (types.ErrorData, {"code": -32603, "message": "m", "data": None}),
        (types.JSONRPCError, {"jsonrpc": "2.0", "id": None, "error": {"code": -32700, "message": "m"}}),
        (types.GetTaskPayloadResult, {"content": [], "structuredContent": None}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_null_that_is_a_value_survives(model: type[types.WireModel], message: dict[str, Any]) -> None:
    value = model.from_wire(message)
    assert written(value) == message
    assert written({"result": [value]}) == {"result": [message]}  # inside an envelope too
    assert json.loads(value.model_dump_json(exclude_none=True)) == message


def test_content_that_was_not_given_is_not_written_as_null() -> None:
    result = types.CallToolResult(content=[])
    assert written(result) == {"content": []}
    assert "structuredContent" not in result.model_fields_set
    assert "structuredContent" in types.CallToolResult(content=[], structuredContent=None).model_fields_set


def test_a_null_for_an_optional_member_reads_as_absent() -> None:
    result = types.ListToolsResult.from_wire({"tools": [], "nextCursor": None, "_meta": None})
    assert written(result) == {"tools": []}


def test_a_result_without_type_is_complete_and_is_written_without() -> None:
    result = types.ListToolsResult.from_wire({"tools": []})
    assert result.is_complete
    assert "resultType" not in written(result)
    assert types.Result(resultType="complete").is_complete
    assert not types.Result(resultType="input_required").is_complete
    assert not types.InputRequiredResult(requestState="s").is_complete
    assert written(types.InputRequiredResult(requestState="s"))["resultType"] == "input_required"


# ----------------------------------------------------------------------------------- unions tell apart


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"jsonrpc": "2.0", "id": 0, "method": "m"}, types.JSONRPCRequest),
        ({"jsonrpc": "2.0", "id": "1", "method": "m", "params": {}}, types.JSONRPCRequest),
        ({"jsonrpc": "2.0", "method": "m"}, types.JSONRPCNotification),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, types.JSONRPCResponse),
        ({"jsonrpc": "2.0", "error": {"code": 1, "message": "m"}}, types.JSONRPCError),
    ],
)
def test_envelopes_are_told_apart(message: dict[str, Any], kind: type) -> None:
    value = MESSAGE.validate_python(message)
    assert type(value) is kind
    assert written(value) == message
    assert MESSAGE.validate_python(value) is value


@pytest.mark.parametrize("bad_id", [None, True, 1.5, [], {}])
def test_a_request_with_a_bad_id_is_refused_and_not_read_as_a_notification(bad_id: Any) -> None:
    with pytest.raises(ValidationError):
        MESSAGE.validate_python({"jsonrpc": "2.0", "id": bad_id, "method": "m"})


@pytest.mark.parametrize("message", [None, 3, "text", [], {}, {"jsonrpc": "1.0", "method": "m"}])
def test_what_is_no_message_is_refused(message: Any) -> None:
    with pytest.raises(ValidationError):
        MESSAGE.validate_python(message)


def test_an_unknown_kind_of_content_is_refused_with_one_error() -> None:
    with pytest.raises(ValidationError) as caught:
        types.CallToolResult.from_wire({"content": [{"type": "hologram"}]})
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("field", "model"),
    [
        ({"type": "string", "format": "email"}, types.StringSchema),
        ({"type": "integer", "minimum": 1}, types.NumberSchema),
        ({"type": "boolean", "default": True}, types.BooleanSchema),
        ({"type": "string", "enum": ["a"]}, types.UntitledSingleSelectEnumSchema),
        ({"type": "string", "enum": ["a"], "enumNames": ["A"]}, types.LegacyTitledEnumSchema),
        ({"type": "string", "oneOf": [{"const": "a", "title": "A"}]}, types.TitledSingleSelectEnumSchema),
        ({"type": "array", "items": {"type": "string", "enum": ["a"]}}, types.UntitledMultiSelectEnumSchema),
        (
            {"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}},
            types.TitledMultiSelectEnumSchema,
        ),
    ],
)
def test_fields_of_a_form_are_told_apart(field: dict[str, Any], model: type) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(types.PrimitiveSchemaDefinition)
    value = adapter.validate_python(field)
    assert type(value) is model
    assert written(value) == field


def test_a_question_without_mode_is_a_form() -> None:
    form = {"message": "m", "requestedSchema": {"type": "object", "properties": {}}}
    assert isinstance(types.ElicitRequest.from_wire({"params": form}).params, types.ElicitRequestFormParams)
    url = types.ElicitRequest.from_wire({"params": {"mode": "url", "message": "m", "url": "https://a"}})
    assert isinstance(url.params, types.ElicitRequestURLParams)


@pytest.mark.parametrize("value", ["1", 1, 1.5, True, ["a"], None])
def test_answers_to_a_form_keep_their_type(value: Any) -> None:
    result = types.ElicitResult.from_wire({"action": "accept", "content": {"v": value}})
    assert result.content is not None
    assert type(result.content["v"]) is type(value)
    assert written(result)["content"] == {"v": value}


def test_a_method_without_a_class_of_its_own_keeps_its_params() -> None:
    message = {"method": "vendor/thing", "params": {"a": None, "_meta": {"b": None}}}
    assert written(types.Request.from_wire(message)) == message
    assert written(types.Notification.from_wire(message)) == message


# --------------------------------------------------------------------- the modern envelope, the extension


def test_the_modern_meta_has_a_typed_view() -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        "progressToken": "p",
        "traceparent": "00-1-2-01",
    }
    params = types.RequestParams.from_wire({"_meta": meta})
    assert written(params) == {"_meta": meta}
    view = types.RequestMetaObject.from_wire(meta)
    assert view.protocolVersion == "2026-07-28"
    assert view.clientCapabilities.elicitation == types.ElicitationCapability()
    assert written(view) == meta
    with pytest.raises(ValidationError):  # only the wire's own name counts on receipt
        types.RequestMetaObject.from_wire({"protocolVersion": "2026-07-28", "clientCapabilities": {}})


@pytest.mark.parametrize("request_id", [0, 7, "listen:0", "0"])
def test_a_subscription_id_keeps_its_type(request_id: Any) -> None:
    message = {"_meta": {"io.modelcontextprotocol/subscriptionId": request_id}}
    result = types.SubscriptionsListenResult.from_wire(message)
    assert written(result) == message
    view = types.SubscriptionsListenResultMetaObject.from_wire(result.meta)
    assert view.subscriptionId == request_id
    assert type(view.subscriptionId) is type(request_id)


TASK = {
    "taskId": "t1",
    "status": "working",
    "createdAt": "2026-07-28T00:00:00Z",
    "lastUpdatedAt": "2026-07-28T00:00:00Z",
    "ttlMs": None,
}


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (types.TaskHandleResult, {"resultType": "task", **TASK, "pollIntervalMs": 500}),
        (types.DetailedTaskResult, {"resultType": "complete", **TASK}),
        (
            types.DetailedTaskResult,
            TASK
            | {
                "status": "input_required",
                "inputRequests": {
                    "q": {
                        "method": "elicitation/create",
                        "params": {"message": "m", "requestedSchema": {"type": "object", "properties": {}}},
                    }
                },
            },
        ),
        (types.DetailedTaskResult, TASK | {"status": "completed", "result": {"content": [], "x": None}}),
        (types.DetailedTaskResult, TASK | {"status": "failed", "error": {"code": -32603, "message": "m"}}),
        (types.DetailedTaskNotification, {"method": "notifications/tasks", "params": TASK}),
        (types.GetTaskRequest, {"method": "tasks/get", "params": {"taskId": "t1"}}),
        (
            types.UpdateTaskRequest,
            {
                "method": "tasks/update",
                "params": {"taskId": "t1", "inputResponses": {"q": {"action": "decline"}}},
            },
        ),
    ],
)
def test_messages_of_the_tasks_extension_survive(
    model: type[types.WireModel], message: dict[str, Any]
) -> None:
    """Source: SEP-2663, and the schema of github.com/modelcontextprotocol/ext-tasks."""
    assert from_json(wire(model.from_wire(message))) == message


def test_questions_inside_results_are_read_by_their_method() -> None:
    result = types.InputRequiredResult.from_wire(
        {"inputRequests": {"r": {"method": "roots/list"}}, "resultType": "input_required"}
    )
    assert result.inputRequests == {"r": types.ListRootsRequest()}
    with pytest.raises(ValidationError):
        types.InputRequiredResult.from_wire({"inputRequests": {"r": {"method": "tools/call"}}})


def test_answers_nobody_understands_do_not_refuse_the_retry() -> None:
    message = {"name": "t", "inputResponses": {"a": 5, "b": {"action": "accept"}}, "requestState": "s"}
    assert written(types.CallToolRequestParams.from_wire(message)) == message


def test_a_url_object_is_taken_for_its_text() -> None:
    url = AnyUrl("note://internal/one")
    assert types.Resource(uri=url, name="one").uri == "note://internal/one"  # type: ignore[arg-type]
    assert types.Root(uri="HTTP://As.Given").uri == "HTTP://As.Given"
    with pytest.raises(ValidationError):
        types.TextResourceContents(uri=3, text="")  # type: ignore[arg-type]
