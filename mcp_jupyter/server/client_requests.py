# SPDX-License-Identifier: BSD-3-Clause
"""Requests of a server to its client: build one, send it in either era, check its answer.

Theory of operation
-------------------
`await ctx.elicit(...)` calls `RequestSession.elicit`, which builds the params. `ask` then does the following
on the event loop's thread, in this order:

1. It finds out whether the client can be asked: its version has the method, it declared the capability, and
   its host is known to answer.
2. It asks. *Legacy era*: a JSON-RPC request to the client. *Modern era*: the call is suspended with the
   question, and a retry of the client's request brings the answer (`suspended_calls`).
3. Where the server can ask its user too (a kernel can, in the notebook), the same question appears there
   after `USER_AFTER_SECONDS`, or at once when the client cannot be asked. The first answer or error ends the
   other way: the client's question is withdrawn, or the user's form is removed.
4. Without an answer it raises an error that says what the caller can do instead.

Each answer is checked once, by `read_answer`, where it arrives: a malformed answer is the client's mistake.
In the legacy era the function that asks gets the error; in the modern era the client's retry is refused, and
the call waits on.

Two rules for a maintainer. No question outlives its call: both ways are tasks of one group. And a host that
gives up silent calls must get the error before it does, so every wait here is bounded (`seconds_left`).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import anyio
from pydantic import ValidationError

from .. import types
from .._util.json_schema import Schema, choices, kinds, properties
from .._util.text import MAX_NAMED, safe_line
from ..errors import INTERNAL_ERROR, METHOD_NOT_FOUND, McpError, MissingCapability, RequestTimeout, lacks
from .host_profiles import host_title
from .models import describe

if TYPE_CHECKING:
    from .context import RequestContext

__all__ = [
    "ANSWER_SECONDS",
    "MARGIN_SECONDS",
    "USER_AFTER_SECONDS",
    "AskUser",
    "RequestSession",
    "UserQuestion",
    "ask",
    "declares",
    "form_fields",
    "kind_of",
    "needed_text",
    "read_answer",
    "seconds_left",
]


ANSWER_SECONDS: Final = 600.0
"""How long a question stands. A user may have to find a document, and will not after ten minutes."""

USER_AFTER_SECONDS: Final = 20.0
"""A host shows a question at once, and a user who looks at the host answers it there. After this time the
user looks elsewhere, or the host does not show it."""

MARGIN_SECONDS: Final = 5.0
"""Before a host ends a silent call: the error must arrive while the host still takes it."""

_ANSWERS: Final[Mapping[str, type[types.Result]]] = {
    "elicitation/create": types.ElicitResult,
    "sampling/createMessage": types.CreateMessageResult,
    "roots/list": types.ListRootsResult,
}
"""The requests that a server may send, and the model of each answer. Source: spec 2025-11-25 and 2026-07-28,
client/elicitation, client/sampling, client/roots."""

T = TypeVar("T")
Run: TypeAlias = Callable[[Coroutine[Any, Any, T]], Coroutine[Any, Any, T]]


async def _here(coroutine: Coroutine[Any, Any, T]) -> T:
    return await coroutine


# -- the client with the SDK's names ------------------------------------------------------------------------


class RequestSession:
    """The client as one request sees it: what may be asked and sent in its course.

    The methods have the names of the first SDK's `ServerSession`. They may be used on any thread that a
    function runs on: the work is done on the event loop's thread. Every method that asks raises what `ask`
    raises. Its `key` names the question where a modern client gets several at once; it is made up when left
    out. The SDK's `related_request_id` changes nothing: what is sent here belongs to this request.

    Parameters
    ----------
    request : RequestContext
    run : async callable, optional
        Runs a coroutine on the event loop's thread.
    """

    def __init__(self, request: RequestContext, run: Run[Any] = _here) -> None:
        self._request = request
        self._run = run

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
        answer: types.CreateMessageResult = await self._ask("sampling/createMessage", params, key)
        return answer

    async def elicit(
        self,
        message: str,
        requestedSchema: Mapping[str, Any],  # noqa: N803 - the SDK's name
        related_request_id: Any = None,
        *,
        key: str | None = None,
    ) -> types.ElicitResult:
        """Have the user fill in a form (spec, client/elicitation).

        Parameters
        ----------
        requestedSchema : mapping
            A JSON Schema of type object whose properties are strings, numbers, booleans or choices.
        """
        params = types.ElicitRequestFormParams(message=message, requestedSchema=dict(requestedSchema))
        answer: types.ElicitResult = await self._ask("elicitation/create", params, key)
        return answer

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
        """Have the user visit a URL: for what must not pass through the client, such as passwords."""
        params = types.ElicitRequestURLParams(
            message=message, url=url, elicitationId=elicitation_id or secrets.token_urlsafe(12)
        )
        answer: types.ElicitResult = await self._ask("elicitation/create", params, key)
        return answer

    async def list_roots(self, *, key: str | None = None) -> types.ListRootsResult:
        """The directories that the client works in (spec, client/roots)."""
        answer: types.ListRootsResult = await self._ask("roots/list", types.RequestParams(), key)
        return answer

    async def _ask(self, method: str, params: types.WireModel, key: str | None) -> Any:
        wire = params.model_dump(by_alias=True, exclude_none=True, mode="json")
        return await self._run(ask(self._request, method, wire, key))

    async def send_ping(self) -> types.EmptyResult:
        """Ask whether the client is there.

        Raises
        ------
        McpError
            METHOD_NOT_FOUND in the modern era: a modern server sends no requests.
        RequestTimeout
            No answer in time.
        """
        era = self._request.era
        if "ping" not in era.server_requests:
            raise McpError(METHOD_NOT_FOUND, f"ping does not exist in version {era.version}.")
        answer = await self._run(self._request.call.request("ping", {}, timeout=ANSWER_SECONDS))
        return types.EmptyResult.from_wire(answer)

    def check_client_capability(self, capability: types.ClientCapabilities) -> bool:
        """Whether the client has declared all of this."""
        needed = capability.model_dump(by_alias=True, exclude_none=True)
        return declares(self._request.client_capabilities, needed)

    @property
    def client_params(self) -> types.InitializeRequestParams | None:
        """The params of the client's `initialize`; None in the modern era."""
        return self._request.server_session.client_params

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
        await self._tell(self._request.server_session.server.resource_updated, str(uri))

    async def send_tool_list_changed(self) -> None:
        """Tell all clients that the tools changed."""
        await self._tell(self._request.server_session.server.changed, "tools")

    async def send_resource_list_changed(self) -> None:
        """Tell all clients that the resources changed."""
        await self._tell(self._request.server_session.server.changed, "resources")

    async def send_prompt_list_changed(self) -> None:
        """Tell all clients that the prompts changed."""
        await self._tell(self._request.server_session.server.changed, "prompts")

    async def send_elicit_complete(self, elicitation_id: str) -> None:
        """Tell the client that the user is done at a URL (2025-11-25)."""
        method, params = "notifications/elicitation/complete", {"elicitationId": elicitation_id}
        if not self._request.era.rounds:
            await self._tell(self._request.call.notify, method, params)

    async def _tell(self, function: Callable[..., None], *args: Any) -> None:
        async def tell() -> None:
            function(*args)

        await self._run(tell())


# -- one question -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class UserQuestion:
    """A question that a call asks.

    Attributes
    ----------
    method : str
        "elicitation/create", "sampling/createMessage" or "roots/list"; the user is not asked the last.
    params : mapping
        As the wire has them.
    asker : str
        The name of the tool or prompt, or the resource's URI.
    arguments : collection of str
        The arguments that the tool takes.
    host : str
        The client's host, as it calls itself: foreign text.
    has_notebook : bool
        Whether the server belongs to a notebook.
    client_is_asked, user_is_asked : bool
        Who was asked.
    over : str
        Why the user is asked no longer, once that is so: a sentence.
    """

    method: str
    params: Mapping[str, Any]
    asker: str
    arguments: Collection[str]
    host: str
    has_notebook: bool = False
    client_is_asked: bool = False
    user_is_asked: bool = False
    over: str = "This question is no longer asked."


AskUser: TypeAlias = Callable[[UserQuestion], Awaitable[dict[str, Any]] | None]
"""Asks the user. The awaitable is awaited at once and gives the answer as the wire has it; cancelling it
removes the question. None: no user can be asked. Called on the event loop's thread."""

_Way: TypeAlias = Callable[[], Awaitable[types.Result | None]]
"""Asks one question in one way. None: it cannot be asked this way."""


async def ask(
    request: RequestContext, method: str, params: Mapping[str, Any], key: str | None = None
) -> types.Result:
    """Ask the client, and where it is silent or cannot be asked the user at the notebook.

    The first answer wins. All ends after `ANSWER_SECONDS`, or in time before the host gives up the call.

    Parameters
    ----------
    method : str
        "elicitation/create", "sampling/createMessage" or "roots/list".
    key : str, optional
        Names the question, where several go out together (modern era).

    Raises
    ------
    MissingCapability
        The client cannot be asked this, and no user is at a notebook.
    McpError
        The client's error; its answer is malformed; or nothing can be asked in the course of this request.
    RequestTimeout
        No answer in time.
    """
    needed = _required(method, params)
    problem = _problem(request, method, needed)
    question = UserQuestion(
        method,
        params,
        request.name,
        request.arguments,
        host_title(request.client_info),
        has_notebook=request.server_session.server.ask_user is not None,
        client_is_asked=not problem,
    )
    client = None if problem else partial(_ask_client, request, question, key)
    # A suspended call is silent for nobody: its request has been answered.
    is_suspended = client is not None and request.suspended is not None
    seconds = ANSWER_SECONDS if is_suspended else seconds_left(request, ANSWER_SECONDS)
    answer = None
    try:
        answer = await _first_answer(question, client, _way_to_user(request, question), seconds)
    finally:
        request.record.questioned(method, params, answer)
    if answer is not None:
        return answer
    if question.client_is_asked or question.user_is_asked:
        raise RequestTimeout(needed_text(question, f"nobody answered within {seconds:.0f} s"))
    text = needed_text(question, problem)
    if declares(request.client_capabilities, needed):  # so the request was right
        raise MissingCapability(INTERNAL_ERROR, needed, text)
    raise request.era.missing_capability(needed, text)


def _problem(request: RequestContext, method: str, needed: Mapping[str, Any]) -> str:
    """Why the client cannot be asked: the end of a sentence; else empty."""
    kind, profile = kind_of(method), request.profile
    if method not in request.era.server_requests or not declares(request.client_capabilities, needed):
        return f"this client {lacks(needed)}"
    if kind in profile.unanswered:
        return f"{profile.title} declares the capability {kind} but never answers"
    return ""


def seconds_left(request: RequestContext, most: float) -> float:
    """How long a question may stand, of at most `most` seconds: the host may give up a silent call."""
    hard, resets = request.profile.silent_seconds, request.profile.progress_resets
    if hard is None or (resets and request.wants_progress):
        return most
    return min(most, max(0.0, request.began + hard - MARGIN_SECONDS - monotonic()))


async def _ask_client(request: RequestContext, question: UserQuestion, key: str | None) -> types.Result:
    method, params = question.method, request.era.question(question.params)
    if request.suspended is not None:
        return await request.suspended.ask(method, params, key)
    if request.era.rounds:
        raise McpError(INTERNAL_ERROR, f"Nothing can be asked in the course of {request.method}.")
    return _answered(method, await request.call.request(method, params))


def _way_to_user(request: RequestContext, question: UserQuestion) -> _Way | None:
    ask_user = request.server_session.server.ask_user
    if ask_user is None or question.method == "roots/list":
        return None

    async def way() -> types.Result | None:
        answered = ask_user(question)
        if answered is None:
            return None
        question.user_is_asked = True
        request.waiting("waiting for an answer in the notebook")
        return _answered(question.method, await answered)

    return way


def _answered(method: str, answer: Any) -> types.Result:
    try:
        return read_answer(method, answer)
    except ValueError as exc:
        raise McpError(INTERNAL_ERROR, f"The client's answer to {method} cannot be read: {exc}") from None


async def _first_answer(
    question: UserQuestion, client: _Way | None, user: _Way | None, seconds: float
) -> types.Result | None:
    """Ask the client and the user, and return the first answer.

    Parameters
    ----------
    seconds : float
        How long to wait in all.

    Returns
    -------
    types.Result or None
        None: nobody could be asked, or no answer in time.

    Raises
    ------
    Exception
        What asking ended with: the client's error, or the user's refusal.
    """
    ends: list[types.Result | Exception] = []

    async def take(way: _Way, after: float, where: str) -> None:
        await anyio.sleep(after)
        end: types.Result | Exception | None
        try:
            end = await way()
        except Exception as exc:  # noqa: BLE001 - raised to the function that asks
            end = exc
        if end is not None and not ends:
            ends.append(end)
            question.over = f"It was answered in {where}."
            tasks.cancel_scope.cancel()

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as tasks:
            if client is not None:
                tasks.start_soon(take, client, 0.0, question.host)
            if user is not None:
                tasks.start_soon(take, user, USER_AFTER_SECONDS if client else 0.0, "the notebook")
    end = ends.pop() if ends else None
    try:
        if isinstance(end, Exception):
            raise end
        return end
    finally:
        del end  # an error holds this frame, and this frame would hold it


# -- rules --------------------------------------------------------------------------------------------------


def kind_of(method: str) -> str:
    """The first part of a request's name, which is also the name of the capability it needs."""
    return method.partition("/")[0]


def _required(method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the client must have declared to be asked this, as it would declare it."""
    if method == "elicitation/create":
        return {"elicitation": {"url" if params.get("mode") == "url" else "form": {}}}
    if method == "sampling/createMessage" and (params.get("tools") or params.get("toolChoice")):
        return {"sampling": {"tools": {}}}
    return {kind_of(method): {}}


def declares(declared: Any, needed: Mapping[str, Any]) -> bool:
    """Whether capabilities, as received, cover what is needed."""
    if not isinstance(declared, Mapping):
        return False
    for name, parts in needed.items():
        theirs = declared.get(name)
        if not isinstance(theirs, Mapping):
            return False
        if name == "elicitation" and not ({"form", "url"} & theirs.keys()):
            theirs = {"form": {}}  # an empty object means forms (spec, client/elicitation)
        if not all(isinstance(theirs.get(part), Mapping) for part in parts):
            return False
    return True


def read_answer(method: str, answer: Any) -> types.Result:
    """An answer of the client, or of the user, as its model.

    Raises
    ------
    ValueError
        It does not fit; the message names the fields.
    """
    if not isinstance(answer, Mapping):
        raise ValueError("an answer must be an object")
    try:
        return _ANSWERS[method].from_wire(answer)
    except ValidationError as exc:
        raise ValueError(describe(exc)) from None


# -- words ------------------------------------------------------------------------------------------------


def needed_text(question: UserQuestion, why: str) -> str:
    """The error for a question without an answer: what is asked, why nobody answers, what the caller can do.

    Parameters
    ----------
    why : str
        The end of a sentence, as "nobody answered within 55 s".
    """
    asker, asked = safe_line(question.asker), safe_line(str(question.params.get("message") or ""))
    needs = f"{asker} needs"
    end = (
        ", or ask the user to open the notebook in JupyterLab and to answer there."
        if question.has_notebook
        else "."
    )
    match kind_of(question.method):
        case "roots":
            return f"{needs} the folders that you work in, and {why}. Use a tool that takes a path."
        case "sampling":
            do = "Write the text yourself, for a tool that takes it as an argument"
            return f"{needs} a text that a model writes, and {why}. {do}{end}"
    if question.params.get("mode") == "url":
        return f"{needs} the user to visit a page ({asked!r}), and {why}. Use another tool{end}"
    fields = form_fields(question.params.get("requestedSchema"))
    listed = "; ".join(f"{name}: {text}" for name, text in fields.items())
    what = f"an answer to {asked!r}" + (f" ({listed})" if listed else "")
    taken = [name for name in fields if name in question.arguments]
    if taken:
        named = f"argument{'s' * (len(taken) > 1)} {', '.join(taken)}"
        return f"{needs} {what}, and {why}. Call {asker} again with the {named}."
    return f"{needs} {what}, and {why}. Use a tool that takes the answer as an argument{end}"


def form_fields(schema: Any) -> dict[str, str]:
    """The first fields of a form, and what fits each."""
    found = properties(schema)
    return {
        safe_line(name): _fitting(field) + ("" if name in found.required else ", optional")
        for name, field in islice(found.schemas.items(), MAX_NAMED)
    }


_KINDS: Final = {"number": "number", "integer": "whole number", "boolean": "true or false", "array": "list"}


def _fitting(field: Schema) -> str:
    several = field.get("type") == "array"
    if offered := choices(field.get("items") if several else field, field):
        values = ", ".join(str(value) for _, value in offered[:MAX_NAMED])
        return f"{'some' if several else 'one'} of {safe_line(values)}"
    named = kinds(field)
    return _KINDS.get(named[0], "text") if len(named) == 1 else "text"
