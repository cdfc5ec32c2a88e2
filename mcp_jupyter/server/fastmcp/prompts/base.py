# SPDX-License-Identifier: BSD-3-Clause
"""Prompts: a function that returns messages, and its definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .... import types
from ....errors import INVALID_PARAMS, McpError, ToolError
from ...content import ContentTable
from ...content.images import without_texts
from ...runner import Invocation, converted
from ..context import Context
from ..signatures import Signature
from ..tools import check_name

__all__ = ["AssistantMessage", "Message", "Prompt", "UserMessage"]


class Message:
    """One message of a prompt: its content (text, an image, any value) and its role."""

    role: Literal["user", "assistant"] = "user"

    def __init__(self, content: Any, role: Literal["user", "assistant"] | None = None) -> None:
        self.content = content
        if role is not None:
            self.role = role


class UserMessage(Message):
    """A message of the user."""


class AssistantMessage(Message):
    """A message of the model."""

    role = "assistant"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A function whose messages a client can get.

    Attributes
    ----------
    definition : types.Prompt
        The entry of `prompts/list`; built once.
    function : callable
        The user's function.
    signature : Signature
        The function's parameters.
    """

    definition: types.Prompt
    function: Callable[..., Any]
    signature: Signature

    @property
    def name(self) -> str:
        """The prompt's name."""
        return self.definition.name

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        icons: list[types.Icon] | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Prompt:
        """Make a prompt of `function`; other arguments default to its name, docstring and parameters.

        Raises
        ------
        ValueError
            The name or a parameter cannot be used.
        """
        signature = Signature(function, Context)
        properties = signature.schema["properties"]
        required = signature.schema.get("required", ())
        definition = types.Prompt(
            name=check_name(name or signature.name),
            title=title,
            description=description if description is not None else signature.doc.description or None,
            arguments=[
                types.PromptArgument(
                    name=argument, description=schema.get("description"), required=argument in required
                )
                for argument, schema in properties.items()
            ],
            icons=icons,
            meta=meta,
        )
        return cls(definition, function, signature)

    def invocation(self, arguments: Mapping[str, Any], context: Context, table: ContentTable) -> Invocation:
        """Check the arguments, and return the call; its value is the `GetPromptResult`.

        Raises
        ------
        McpError
            INVALID_PARAMS; the message names each argument that does not fit.
        """
        try:
            signature = self.signature.current()
            bound = signature.bind(arguments)
        except (ToolError, ValueError) as exc:
            raise McpError(INVALID_PARAMS, str(exc)) from None
        if signature.injected is not None:
            bound[signature.injected] = context
        function = converted(self.function, lambda value: self._result(value, table))
        request = context.request_context
        return Invocation(self.name, function, bound, report=request.waiting, running=request.running)

    def _result(self, value: Any, table: ContentTable) -> types.GetPromptResult:
        """Convert the function's value to messages."""
        if isinstance(value, types.GetPromptResult):
            return value.model_copy()  # the function may keep and change its own object
        messages = value if isinstance(value, list | tuple) else [value]
        return types.GetPromptResult(
            description=self.definition.description,
            messages=[message for item in messages for message in _messages(item, table)],
        )


def _messages(item: Any, table: ContentTable) -> list[types.PromptMessage]:
    if isinstance(item, types.PromptMessage):
        return [item]
    if isinstance(item, dict) and item.keys() == {"role", "content"}:
        role, content = item["role"], item["content"]
    elif isinstance(item, Message):
        role, content = item.role, item.content
    else:
        role, content = "user", item
    if isinstance(content, dict) and "type" in content:
        return [types.PromptMessage.model_validate({"role": role, "content": content})]
    blocks = without_texts(table.convert(content).blocks)  # the author writes the text beside a picture
    return [types.PromptMessage(role=role, content=block) for block in blocks]
