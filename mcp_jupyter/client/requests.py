# SPDX-License-Identifier: BSD-3-Clause
"""How a question of a client's becomes an answer: the opening, the envelope, the rounds, the one repetition.

Owns what a client remembers of a conversation (its version, its capabilities, its log level) and what may be
done about an error before the caller hears of it. Does not know what a tool is, nor how messages travel.

Source: spec 2025-11-25, basic/lifecycle; 2026-07-28, basic/versioning and basic/patterns/mrtr.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import anyio
from pydantic import ValidationError

from .. import types
from .._util.text import safe_line
from ..engine.channel import Channel
from ..engine.connection import Connection, ProgressCallback
from ..errors import ConnectionClosed, McpError, RequestTimeout
from ..protocol.codes import (
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    URL_ELICITATION_REQUIRED,
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
from ..protocol.methods import LEGACY_VERSIONS, METHODS, MODERN_VERSIONS, methods_of
from .callbacks import Callbacks, malformed
from .partial_results import partial_result
from .recording_hook import Question, Tape
from .transport import SESSION_ENDED, ClientChannel, ParamHeaders

__all__ = [
    "MAX_ROUNDS",
    "Conversation",
    "in_rounds",
]


log = logging.getLogger(__name__)

MAX_VISITS: Final = 8
"""URLs of one error that the person is sent to."""

Remedy: TypeAlias = Callable[[McpError], Awaitable[bool]]

_STANDARD: Final = frozenset(method.name for method in METHODS)

_LEGACY_NOTICES: Final = methods_of(LATEST_LEGACY, "client", "notification") - methods_of(
    LATEST_MODERN, "client", "notification"
)

_Result = TypeVar("_Result", bound=types.Result)


class Conversation:
    """A client's side of one conversation.

    Parameters
    ----------
    channel : Channel
        What carries it.
    callbacks : Callbacks
        Who answers the server.
    client_info : Implementation
        How the client introduces itself.
    timeout : float
        Seconds for an answer where a question does not say otherwise.
    log_level : str or None
        Asked of a modern server with each request.

    Attributes
    ----------
    connection : Connection
        The conversation as JSON-RPC.
    era : Era or None
        The rules of the version that is spoken; None before the opening.
    server_capabilities : ServerCapabilities or None
        What the server has declared.
    subscribed : set of str
        URIs of the resources a legacy server was asked to tell of.
    """

    def __init__(
        self,
        channel: Channel,
        callbacks: Callbacks,
        client_info: types.Implementation,
        timeout: float,
        log_level: str | None,
    ) -> None:
        self.connection = Connection(channel, callbacks)
        self.era: Era | None = None
        self.server_capabilities: types.ServerCapabilities | None = None
        self.timeout = timeout
        self.subscribed: set[str] = set()
        self._channel = channel
        self._callbacks = callbacks
        self._client_info = client_info
        self._log_level = log_level
        self._level_set = False
        self._envelope: dict[str, Any] | None = None
        self._tape: Tape | None = None
        self._session = 0  # how many legacy sessions there were before this one
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
        envelope, self._envelope = self._envelope, None
        try:
            result = _read("initialize", await self.send("initialize", params), types.InitializeResult)
        except BaseException:
            self._envelope = envelope
            raise
        if result.protocolVersion not in LEGACY_VERSIONS:
            self.connection.close()
            raise _unsupported([result.protocolVersion], LEGACY_VERSIONS)
        self.era = era_of(result.protocolVersion)
        self.server_capabilities = result.capabilities
        self.connection.notify("notifications/initialized", {})
        return result

    async def discover(self) -> types.DiscoverResult:
        """Meet a modern server (see `ClientSession.discover`)."""
        before = self.era, self._envelope
        self._speak(LATEST_MODERN)
        try:
            result = await self.ask("server/discover", {}, types.DiscoverResult)
            if self.version not in result.supportedVersions:
                raise _unsupported(result.supportedVersions, MODERN_VERSIONS)
        except BaseException:
            self.era, self._envelope = before
            raise
        self.server_capabilities = result.capabilities
        return result

    def resume(self, opening: types.InitializeResult | types.DiscoverResult, version: str) -> None:
        """Be as after an opening that was recorded.

        Raises
        ------
        McpError
            It is in a version that this client does not know.
        """
        is_modern = isinstance(opening, types.DiscoverResult)
        known = MODERN_VERSIONS if is_modern else LEGACY_VERSIONS
        if version not in known:
            raise _unsupported([version], known)
        self.server_capabilities = opening.capabilities
        if is_modern:
            self._speak(version)
        else:
            self.era = era_of(version)

    def play_through(self, tape: Tape) -> None:
        """Let a tape stand between this side and the server from now on."""
        self._tape = self._callbacks.tape = tape
        if isinstance(self._channel, ClientChannel):
            self._channel.tell_secrets(tape.keep_secret)

    @property
    def version(self) -> str | None:
        """The version that is spoken; None before the opening."""
        return None if self.era is None else self.era.version

    @property
    def reason(self) -> str:
        """Why the conversation ended, in the transport's words; empty where it has none."""
        return self._channel.reason if isinstance(self._channel, ClientChannel) else ""

    @property
    def is_modern(self) -> bool:
        """Whether each request carries version and capabilities."""
        return self._envelope is not None

    @property
    def param_headers(self) -> ParamHeaders | None:
        """What repeats arguments in headers, where version and transport have that."""
        if not self.is_modern or not isinstance(self._channel, ClientChannel):
            return None
        return self._channel.param_headers

    def _speak(self, version: str) -> None:
        """Say with each request from now on that it is of this modern version."""
        self.era = era_of(version)
        self._envelope = {
            PROTOCOL_VERSION: version,
            CLIENT_CAPABILITIES: self._callbacks.capabilities,
            CLIENT_INFO: self._client_info,
        }

    # -- asking --------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        params: Mapping[str, Any],
        model: type[_Result],
        *,
        timeout: float | None = None,
        on_progress: ProgressCallback | None = None,
        remedy: Remedy | None = None,
    ) -> _Result:
        """Ask the server and read its answer, answering what it asks back meanwhile.

        Parameters
        ----------
        timeout : float, optional
            Seconds for all of it, the person's time at a form included.
        remedy : async function, optional
            Given an error of the server's; whether it did something about it, so that to ask once more makes
            sense.

        Raises
        ------
        RuntimeError
            Nothing has been opened yet.
        McpError
            The server's error; a method that the version lacks; an answer that cannot be read.
        RequestTimeout, ConnectionClosed
            There was no answer in time, or the server is gone.
        """
        self.check(method)
        seconds = self.timeout if timeout is None else timeout

        async def live(on_progress: ProgressCallback | None) -> dict[str, Any]:
            async def ask(asked: Mapping[str, Any]) -> dict[str, Any]:
                return await self._persistently(method, asked, on_progress, remedy)

            return await in_rounds(method, params, ask, self._callbacks.fulfil)

        with anyio.move_on_after(seconds):
            return _read(method, await self.exchange(method, params, live, on_progress), model)
        raise _late(method, seconds)

    async def exchange(
        self,
        method: str,
        params: Mapping[str, Any],
        live: Callable[[ProgressCallback | None], Awaitable[dict[str, Any]]],
        on_progress: ProgressCallback | None = None,
    ) -> dict[str, Any]:
        """The answer of the server, or of the tape where there is one."""
        if self._tape is None:
            return await live(on_progress)
        callbacks = self._callbacks
        return await self._tape.exchange(
            Question(method, params, live, on_progress, callbacks.hand_out, callbacks.notification)
        )

    def check(self, method: str) -> None:
        """Raise when `method` cannot be asked now: no opening yet, or the version lacks it.

        What no version has is a method of the server's own.
        """
        if self.era is None:
            raise RuntimeError("Await session.initialize() or session.discover() first.")
        if method in _STANDARD and method not in self.era.client_requests:
            raise McpError(METHOD_NOT_FOUND, f"{method} does not exist in version {self.era.version}.")

    def _enveloped(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Params as the version has them."""
        if self._envelope is None:
            return params
        level = {LOG_LEVEL: self._log_level} if self._log_level else {}
        return {**params, "_meta": {**params.get("_meta", {}), **self._envelope, **level}}

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification, if the version that is spoken has it."""
        if not self.is_modern or method not in _LEGACY_NOTICES:
            self.connection.notify(method, params)

    async def set_log_level(self, level: types.LoggingLevel) -> None:
        """Ask for log messages of this severity and above."""
        if self._envelope is None:
            await self.ask("logging/setLevel", {"level": level}, types.EmptyResult)
            self._level_set = True
        self._log_level = level

    async def _persistently(
        self,
        method: str,
        params: Mapping[str, Any],
        on_progress: ProgressCallback | None,
        remedy: Remedy | None,
    ) -> dict[str, Any]:
        """Send a request; once more when the specification has a remedy for the error it meets."""
        session = self._session
        try:
            return await self.send(method, params, on_progress)
        except McpError as exc:
            mended = (
                self._adopt_version(exc) or await self._renew(exc, session) or await self._have_visited(exc)
            )
            if not mended and (remedy is None or not await remedy(exc)):
                raise
        return await self.send(method, params, on_progress)

    async def send(
        self,
        method: str,
        params: Mapping[str, Any],
        on_progress: ProgressCallback | None = None,
        *,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Send one request as the version has it, and wait for its result for as long as the caller does.

        Raises
        ------
        McpError, ConnectionClosed
            The server's error, or its end with the transport's reason.
        """
        try:
            return await self.connection.request(
                method, self._enveloped(params), on_progress=on_progress, request_id=request_id
            )
        except ConnectionClosed as exc:
            raise ConnectionClosed(self.reason or str(exc)) from None

    def _adopt_version(self, error: McpError) -> bool:
        """Take up the newest modern version that both know, where the error says what the server does."""
        if error.code != UNSUPPORTED_PROTOCOL_VERSION or self._envelope is None:
            return False
        supported = error.data.get("supported") if isinstance(error.data, dict) else None
        common = [v for v in MODERN_VERSIONS if isinstance(supported, list) and v in supported]
        if common:
            self._speak(common[-1])
        return bool(common)

    async def _renew(self, error: McpError, session: int) -> bool:
        """Open the legacy session anew when the server has ended `session`; whether to ask once more.

        The server has not taken the request then (spec 2025-11-25, basic/transports, "Session Management").
        Of several requests that meet this, one opens and the others wait.
        """
        if error.data != SESSION_ENDED or self.is_modern:
            return False
        await self._open_anew(session)
        return True

    async def _have_visited(self, error: McpError) -> bool:
        """Have the person visit the URLs that the error names; whether they did, so that to ask again helps.

        Source: spec 2025-11-25, client/elicitation, "URL Elicitation Required Error".
        """
        if error.code != URL_ELICITATION_REQUIRED or self.is_modern:
            return False
        asked = error.data.get("elicitations") if isinstance(error.data, dict) else None
        if not isinstance(asked, list) or not asked or not self._callbacks.takes_urls:
            return False
        answers = await self._callbacks.fulfil(
            {
                str(number): {"method": "elicitation/create", "params": _visit(params)}
                for number, params in enumerate(asked[:MAX_VISITS])
            }
        )
        return all(answer.action == "accept" for answer in answers.values())

    async def keep_session(self) -> None:
        """Open the session anew also when it ends while nothing is asked: somebody may wait to be told."""
        while isinstance(self._channel, ClientChannel):
            await self._channel.session_ended.wait()
            self._channel.session_ended = anyio.Event()
            try:
                with anyio.fail_after(self.timeout):
                    await self._open_anew(self._session)
            except (McpError, ConnectionClosed, TimeoutError) as exc:
                log.warning("The session could not be opened anew: %s", exc)

    async def _open_anew(self, session: int) -> None:
        async with self._renewing:
            if self._session == session:
                await self._handshake()
                await self._restore()
                self._session += 1

    async def _restore(self) -> None:
        """Tell a new session what the old one knew."""
        known = [("resources/subscribe", {"uri": uri}) for uri in sorted(self.subscribed)]
        if self._level_set:
            known.insert(0, ("logging/setLevel", {"level": str(self._log_level)}))
        for method, params in known:
            try:
                await self.send(method, params)
            except McpError as exc:
                log.warning("The new session did not take %s: %s", method, safe_line(exc.message))


def _read(method: str, wire: Mapping[str, Any], model: type[_Result]) -> _Result:
    """A result; without `resultType`, as of an older server, it is complete (2026-07-28, basic)."""
    kind = wire.get("resultType")
    if kind is not None and kind != "complete":
        shown = safe_line(str(kind))
        text = f"The server answered {method} with {shown!r}, which is not supported."
        raise McpError(INTERNAL_ERROR, text)
    try:
        return model.from_wire(wire)
    except ValidationError as exc:
        if (partial := partial_result(method, wire, model, exc)) is not None:
            return partial
        raise McpError(INTERNAL_ERROR, malformed(f"The server's answer to {method} is", exc)) from None


def _visit(params: Any) -> Any:
    return params | {"mode": "url"} if isinstance(params, dict) else params


def _late(method: str, timeout: float) -> RequestTimeout:
    return RequestTimeout(f"No answer to {method} within {timeout:g} s.")


def _unsupported(theirs: list[str], ours: Sequence[str]) -> McpError:
    """The error that such a server could have given: `data` says what it supports, and what was asked for."""
    named = safe_line(", ".join(theirs))
    return McpError(
        UNSUPPORTED_PROTOCOL_VERSION,
        f"The server speaks protocol version {named}; this client speaks {', '.join(ours)}.",
        {"supported": theirs, "requested": ours[-1]},
    )


# -- rounds --------------------------------------------------------------------------------------
#
# Multi-round-trip requests: a server that asks back instead of answering is asked again with the answers.
#
# Owns the loop and its bounds. Does not know who answers, nor how a request travels.
#
# Source: spec 2026-07-28, basic/patterns/mrtr.

MAX_ROUNDS: Final = 32
"""Times a server may ask back in one call: more than a person would bear, fewer than a loop would take."""

MAX_INPUT_REQUESTS: Final = 64
"""Questions in one round."""

PAUSE_SECONDS: Final = 0.05
"""Before the first retry of a round without questions, in which a server only wants to be asked again; each
further one in a row waits twice as long."""

MAX_PAUSE_SECONDS: Final = 1.0

_INPUT_REQUIRED: Final = "input_required"
_MAY_ASK_BACK: Final = frozenset({"prompts/get", "resources/read", "tools/call"})

Ask: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]
Fulfil: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def in_rounds(method: str, params: Mapping[str, Any], ask: Ask, fulfil: Fulfil) -> dict[str, Any]:
    """The server's answer to `params`, however often it asks back.

    Parameters
    ----------
    ask : async function
        Sends params as a request of its own and returns the result.
    fulfil : async function
        From the server's input requests to the responses, under the same keys.

    Raises
    ------
    McpError
        The server asks back where it must not, without asking anything, or more than `MAX_ROUNDS` times;
        and whatever `ask` and `fulfil` raise.
    """
    pause = PAUSE_SECONDS
    answer = await ask(params)
    for round_ in range(MAX_ROUNDS):
        if answer.get("resultType") != _INPUT_REQUIRED:
            return _uncached(answer) if round_ else answer
        requests, state = _input_required(method, answer)
        retry = dict(params)
        if state is not None:
            retry["requestState"] = state
        if requests:
            retry["inputResponses"] = await fulfil(requests)
            pause = PAUSE_SECONDS
        else:
            await anyio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)
        answer = await ask(retry)
    if answer.get("resultType") == _INPUT_REQUIRED:
        raise _fault(method, f"more than {MAX_ROUNDS} times")
    return _uncached(answer)


def _uncached(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer that depends on more than its request must not be kept (spec, server/utilities/caching)."""
    return {name: value for name, value in answer.items() if name not in ("ttlMs", "cacheScope")}


def _input_required(method: str, answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], str | None]:
    """The input requests and the state of an answer that asks back."""
    if method not in _MAY_ASK_BACK:
        raise _fault(method, "which no server may do")
    requests, state = answer.get("inputRequests"), answer.get("requestState")
    if not isinstance(requests, dict | None) or not isinstance(state, str | None):
        raise _fault(method, "in a malformed way")
    if not requests and state is None:
        raise _fault(method, "without saying for what")
    if requests and len(requests) > MAX_INPUT_REQUESTS:
        raise _fault(method, f"with more than {MAX_INPUT_REQUESTS} questions")
    return requests or {}, state


def _fault(method: str, how: str) -> McpError:
    return McpError(INTERNAL_ERROR, f"The server answered {method} by asking for input, {how}.")
