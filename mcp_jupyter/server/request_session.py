# SPDX-License-Identifier: BSD-3-Clause
"""The client as one request sees it: what may be asked and told in its course, with the SDK's names.

Owns how questions are put and answers are read. May be used on any thread that a function runs on: what it
does is run on the event loop's thread. Does not know how a question travels.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from .. import types
from ..errors import McpError
from ..protocol.codes import INTERNAL_ERROR
from .client_requests import declares
from .context import RequestContext
from .parameters import parameters

__all__ = ["RequestSession"]

T = TypeVar("T")
R = TypeVar("R", bound=types.Result)
Run = Callable[[Coroutine[Any, Any, T]], Coroutine[Any, Any, T]]


async def _here(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine


class RequestSession:
    """One request's view of its client.

    Every method that asks raises `MissingCapability` when neither the client nor a user at a notebook can be
    asked this, `McpError` for the client's error, and `RequestTimeout` when there is no answer in ten minutes
    or in the time that the host gives a call. A `key` names the question where a modern client gets several
    at once; it is made up when left out. The SDK's `related_request_id` changes nothing: what is said here
    belongs to this request.

    Parameters
    ----------
    request : RequestContext
    run : async callable, optional
        Runs a coroutine on the event loop's thread.
    """

    def __init__(self, request: RequestContext, run: Run[Any] = _here) -> None:
        self._request = request
        self._run = run

    # -- asking ----------------------------------------------------------------------------------

    async def create_message(
        self,
        messages: Sequence[types.SamplingMessage],
        *,
        max_tokens: int,
        system_prompt: str | None = None,
        include_context: types.IncludeContext | None = None,
        temperature: float | None = None,
        stop_sequences: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        model_preferences: types.ModelPreferences | None = None,
        tools: list[types.Tool] | None = None,
        tool_choice: types.ToolChoice | None = None,
        related_request_id: Any = None,
        key: str | None = None,
    ) -> types.CreateMessageResult:
        """Have the client's model write a message (spec, client/sampling)."""
        params = types.CreateMessageRequestParams(
            messages=list(messages),
            maxTokens=max_tokens,
            systemPrompt=system_prompt,
            includeContext=include_context,
            temperature=temperature,
            stopSequences=stop_sequences,
            metadata=metadata,
            modelPreferences=model_preferences,
            tools=tools,
            toolChoice=tool_choice,
        )
        return await self._ask("sampling/createMessage", params, types.CreateMessageResult, key)

    async def elicit(
        self,
        message: str,
        requestedSchema: Mapping[str, Any],  # noqa: N803 - the SDK's name
        related_request_id: Any = None,
        *,
        key: str | None = None,
    ) -> types.ElicitResult:
        """Have the person fill in a form (spec, client/elicitation).

        Parameters
        ----------
        requestedSchema : mapping
            A JSON Schema of type object whose properties are strings, numbers, booleans or choices.
        """
        params = types.ElicitRequestFormParams(message=message, requestedSchema=dict(requestedSchema))
        return await self._ask("elicitation/create", params, types.ElicitResult, key)

    elicit_form = elicit

    async def elicit_url(
        self,
        message: str,
        url: str,
        elicitation_id: str | None = None,
        related_request_id: Any = None,
        *,
        key: str | None = None,
    ) -> types.ElicitResult:
        """Have the person visit a URL: for what must not pass through the client, as passwords."""
        params = types.ElicitRequestURLParams(
            message=message, url=url, elicitationId=elicitation_id or secrets.token_urlsafe(12)
        )
        return await self._ask("elicitation/create", params, types.ElicitResult, key)

    async def list_roots(self, *, key: str | None = None) -> types.ListRootsResult:
        """The directories that the client works in (spec, client/roots)."""
        return await self._ask("roots/list", types.RequestParams(), types.ListRootsResult, key)

    async def send_ping(self) -> types.EmptyResult:
        """Ask whether the client is there (legacy versions; a modern server sends no requests)."""
        return types.EmptyResult.from_wire(await self._run(self._request.ping()))

    async def _ask(self, method: str, params: types.WireModel, model: type[R], key: str | None) -> R:
        wire = params.model_dump(by_alias=True, exclude_none=True, mode="json")
        answer = await self._run(self._request.ask(method, wire, key))
        try:
            return parameters(model, answer)
        except McpError as exc:
            raise McpError(INTERNAL_ERROR, f"The client's answer to {method} cannot be read: {exc}") from None

    def check_client_capability(self, capability: types.ClientCapabilities) -> bool:
        """Whether the client has declared all of this."""
        needed = capability.model_dump(by_alias=True, exclude_none=True)
        return declares(self._request.client_capabilities, needed)

    @property
    def client_params(self) -> types.InitializeRequestParams | None:
        """What the client said of itself in a legacy handshake; None in the modern era."""
        return self._request.conversation.client_params

    # -- telling ---------------------------------------------------------------------------------

    async def send_log_message(
        self, level: types.LoggingLevel, data: Any, logger: str | None = None, related_request_id: Any = None
    ) -> None:
        """Send a log message, when the client wants messages of this level."""
        await self._tell(self._request.log, level, data, logger)

    async def send_progress_notification(
        self,
        progress_token: str | int,
        progress: float,
        total: float | None = None,
        message: str | None = None,
        related_request_id: Any = None,
    ) -> None:
        """Report the progress of this request, when the client asked for it."""
        await self._tell(self._request.progress, progress, total, message)

    async def send_resource_updated(self, uri: Any) -> None:
        """Tell all clients that subscribed to `uri` that its value changed."""
        await self._tell(self._request.conversation.server.resource_updated, str(uri))

    async def send_tool_list_changed(self) -> None:
        """Tell all clients that the tools changed."""
        await self._tell(self._request.conversation.server.changed, "tools")

    async def send_resource_list_changed(self) -> None:
        """Tell all clients that the resources changed."""
        await self._tell(self._request.conversation.server.changed, "resources")

    async def send_prompt_list_changed(self) -> None:
        """Tell all clients that the prompts changed."""
        await self._tell(self._request.conversation.server.changed, "prompts")

    async def send_elicit_complete(self, elicitation_id: str) -> None:
        """Tell the client that the person is done at a URL (2025-11-25)."""
        method, params = "notifications/elicitation/complete", {"elicitationId": elicitation_id}
        if not self._request.era.rounds:
            await self._tell(self._request.notify, method, params)

    async def _tell(self, function: Callable[..., None], *args: Any) -> None:
        async def tell() -> None:
            function(*args)

        await self._run(tell())
