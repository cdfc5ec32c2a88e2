# SPDX-License-Identifier: BSD-3-Clause
"""REST for the user's own page and command line: live notebooks and their calls, approvals, tokens.

Over HTTP, tokens are made and revoked, and calls approved, only here. `rest_auth` authenticates the requests:
a token of an MCP client opens none of these URLs.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import quote

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import web
from tornado.escape import json_decode, json_encode
from tornado.iostream import StreamClosedError

from .._util.names import MAX_NAME_CHARS
from ..errors import LinkError, McpError
from ..ipc.files import default_runtime_dir
from ..ipc.owner_link import ask_owner
from ..ipc.questions import APPROVALS
from ..protocol.frames import dumps
from ..protocol.limits import MAX_PROBLEMS, MAX_URI_CHARS
from .events import APPROVAL, TOKENS
from .observers import Page, TooManyPages
from .rest_auth import UserHandler, allowed
from .tokens import (
    MAX_DAYS,
    MAX_GLOBS,
    BoundNotebook,
    Glob,
    Label,
    ServerGlob,
    Token,
    TokenFileError,
    UnknownToken,
    UriGlob,
    is_glob,
    moved_path,
)

__all__ = [
    "ApprovalHandler",
    "ApprovalsHandler",
    "CallHandler",
    "CallsHandler",
    "ConnectLinesHandler",
    "NotebookHandler",
    "ObserveHandler",
    "PauseHandler",
    "ServersHandler",
    "StopHandler",
    "TokenHandler",
    "TokensHandler",
]

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_TOKEN_CHARS: Final = 500
"""Characters of a token in a request for lines: ours have about 60."""

MAX_REASON_CHARS: Final = 500
"""Characters of the reason for a denial."""

_UNKNOWN_PATH: Final = (
    "The path of a notebook named {!r} is not known now, so no token can be bound to it. Start the notebook "
    "first, or set any_notebook_of_this_name to open any notebook of this name."
)


class _TokenRequest(BaseModel):
    """Body of `POST api/tokens`. A scope that is left out allows nothing of its kind."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: Label
    servers: list[ServerGlob] = Field(min_length=1, max_length=MAX_GLOBS)
    any_notebook_of_this_name: bool = False
    tools: list[Glob] = Field(max_length=MAX_GLOBS)
    resources: list[UriGlob] = Field(default=[], max_length=MAX_GLOBS)
    prompts: list[Glob] = Field(default=[], max_length=MAX_GLOBS)
    days: Annotated[float, Field(gt=0, le=MAX_DAYS)] | None = None


class _LinesRequest(BaseModel):
    """Body of `POST api/connect-lines`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARS)]
    url: Annotated[str, Field(pattern=r"\Ahttps?://", max_length=MAX_URI_CHARS)]
    token: Annotated[str, Field(min_length=1, max_length=MAX_TOKEN_CHARS)]


class _PauseRequest(BaseModel):
    """Body of `POST api/servers/NAME/pause`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    paused: bool


class _Decision(BaseModel):
    """Body of `POST api/approvals/ID`. The digest is that of the question which the user saw."""

    model_config = ConfigDict(extra="forbid", strict=True)

    decision: Literal["once", "until_changed", "deny"]
    digest: Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)] = ""


def parsed(model: type[ModelT], body: bytearray) -> ModelT:
    """Parse a body.

    Raises
    ------
    HTTPError
        400, naming what is wrong with it.
    """
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as exc:
        raise web.HTTPError(400, _explain(exc)) from None


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_PROBLEMS]
    said = [": ".join(filter(None, (".".join(map(str, item["loc"])), item["msg"]))) for item in problems]
    # Tornado uses the message as a format string and doubles a per cent sign.
    return f"The body is not valid: {'; '.join(said)}.".replace("%", "?")


@contextmanager
def _file_errors() -> Iterator[None]:
    """Tell the user what is wrong with the token file, which is the user's own."""
    try:
        yield
    except TokenFileError as exc:
        raise web.HTTPError(503, str(exc)) from None


def _model(token: Token) -> dict[str, Any]:
    return token.model_dump(mode="json", exclude={"digest"})


@contextmanager
def _look_errors() -> Iterator[None]:
    """Answer 503 when live notebooks cannot be looked for now."""
    try:
        yield
    except LinkError as exc:
        raise web.HTTPError(503, str(exc).replace("%", "?")) from None


class ServersHandler(UserHandler):
    """The live notebooks."""

    @allowed("read")
    async def get(self) -> None:
        """List them with their URLs."""
        root = f"{self.url()}mcp-jupyter"
        with _look_errors():
            found = await self.notebooks.servers()
        servers = []
        for each in found:
            url = f"{root}/{quote(each.name, safe='')}"
            servers.append({**asdict(each), "urls": {"http": url, "sse": f"{url}/sse"}})
        self.finish(json_encode({"servers": servers}))


class _NotebookHandler(UserHandler):
    """Asks the kernel of a live notebook (see `ipc.owner_link`)."""

    async def ask(self, name: str, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Send one request to the notebook's kernel.

        Raises
        ------
        HTTPError
            404: there is no such notebook, or no such call. 503: the kernel does not answer.
        """
        name = unicodedata.normalize("NFC", name)
        with _look_errors():
            info = next((each for each in await self.notebooks.live() if each.name == name), None)
            if info is None:
                raise web.HTTPError(404, "No live notebook has that name.")
            try:
                return await ask_owner(info, method, params)
            except McpError as exc:
                raise web.HTTPError(404, exc.message.replace("%", "?")) from None


class NotebookHandler(_NotebookHandler):
    """What one notebook does and serves, and its clients."""

    @allowed("read")
    async def get(self, name: str) -> None:
        """Describe it."""
        self.finish(json_encode(await self.ask(name, "notebook/describe", {})))


class CallsHandler(_NotebookHandler):
    """The journal of one notebook."""

    @allowed("read")
    async def get(self, name: str) -> None:
        """List the calls, the oldest first; only the last of them with `?last=NUMBER`."""
        last = self.get_query_argument("last", None)
        if last is not None and not re.fullmatch("[1-9][0-9]{0,8}", last):
            raise web.HTTPError(400, "?last= must be a positive integer.")
        params = {} if last is None else {"last": int(last)}
        self.finish(json_encode(await self.ask(name, "calls/list", params)))


class CallHandler(_NotebookHandler):
    """One call in the journal."""

    @allowed("read")
    async def get(self, name: str, number: str) -> None:
        """Give it in full."""
        self.finish(json_encode(await self.ask(name, "calls/get", {"id": int(number)})))


class StopHandler(_NotebookHandler):
    """Stops one call."""

    @allowed("execute")
    async def post(self, name: str, number: str) -> None:
        """Stop it, if it waits or runs."""
        self.finish(json_encode(await self.ask(name, "calls/stop", {"id": int(number)})))


class PauseHandler(_NotebookHandler):
    """Has a notebook refuse all calls, or take them again."""

    @allowed("execute")
    async def post(self, name: str) -> None:
        """Pause it or go on: the body is {"paused": true} or {"paused": false}."""
        wanted = parsed(_PauseRequest, self.body)
        self.finish(json_encode(await self.ask(name, "notebook/pause", wanted.model_dump())))


class ApprovalsHandler(UserHandler):
    """The calls that wait for the user's approval, of all notebooks."""

    @allowed("read")
    async def get(self) -> None:
        """List them, the first to end first."""
        waiting = await to_thread.run_sync(APPROVALS.waiting, default_runtime_dir())
        shown = [{"id": each.id, "ends": each.ends, **_question(each.data)} for each in waiting]
        self.set_header("Cache-Control", "no-store")
        self.finish(json_encode({"approvals": shown}))


class ApprovalHandler(UserHandler):
    """One of them."""

    @allowed("execute")
    async def post(self, approval: str) -> None:
        """Decide about it."""
        decided = parsed(_Decision, self.body)
        try:
            taken = await to_thread.run_sync(
                APPROVALS.answer, approval, decided.model_dump_json().encode(), default_runtime_dir()
            )
        except LinkError as exc:
            raise web.HTTPError(503, str(exc).replace("%", "?")) from None
        if not taken:
            raise web.HTTPError(
                404, "That call waits no longer: it was decided already, or its time is over."
            )
        user = self.current_user.username
        self.emit(APPROVAL, {"approval": approval, "decision": decided.decision, "user": user})
        self.set_status(204)
        self.finish()


def _question(data: bytes) -> dict[str, Any]:
    try:
        said = json_decode(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class ObserveHandler(UserHandler):
    """The steps of calls in all notebooks, as they happen."""

    _page: Page | None = None

    def on_connection_close(self) -> None:
        """Let the links go when the page leaves."""
        super().on_connection_close()
        if self._page is not None:
            self._page.leave()

    @allowed("read")
    async def get(self) -> None:
        """Send lines of JSON until the page leaves or the server stops."""
        try:
            async with self.observers.watching() as self._page:
                self.set_header("Content-Type", "application/x-ndjson")
                self.set_header("Cache-Control", "no-store")
                self.set_header("X-Accel-Buffering", "no")  # a proxy must not hold the lines back
                self.write(b'{"event":"ping"}\n')
                await self.flush()
                async for line in self._page.lines:
                    self.write(dumps(line) + b"\n")
                    await self.flush()
        except TooManyPages as exc:
            raise web.HTTPError(503, str(exc)) from None
        except StreamClosedError:
            return  # the page has left
        self.finish()


class TokensHandler(UserHandler):
    """The tokens of this user."""

    @allowed("read")
    async def get(self) -> None:
        """List them, without their secrets."""
        with _file_errors():
            tokens = self.store.tokens()
        self.finish(json_encode({"tokens": [_model(token) for token in tokens]}))

    @allowed("write")
    async def post(self) -> None:
        """Make one. Its secret is in this response and nowhere else."""
        wanted = parsed(_TokenRequest, self.body)
        notebooks, servers = await self._notebooks(wanted)
        days = wanted.days if "days" in wanted.model_fields_set else self.default_days
        with _file_errors():
            token, text = await to_thread.run_sync(
                lambda: self.store.create(
                    label=wanted.label,
                    servers=servers,
                    notebooks=notebooks,
                    tools=wanted.tools,
                    resources=wanted.resources,
                    prompts=wanted.prompts,
                    issuer=self.current_user.username,
                    days=days,
                    audience=self.audience(),
                )
            )
        self.emit(
            TOKENS,
            {
                "action": "created",
                "token": token.id,
                "label": token.label,
                "user": self.current_user.username,
            },
        )
        self.set_status(201)
        self.set_header("Cache-Control", "no-store")
        self.finish(json_encode({"id": token.id, "token": text, "expires": _model(token)["expires"]}))

    async def _notebooks(self, wanted: _TokenRequest) -> tuple[list[BoundNotebook], list[str]]:
        """Return the notebooks that a token opens by path, and the names and globs that it opens by name.

        Raises
        ------
        HTTPError
            400: a notebook's path is not known now.
        """
        if wanted.any_notebook_of_this_name:
            return [], wanted.servers
        with _look_errors():
            paths = {info.name: info.path for info in await self.notebooks.live()}
        notebooks, servers = [], []
        for name in wanted.servers:
            path = paths.get(name)
            if is_glob(name):
                servers.append(name)
            elif path is not None and os.path.isabs(path):
                root = self.root if moved_path(path, self.root, "") else None
                notebooks.append(BoundNotebook(path=path, root=root))
            else:
                raise web.HTTPError(400, _UNKNOWN_PATH.format(name))
        return notebooks, servers


class ConnectLinesHandler(UserHandler):
    """The lines that connect hosts to a URL."""

    @allowed("read")
    async def post(self) -> None:
        """Return them: the host, where to put the line, and the line, which has the token in it."""
        from ..client.config.connect_lines import url_lines  # here: it brings the editors of host files

        wanted = parsed(_LinesRequest, self.body)
        lines = url_lines(wanted.name, wanted.url, wanted.token)
        self.set_header("Cache-Control", "no-store")
        self.finish(json_encode({"lines": [asdict(line) for line in lines]}))


class TokenHandler(UserHandler):
    """One token."""

    @allowed("write")
    async def delete(self, token_id: str) -> None:
        """Revoke it, and end at once everything that its bearers have open."""
        try:
            with _file_errors():
                await to_thread.run_sync(self.store.revoke, token_id)
        except UnknownToken as exc:
            raise web.HTTPError(404, str(exc)) from None
        self.notebooks.end_refused()
        self.emit(TOKENS, {"action": "revoked", "token": token_id, "user": self.current_user.username})
        self.set_status(204)
        self.finish()
