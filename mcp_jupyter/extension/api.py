# SPDX-License-Identifier: BSD-3-Clause
"""The human door: REST for the panel and for the command line of the same user.

Jupyter's own authentication and XSRF protection, and its Authorizer. Here, and nowhere else over HTTP,
tokens are made and revoked; a token of ours opens nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import TracebackType
from typing import Annotated, Any, Final, Literal, TypeVar, cast

from anyio import to_thread
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tornado import web
from tornado.escape import json_encode

from ..protocol.origins import OriginRule
from .door import RESOURCE
from .manager import NotebookManager
from .store import TokenFileError, TokenStore, UnknownToken
from .tokens import MAX_DAYS, MAX_GLOBS, Glob, Label, Token, split

__all__ = ["ServersHandler", "TokenHandler", "TokensHandler"]

MAX_BODY_BYTES: Final = 64 * 1024
"""The longest wish for a token, several times over. Checked before Jupyter would gather the body."""

MAX_SHOWN_ERRORS: Final = 3
"""Of what is wrong with a body: somebody reads this."""


_VerbT = TypeVar("_VerbT", bound=Callable[..., Any])


class _Wish(BaseModel):
    """A token that somebody wants. What it opens is always said in so many words: no default."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: Label
    servers: list[Glob] = Field(min_length=1, max_length=MAX_GLOBS)
    tools: list[Glob] = Field(max_length=MAX_GLOBS)
    days: Annotated[float, Field(gt=0, le=MAX_DAYS)] | None = None


def _allowed(action: Literal["read", "write"]) -> Callable[[_VerbT], _VerbT]:
    """Let in who is logged in and may do `action`.

    Both arguments of `authorized` are given: without them it remembers those of its first use.
    """

    def decorate(verb: _VerbT) -> _VerbT:
        checked: _VerbT = authorized(action, resource=RESOURCE)(verb)
        return cast(_VerbT, web.authenticated(checked))

    return decorate


@web.stream_request_body
class _HumanHandler(APIHandler):
    """Base: lets people in, not tokens, and reads a small body."""

    def initialize(
        self,
        notebooks: NotebookManager,
        store: TokenStore,
        origins: Callable[[], OriginRule],
        url: Callable[[], str],
        audience: Callable[[], str],
        default_days: float,
    ) -> None:
        """Take what the route carries.

        Parameters
        ----------
        url : callable
            The server's base URL as clients know it, with a slash at its end.
        audience : callable
            What ties a token to this server.
        default_days : float
            How long a token is good when its maker does not say.
        """
        self.notebooks = notebooks
        self.store = store
        self.url = url
        self.audience = audience
        self.default_days = default_days
        self._origins = origins
        self._body = bytearray()

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse what no person sends; all else is Jupyter's to decide."""
        headers = self.request.headers
        credentials = [part for value in headers.get_list("Authorization") for part in value.split()]
        if any(split(credential) is not None for credential in credentials):
            raise web.HTTPError(403, "A token for MCP clients opens nothing here.")
        reason = self._origin_refusal()
        if reason is not None:
            raise web.HTTPError(403, f"Refused: {reason}.")
        await super().prepare()
        length = headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length[:20]) > MAX_BODY_BYTES:
            raise web.HTTPError(413, f"A body may have {MAX_BODY_BYTES} bytes at most.")
        self.request.connection.set_max_body_size(MAX_BODY_BYTES)  # type: ignore[union-attr]

    def _origin_refusal(self) -> str | None:
        """Jupyter's own rule comes later; this one holds whatever `allow_origin` says."""
        headers = self.request.headers
        origins = headers.get_list("Origin")
        if len(origins) == 1 and origins[0].partition("://")[2] == self.request.host:
            origins = []  # the very host it was sent to, as behind a proxy
        return self._origins().check(origins, headers.get_list("Sec-Fetch-Site"))

    def data_received(self, chunk: bytes) -> None:
        """Keep a piece of the body."""
        self._body += chunk

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Log what is a fault of ours. Without the URL's query: somebody may have put a token there."""
        if not isinstance(value, web.HTTPError):
            self.log.error("%s %s failed", self.request.method, self.request.path, exc_info=value)

    def wish(self) -> _Wish:
        """The body as a wish for a token.

        Raises
        ------
        HTTPError
            400, naming what is wrong with it.
        """
        try:
            return _Wish.model_validate_json(bytes(self._body))
        except ValidationError as exc:
            raise web.HTTPError(400, _explain(exc)) from None


def _explain(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False, include_context=False)[:MAX_SHOWN_ERRORS]
    said = [": ".join(filter(None, (".".join(map(str, item["loc"])), item["msg"]))) for item in problems]
    # Tornado doubles a per cent sign: to it, a message is a pattern.
    return f"The body is not a wish for a token: {'; '.join(said)}.".replace("%", "?")


@contextmanager
def _file_errors() -> Iterator[None]:
    """Tell the person what is wrong with the token file: it is theirs."""
    try:
        yield
    except TokenFileError as exc:
        raise web.HTTPError(503, str(exc)) from None


def _model(token: Token) -> dict[str, Any]:
    return token.model_dump(mode="json", exclude={"digest"})


class ServersHandler(_HumanHandler):
    """Which notebooks serve now."""

    @_allowed("read")
    async def get(self) -> None:
        """List them."""
        root = f"{self.url()}mcp-jupyter"
        servers = [
            {**asdict(each), "urls": {"http": f"{root}/{each.name}", "sse": f"{root}/{each.name}/sse"}}
            for each in await self.notebooks.servers()
        ]
        self.finish(json_encode({"servers": servers}))


class TokensHandler(_HumanHandler):
    """The tokens of this user."""

    @_allowed("read")
    async def get(self) -> None:
        """List them, without their secrets."""
        with _file_errors():
            tokens = self.store.tokens()
        self.finish(json_encode({"tokens": [_model(token) for token in tokens]}))

    @_allowed("write")
    async def post(self) -> None:
        """Make one. Its secret is in this answer and nowhere else."""
        wish = self.wish()
        days = wish.days if "days" in wish.model_fields_set else self.default_days
        with _file_errors():
            token, text = await to_thread.run_sync(
                lambda: self.store.create(
                    label=wish.label,
                    servers=wish.servers,
                    tools=wish.tools,
                    issuer=self.current_user.username,
                    days=days,
                    audience=self.audience(),
                )
            )
        self.set_status(201)
        self.set_header("Cache-Control", "no-store")
        self.finish(json_encode({"id": token.id, "token": text, "expires": _model(token)["expires"]}))


class TokenHandler(_HumanHandler):
    """One token."""

    @_allowed("write")
    async def delete(self, token_id: str) -> None:
        """Revoke it, and end at once all that its bearers have open."""
        try:
            with _file_errors():
                await to_thread.run_sync(self.store.revoke, token_id)
        except UnknownToken as exc:
            raise web.HTTPError(404, str(exc)) from None
        self.notebooks.end_refused()
        self.set_status(204)
        self.finish()
