# SPDX-License-Identifier: BSD-3-Clause
"""Send one client request: add `_meta`, answer the server's questions, retry once, read the result.

Theory of operation
-------------------
`Connection.request` sends a JSON-RPC request and waits. `RequestSender.request` makes an MCP request of it:

1. `check`: the session is open and its version has the method.
2. A time-out starts. It covers everything below, also the time that a user needs for a form.
3. With an interceptor (a cassette's recorder or replayer), the interceptor takes over. It either calls `send`
   of the `InterceptedRequest`, which continues with step 4, or returns a recorded result. So a cassette holds
   one entry for one call of a session's method: no `_meta`, no rounds and no retry are visible to it.
4. `_in_rounds`: a modern server may answer `input_required`. The callbacks answer its questions, and the same
   request is sent again with the answers and the server's `requestState`, each time under a new id.
5. `send`: adds `_meta` (modern versions) and sends. When the server refuses the request for a reason that
   this client can remove, it removes the reason and sends the request once more. There are four such reasons,
   in `_remedied`: unknown headers, an unsupported version, a URL that the user must visit, an expired
   session.
6. The result is read into its model. Malformed items of a list cost only themselves (`partial_results`).

Opening a session is part of this file because of step 5: when a legacy server has forgotten the session,
`send` initialises a new one, and tells the server again which resources were subscribed to and which log
level was set. Of several requests that meet the same expiry one does so; `_session` counts the sessions, so
the others see that there is a new one. `keep_session` does the same when the transport reports the expiry
while no request is open.

A maintainer must not break these rules. What `send` does to renew a session (`_handshake`, `_restore`) is
sent without `retry`, else an error in it would wait for itself. Nothing before step 5 may change `params`: a
cassette compares them.

Source: spec 2025-11-25, basic/lifecycle; 2026-07-28, basic/versioning and basic/patterns/mrtr.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import anyio
from pydantic import ValidationError

from .. import types
from .._util.text import safe_line
from ..engine.channel import Channel
from ..engine.connection import Connection, ProgressCallback
from ..errors import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION_REQUIRED,
    ConnectionClosed,
    McpError,
    RequestTimeout,
)
from ..protocol.eras import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    LATEST_LEGACY,
    LATEST_MODERN,
    LOG_LEVEL,
    PROTOCOL_VERSION,
    Era,
    era_of,
)
from ..protocol.frames import Notification
from ..protocol.limits import MAX_INPUT_REQUESTS
from ..protocol.methods import LEGACY_VERSIONS, METHODS, MODERN_VERSIONS, methods_of
from .callbacks import Callbacks, Event, malformed
from .partial_results import partial_result
from .transport import SESSION_ENDED, ClientChannel, ParamHeaders

__all__ = ["MAX_ROUNDS", "InterceptedRequest", "Interceptor", "RequestSender"]


log = logging.getLogger(__name__)

MAX_VISITS: Final = 8
"""URLs of one error that the user is asked to visit; further ones are ignored."""

MAX_ROUNDS: Final = 32
"""Times a server may ask for input in one request: an endless loop must end."""

PAUSE_SECONDS: Final = 0.05
"""Seconds before the first retry of a round without input requests, in which the server only wants a retry.
Each further one in a row waits twice as long."""

MAX_PAUSE_SECONDS: Final = 1.0
"""Seconds; the wait grows no further."""

_STANDARD: Final = frozenset(method.name for method in METHODS)

_LEGACY_NOTIFICATIONS: Final = methods_of(LATEST_LEGACY, "client", "notification") - methods_of(
    LATEST_MODERN, "client", "notification"
)

_INPUT_REQUIRED: Final = "input_required"
_MAY_ASK_FOR_INPUT: Final = frozenset({"prompts/get", "resources/read", "tools/call"})

_Result = TypeVar("_Result", bound=types.Result)

Send: TypeAlias = Callable[[ProgressCallback | None], Awaitable[dict[str, Any]]]
"""Sends a request to the server and returns its final result."""


@dataclass(frozen=True, slots=True)
class InterceptedRequest:
    """A request on its way to the server, with everything an interceptor needs to answer it.

    Attributes
    ----------
    method, params
        As the caller gave them: without `_meta` of the protocol. Params may contain models.
    send : async function
        Sends the request to the server, in as many rounds as it takes.
    on_progress : async function or None
        The caller's progress callback.
    hand_out : async function
        Gives a notification to the user's callbacks and waits for them.
    queue : function
        Puts a notification into the queue for the user's callbacks.
    """

    method: str
    params: Mapping[str, Any]
    send: Send
    on_progress: ProgressCallback | None
    hand_out: Callable[[Notification], Awaitable[None]]
    queue: Callable[[Notification], None]


class Interceptor(Protocol):
    """Stands between a session and its server; belongs to the session's event loop."""

    async def intercept(self, request: InterceptedRequest) -> dict[str, Any]:
        """Return the result of a request.

        Raises
        ------
        McpError
            The server's error, now or when it was recorded.
        CassetteMiss
            The request is not in the recording.
        """

    def observe(self, event: Event) -> None:
        """Take note of a notification of the server, or of a question of the server and its answer."""

    def keep_secret(self, text: str) -> None:
        """Learn a text that must never be recorded."""


class RequestSender:
    """Sends the requests of one client session, and keeps what all of them need.

    Parameters
    ----------
    channel : Channel
        Carries the messages.
    callbacks : Callbacks
        Answers the server's requests.
    client_info : Implementation
        This client's name and version.
    timeout : float
        Seconds to wait for a result where a request has no time-out of its own.
    log_level : str or None
        Log level that each request asks a modern server for.
    learn_headers : async function
        Called with a tool whose call had the wrong headers; returns whether it needs other headers now.

    Attributes
    ----------
    connection : Connection
        JSON-RPC over `channel`.
    era : Era or None
        The rules of the negotiated version; None before the session is open.
    server_capabilities : ServerCapabilities or None
        What the server declared.
    """

    def __init__(
        self,
        channel: Channel,
        callbacks: Callbacks,
        client_info: types.Implementation,
        timeout: float,
        log_level: str | None,
        learn_headers: Callable[[str], Awaitable[bool]],
    ) -> None:
        self.connection = Connection(channel, callbacks)
        self.era: Era | None = None
        self.server_capabilities: types.ServerCapabilities | None = None
        self.timeout = timeout
        self._channel = channel
        self._callbacks = callbacks
        self._client_info = client_info
        self._log_level = log_level
        self._learn_headers = learn_headers
        self._level_set = False
        self._subscribed: set[str] = set()  # resources of a legacy server
        self._meta: dict[str, Any] | None = None
        self._interceptor: Interceptor | None = None
        self._session = 0  # number of the current legacy session on this connection
        self._renewing = anyio.Lock()

    # -- opening -------------------------------------------------------------------------------

    async def initialize(self) -> types.InitializeResult:
        """Open a legacy session (see `ClientSession.initialize`)."""
        with anyio.move_on_after(self.timeout):
            return await self._handshake()
        raise _late("initialize", self.timeout)

    async def _handshake(self) -> types.InitializeResult:
        params = {
            "protocolVersion": LATEST_LEGACY,
            "capabilities": self._callbacks.capabilities,
            "clientInfo": self._client_info,
        }
        # `initialize` has no `_meta` of modern versions. If it fails, the session goes on as it was.
        meta, self._meta = self._meta, None
        try:
            result = _read("initialize", await self.send("initialize", params), types.InitializeResult)
        except BaseException:
            self._meta = meta
            raise
        if result.protocolVersion not in LEGACY_VERSIONS:
            self.connection.close()  # as the specification asks ("Version Negotiation")
            raise _unsupported([result.protocolVersion], LEGACY_VERSIONS)
        self.era = era_of(result.protocolVersion)
        self.server_capabilities = result.capabilities
        self.connection.notify("notifications/initialized", {})
        return result

    async def discover(self) -> types.DiscoverResult:
        """Ask a modern server for its capabilities (see `ClientSession.discover`)."""
        before = self.era, self._meta
        self._adopt(LATEST_MODERN)
        try:
            result = await self.request("server/discover", {}, types.DiscoverResult)
            # `_remedied` may have adopted an older version than the one that was sent first.
            if self.version not in result.supportedVersions:
                raise _unsupported(result.supportedVersions, MODERN_VERSIONS)
        except BaseException:
            self.era, self._meta = before
            raise
        self.server_capabilities = result.capabilities
        return result

    def resume(self, opening: types.InitializeResult | types.DiscoverResult, version: str) -> None:
        """Take a recorded result of `initialize` or `server/discover` for this session's own.

        Raises
        ------
        McpError
            This client does not support the version.
        """
        is_modern = isinstance(opening, types.DiscoverResult)
        known = MODERN_VERSIONS if is_modern else LEGACY_VERSIONS
        if version not in known:
            raise _unsupported([version], known)
        self.server_capabilities = opening.capabilities
        if is_modern:
            self._adopt(version)
        else:
            self.era = era_of(version)

    def intercept(self, interceptor: Interceptor) -> None:
        """Pass every request through `interceptor` from now on."""
        self._interceptor = interceptor
        self._callbacks.observe = interceptor.observe
        if isinstance(self._channel, ClientChannel):
            self._channel.tell_secrets(interceptor.keep_secret)

    @property
    def version(self) -> str | None:
        """The negotiated version; None before the session is open."""
        return None if self.era is None else self.era.version

    @property
    def reason(self) -> str:
        """Why the connection ended, in the transport's words; empty where there is no reason."""
        return self._channel.reason if isinstance(self._channel, ClientChannel) else ""

    @property
    def is_modern(self) -> bool:
        """Whether each request carries version and capabilities."""
        return self._meta is not None

    @property
    def param_headers(self) -> ParamHeaders | None:
        """The arguments that are repeated in headers; None where version or transport has no such headers."""
        if not self.is_modern or not isinstance(self._channel, ClientChannel):
            return None
        return self._channel.param_headers

    def _adopt(self, version: str) -> None:
        """Use a modern version for every request from now on."""
        self.era = era_of(version)
        self._meta = {
            PROTOCOL_VERSION: version,
            CLIENT_CAPABILITIES: self._callbacks.capabilities,
            CLIENT_INFO: self._client_info,
        }

    # -- sending -------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        params: Mapping[str, Any],
        model: type[_Result],
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
    ) -> _Result:
        """Send a request and return its result, answering the server's questions meanwhile.

        Parameters
        ----------
        model : type
            The model that the result is read into.
        timeout : float, optional
            Seconds for all of it, including the user's time at a form.

        Raises
        ------
        RuntimeError
            The session is not open yet.
        McpError
            The server's error, a method that the version lacks, or a result that cannot be read.
        RequestTimeout, ConnectionClosed
            There was no result in time, or the connection ended.
        """
        self.check(method)
        seconds = self.timeout if timeout is None else timeout
        with anyio.move_on_after(seconds):
            send = partial(self._in_rounds, method, params)
            return _read(method, await self.intercepted(method, params, send, on_progress), model)
        raise _late(method, seconds)

    def intercepted(
        self,
        method: str,
        params: Mapping[str, Any],
        send: Send,
        on_progress: ProgressCallback | None = None,
    ) -> Awaitable[dict[str, Any]]:
        """Return the awaitable of the result: from the interceptor if there is one, else from `send`."""
        if self._interceptor is None:
            return send(on_progress)
        callbacks = self._callbacks
        return self._interceptor.intercept(
            InterceptedRequest(method, params, send, on_progress, callbacks.hand_out, callbacks.notification)
        )

    def check(self, method: str) -> None:
        """Raise when `method` cannot be sent now. A method outside the specification is not checked.

        Raises
        ------
        RuntimeError
            The session is not open yet.
        McpError
            The negotiated version lacks the method.
        """
        if self.era is None:
            raise RuntimeError("Await session.initialize() or session.discover() first.")
        if method in _STANDARD and method not in self.era.client_requests:
            raise McpError(METHOD_NOT_FOUND, f"{method} does not exist in version {self.era.version}.")

    async def _in_rounds(
        self, method: str, params: Mapping[str, Any], on_progress: ProgressCallback | None
    ) -> dict[str, Any]:
        """Send a request as often as the server asks for input (spec 2026-07-28, basic/patterns/mrtr).

        Raises
        ------
        McpError
            The server asks for input where it must not, without a question, or more than `MAX_ROUNDS` times.
        """
        result = await self.send(method, params, on_progress, retry=True)
        if result.get("resultType") != _INPUT_REQUIRED:
            return result
        pause = PAUSE_SECONDS
        for _ in range(MAX_ROUNDS):
            requests, state = _input_required(method, result)
            again = dict(params)
            if state is not None:
                again["requestState"] = state
            if requests:
                again["inputResponses"] = await self._callbacks.fulfil(requests)
                pause = PAUSE_SECONDS
            else:  # the server has no question and only wants the request again, with its `requestState`
                await anyio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE_SECONDS)
            result = await self.send(method, again, on_progress, retry=True)
            if result.get("resultType") != _INPUT_REQUIRED:
                # The result depends on the answers too, so no cache may keep it (server/utilities/caching).
                return {name: value for name, value in result.items() if name not in ("ttlMs", "cacheScope")}
        raise _misplaced_input(method, f"more than {MAX_ROUNDS} times")

    async def send(
        self,
        method: str,
        params: Mapping[str, Any],
        on_progress: ProgressCallback | None = None,
        *,
        request_id: str | None = None,
        retry: bool = False,
    ) -> dict[str, Any]:
        """Send a request with the version's `_meta`, and wait for its result without a time-out.

        Parameters
        ----------
        request_id : str, optional
            See `Connection.request`.
        retry : bool
            Whether to send the request once more after an error that the specification has a remedy for.

        Raises
        ------
        McpError, ConnectionClosed
            The server's error, or the end of the connection with the transport's reason.
        """
        while True:
            session = self._session  # read before sending: another request may renew the session meanwhile
            try:
                return await self.connection.request(
                    method, self._with_meta(params), on_progress=on_progress, request_id=request_id
                )
            except ConnectionClosed as exc:
                raise ConnectionClosed(self.reason or str(exc)) from None
            except McpError as exc:
                if not retry or not await self._remedied(exc, session, method, params):
                    raise
            retry = False

    def _with_meta(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._meta is None:
            return params
        level = {LOG_LEVEL: self._log_level} if self._log_level else {}
        return {**params, "_meta": {**params.get("_meta", {}), **self._meta, **level}}

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification if the negotiated version has it."""
        if not self.is_modern or method not in _LEGACY_NOTIFICATIONS:
            self.connection.notify(method, params)

    async def set_log_level(self, level: types.LoggingLevel) -> None:
        """Ask for log messages of this severity and above."""
        if not self.is_modern:
            await self.request("logging/setLevel", {"level": level}, types.EmptyResult)
            self._level_set = True
        self._log_level = level

    async def subscribe(self, uri: str, timeout: float | None = None) -> types.EmptyResult:
        """Subscribe to a resource of a legacy server."""
        params = {"uri": uri}
        result = await self.request("resources/subscribe", params, types.EmptyResult, timeout=timeout)
        self._subscribed.add(uri)
        return result

    async def unsubscribe(self, uri: str) -> types.EmptyResult:
        """End a subscription to a resource of a legacy server."""
        self._subscribed.discard(uri)
        return await self.request("resources/unsubscribe", {"uri": uri}, types.EmptyResult)

    # -- remedies ------------------------------------------------------------------------------

    async def _remedied(self, error: McpError, session: int, method: str, params: Mapping[str, Any]) -> bool:
        """Remove the cause of an error where the specification says how; return whether it is removed."""
        if error.code == HEADER_MISMATCH and method == "tools/call":
            return await self._learn_headers(str(params.get("name")))
        if error.code == UNSUPPORTED_PROTOCOL_VERSION and self.is_modern:
            return self._adopt_common_version(error)
        if error.code == URL_ELICITATION_REQUIRED and not self.is_modern:
            return await self._visited_urls(error)
        if error.data != SESSION_ENDED or self.is_modern:
            return False
        # The server has not taken the request (spec 2025-11-25, basic/transports, "Session Management").
        await self._renew_session(session)
        return True

    def _adopt_common_version(self, error: McpError) -> bool:
        """Adopt the newest modern version among those that the server's error lists."""
        supported = error.data.get("supported") if isinstance(error.data, dict) else None
        common = [v for v in MODERN_VERSIONS if isinstance(supported, list) and v in supported]
        if common:
            self._adopt(common[-1])
        return bool(common)

    async def _visited_urls(self, error: McpError) -> bool:
        """Ask the user to visit the URLs of an error; return whether the user did.

        Source: spec 2025-11-25, client/elicitation, "URL Elicitation Required Error".
        """
        asked = error.data.get("elicitations") if isinstance(error.data, dict) else None
        if not isinstance(asked, list) or not asked or not self._callbacks.takes_urls:
            return False
        answers = await self._callbacks.fulfil(
            {
                str(number): {
                    "method": "elicitation/create",
                    "params": params | {"mode": "url"} if isinstance(params, dict) else params,
                }
                for number, params in enumerate(asked[:MAX_VISITS])
            }
        )
        return all(answer.action == "accept" for answer in answers.values())

    async def keep_session(self) -> None:
        """Renew a session that ends while no request is open, so that notifications keep coming."""
        while isinstance(self._channel, ClientChannel):
            await self._channel.session_ended.wait()
            self._channel.session_ended = anyio.Event()  # an event of anyio cannot be cleared
            try:
                with anyio.fail_after(self.timeout):
                    await self._renew_session(self._session)
            except (McpError, ConnectionClosed, TimeoutError) as exc:
                log.warning("The session could not be opened anew: %s", exc)

    async def _renew_session(self, session: int) -> None:
        """Open a new legacy session in place of `session`, unless another request has done so."""
        async with self._renewing:
            if self._session == session:
                await self._handshake()
                await self._restore()
                self._session += 1  # last: after a failure the next request tries again

    async def _restore(self) -> None:
        """Set the log level and subscribe to the resources of the old session."""
        known = [("resources/subscribe", {"uri": uri}) for uri in sorted(self._subscribed)]
        if self._level_set:
            known.insert(0, ("logging/setLevel", {"level": str(self._log_level)}))
        for method, params in known:
            try:
                await self.send(method, params)
            except McpError as exc:  # the session is usable without it
                log.warning("The new session did not take %s: %s", method, safe_line(exc.message))


def _read(method: str, wire: Mapping[str, Any], model: type[_Result]) -> _Result:
    """Read a result. Older servers send no `resultType`; such a result is complete (2026-07-28, basic)."""
    kind = wire.get("resultType")
    if kind is not None and kind != "complete":
        shown = safe_line(str(kind))
        text = f"The server answered {method} with {shown!r}, which is not supported."
        raise McpError(INTERNAL_ERROR, text)
    try:
        return model.from_wire(wire)
    except ValidationError as exc:
        if (partial_ := partial_result(method, wire, model, exc)) is not None:
            return partial_
        raise McpError(INTERNAL_ERROR, malformed(f"The server's answer to {method} is", exc)) from None


def _input_required(method: str, result: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """Return the input requests and the `requestState` of a result that asks for input."""
    if method not in _MAY_ASK_FOR_INPUT:
        raise _misplaced_input(method, "which no server may do")
    requests, state = result.get("inputRequests"), result.get("requestState")
    if not isinstance(requests, dict | None) or not isinstance(state, str | None):
        raise _misplaced_input(method, "in a malformed way")
    if not requests and state is None:
        raise _misplaced_input(method, "without saying for what")
    if requests and len(requests) > MAX_INPUT_REQUESTS:
        raise _misplaced_input(method, f"with more than {MAX_INPUT_REQUESTS} questions")
    return requests or {}, state


def _misplaced_input(method: str, how: str) -> McpError:
    return McpError(INTERNAL_ERROR, f"The server answered {method} by asking for input, {how}.")


def _late(method: str, timeout: float) -> RequestTimeout:
    return RequestTimeout(f"No answer to {method} within {timeout:g} s.")


def _unsupported(theirs: list[str], ours: Sequence[str]) -> McpError:
    """Make the error for a server without a common version; its `data` has the form of the specification."""
    named = safe_line(", ".join(theirs))
    return McpError(
        UNSUPPORTED_PROTOCOL_VERSION,
        f"The server speaks protocol version {named}; this client speaks {', '.join(ours)}.",
        {"supported": theirs, "requested": ours[-1]},
    )
