# SPDX-License-Identifier: BSD-3-Clause
"""The four formats in which hosts talk to a model: what a request says, and how an answer is written.

Anthropic's Messages, OpenAI's Responses and chat completions, Gemini's generateContent. Knows no script and
no host.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from .turns import Answer, Call, Handed, Turn, handed

__all__ = ["CODE", "Format", "format_of"]

MODEL = "scripted"
CODE = "functions::exec"
"""Codex's tool for JavaScript that calls tools; its only argument is a text."""

Json = dict[str, Any]
Events = Iterator[tuple[str, Json]]


class Format(Protocol):
    """One format.

    Attributes
    ----------
    named_events : bool
        Whether an event's name stands in a line of its own.
    """

    named_events: bool

    def turn(self, body: Json) -> Turn:
        """What a request gives the model."""

    def whole(self, answer: Answer, id: str) -> Json:
        """An answer in one piece."""

    def events(self, answer: Answer, id: str) -> Events:
        """The same answer as a stream."""


def format_of(path: str) -> Format | None:
    """The format that is spoken at a path; None for what is no request to a model."""
    for end, spoken in _FORMATS.items():
        if path.endswith(end):
            return spoken
    return None


class Messages:
    """Anthropic's."""

    named_events = True

    def turn(self, body: Json) -> Turn:
        blocks = [
            block
            for message in body.get("messages", [])
            if isinstance(message["content"], list)
            for block in message["content"]
        ]
        results = [block.get("content") for block in blocks if block["type"] == "tool_result"]
        # A search for tools that the first request named only answers with references to them.
        found = [
            part["tool_name"]
            for content in results
            if isinstance(content, list)
            for part in content
            if part["type"] == "tool_reference"
        ]
        tools = [tool["name"] for tool in body.get("tools") or [] if not tool.get("defer_loading")]
        return Turn((*tools, *found), tuple(handed(content) for content in results))

    def whole(self, answer: Answer, id: str) -> Json:
        message = self._message([self._block(answer, id, whole=True)])
        return {**message, "stop_reason": self._reason(answer)}

    def events(self, answer: Answer, id: str) -> Events:
        if isinstance(answer, Call):
            delta = {"type": "input_json_delta", "partial_json": json.dumps(answer.arguments)}
        else:
            delta = {"type": "text_delta", "text": answer}
        yield "message_start", {"message": self._message([])}
        yield (
            "content_block_start",
            {"index": 0, "content_block": self._block(answer, id, whole=False)},
        )
        yield "content_block_delta", {"index": 0, "delta": delta}
        yield "content_block_stop", {"index": 0}
        end = {"stop_reason": self._reason(answer), "stop_sequence": None}
        yield "message_delta", {"delta": end, "usage": {"output_tokens": 1}}
        yield "message_stop", {}

    @staticmethod
    def _message(content: list[Json]) -> Json:
        usage = {"input_tokens": 1, "output_tokens": 1}
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL}
        return {**head, "content": content, "stop_reason": None, "stop_sequence": None, "usage": usage}

    @staticmethod
    def _block(answer: Answer, id: str, *, whole: bool) -> Json:
        if isinstance(answer, Call):
            arguments = answer.arguments if whole else {}
            return {"type": "tool_use", "id": f"toolu_{id}", "name": answer.tool, "input": arguments}
        return {"type": "text", "text": answer if whole else ""}

    @staticmethod
    def _reason(answer: Answer) -> str:
        return "tool_use" if isinstance(answer, Call) else "end_turn"


class Responses:
    """OpenAI's, as Codex speaks it: a server's tools stand in a namespace of its name."""

    named_events = True

    def turn(self, body: Json) -> Turn:
        items = [item for item in body.get("input", []) if isinstance(item, dict)]
        offered = list(body.get("tools") or [])
        for item in items:
            if item.get("type") in ("additional_tools", "tool_search_output"):
                offered += item["tools"]
        names = [name for tool in offered for name in self._names(tool)]
        kinds = ("function_call_output", "custom_tool_call_output", "tool_search_output")
        results = [handed(item.get("output")) for item in items if item.get("type") in kinds]
        return Turn(tuple(names), tuple(results))

    @staticmethod
    def _names(tool: Json) -> list[str]:
        if "tools" in tool:
            return [f"{tool['name']}::{inner['name']}" for inner in tool["tools"]]
        return [tool.get("name") or tool["type"]]

    def whole(self, answer: Answer, id: str) -> Json:
        return self._response("completed", [self._item(answer, id)])

    def events(self, answer: Answer, id: str) -> Events:
        item = self._item(answer, id)
        yield "response.created", {"response": self._response("in_progress", [])}
        yield (
            "response.output_item.added",
            {"output_index": 0, "item": {**item, "status": "in_progress"}},
        )
        if isinstance(answer, str):
            where = {"item_id": item["id"], "output_index": 0, "content_index": 0}
            yield "response.output_text.delta", {**where, "delta": answer}
        yield "response.output_item.done", {"output_index": 0, "item": item}
        yield "response.completed", {"response": self.whole(answer, id)}

    @staticmethod
    def _response(status: str, output: list[Json]) -> Json:
        counts = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        details: Json = {"input_tokens_details": {"cached_tokens": 0}}
        details |= {"output_tokens_details": {"reasoning_tokens": 0}}
        head = {"id": "resp_1", "object": "response", "created_at": 0, "status": status, "model": MODEL}
        return {**head, "output": output, "usage": counts | details}

    @staticmethod
    def _item(answer: Answer, id: str) -> Json:
        head = {"id": f"item_{id}", "status": "completed"}
        if isinstance(answer, str):
            content = {"type": "output_text", "text": answer, "annotations": []}
            return {**head, "type": "message", "role": "assistant", "content": [content]}
        namespace, separator, name = answer.tool.rpartition("::")
        called = {**head, "call_id": id, "name": name}
        if separator:
            called["namespace"] = namespace
        if answer.tool == CODE:
            return {**called, "type": "custom_tool_call", "input": answer.arguments["code"]}
        return {**called, "type": "function_call", "arguments": json.dumps(answer.arguments)}


class ChatCompletions:
    """OpenAI's older one, which most others speak."""

    named_events = False

    def turn(self, body: Json) -> Turn:
        tools = [tool["function"]["name"] for tool in body.get("tools") or []]
        return Turn(tuple(tools), tuple(self._results(body.get("messages", []))))

    @staticmethod
    def _results(messages: list[Json]) -> Iterator[Handed]:
        for message, following in zip(messages, [*messages[1:], {}], strict=True):
            if message.get("role") == "tool":
                # The format has no pictures in results: some hosts let the user say them next.
                said = following.get("content") if following.get("role") == "user" else None
                yield handed(message["content"], said if isinstance(said, list) else None)

    def whole(self, answer: Answer, id: str) -> Json:
        choice = {"index": 0, "message": self._message(answer, id), "finish_reason": self._reason(answer)}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage()}

    def events(self, answer: Answer, id: str) -> Events:
        head = self._head("chat.completion.chunk")
        said = {"index": 0, "delta": self._message(answer, id), "finish_reason": None}
        yield "", {**head, "choices": [said]}
        yield "", {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": self._reason(answer)}]}
        yield "", {**head, "choices": [], "usage": self._usage()}

    @staticmethod
    def _head(kind: str) -> Json:
        return {"id": "chatcmpl-1", "object": kind, "created": 0, "model": MODEL}

    @staticmethod
    def _usage() -> Json:
        return {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}

    @staticmethod
    def _message(answer: Answer, id: str) -> Json:
        if isinstance(answer, str):
            return {"role": "assistant", "content": answer}
        function = {"name": answer.tool, "arguments": json.dumps(answer.arguments)}
        call = {"index": 0, "id": id, "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    @staticmethod
    def _reason(answer: Answer) -> str:
        return "tool_calls" if isinstance(answer, Call) else "stop"


class GenerateContent:
    """Gemini's."""

    named_events = False

    def turn(self, body: Json) -> Turn:
        tools = [
            function["name"]
            for group in body.get("tools") or []
            for function in group.get("functionDeclarations", [])
        ]
        return Turn(tuple(tools), tuple(self._results(body)))

    @staticmethod
    def _results(body: Json) -> Iterator[Handed]:
        for content in body.get("contents", []):
            parts = content.get("parts", [])
            responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
            beside = [part["inlineData"] for part in parts if "inlineData" in part]
            for response in responses:  # one, as the script makes one call a turn
                yield handed(response, beside)

    def whole(self, answer: Answer, id: str) -> Json:
        part: Mapping[str, Any] = {"text": answer}
        if isinstance(answer, Call):
            part = {"functionCall": {"id": id, "name": answer.tool, "args": answer.arguments}}
        content = {"role": "model", "parts": [part]}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        candidate = {"content": content, "finishReason": "STOP", "index": 0}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": MODEL, "responseId": id}

    def events(self, answer: Answer, id: str) -> Events:
        yield "", self.whole(answer, id)


_FORMATS: dict[str, Format] = {
    "/messages": Messages(),
    "/responses": Responses(),
    "/chat/completions": ChatCompletions(),
    "enerateContent": GenerateContent(),  # :generateContent and :streamGenerateContent
}
