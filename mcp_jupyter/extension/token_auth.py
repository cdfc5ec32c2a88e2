# SPDX-License-Identifier: BSD-3-Clause
"""Authenticate MCP clients: check the host and the origin of a request and the token that it carries.

The only credential is a token of ours in the `Authorization` header; others are refused with a hint.
Jupyter's identity provider is never used, because it would set a cookie that opens the whole server. The
site's Authorizer is asked, and has the last word.

Source: RFC 6750 sections 2 and 3.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import re
from collections.abc import Callable
from typing import Final

from jupyter_core.utils import ensure_async
from jupyter_server.auth import User
from jupyter_server.base.handlers import JupyterHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import RequestHandler

from ..protocol.origins import OriginRule
from ..server.http.admission import CHALLENGE, Principal, Refusal, bearer_token
from .grants import OWNER_ID, Grant, insufficient_scope, max_body_bytes
from .private import allows_remote_access, is_local_host
from .tokens import Token, TokenFileError, TokenRefused, TokenStore, split, without_secrets

__all__ = [
    "RESOURCE",
    "TokenAuthenticator",
    "host_problem",
    "keep_logged_headers_fit",
    "keep_logs_fit",
]

log = logging.getLogger(__name__)

RESOURCE: Final = "mcp_jupyter"
"""The resource that an Authorizer is asked about; the action for MCP clients is "execute"."""

MAX_HOST_CHARS: Final = 260
"""A host name has at most 253 characters (RFC 1035), a port at most six with its colon."""

MAX_LOGGED_CHARS: Final = 140
"""Characters of a URL, or of a header that Jupyter logs with an error: enough for a user's path under a hub,
a notebook's name and a session's key."""

MAX_LOGGED_METHOD_CHARS: Final = 32
"""Characters of a logged HTTP method; the longest registered one has 17."""

_LOGGED_HEADERS: Final = ("Host", "Accept", "User-Agent")

_IN_URL: Final = ("token", "access_token")
"""Query parameters in which a client may put a credential."""

_FLAGS: Final = re.ASCII | re.IGNORECASE
_HOST: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.%-]+)(?::[0-9]{1,5})?", _FLAGS)
_CREDENTIAL: Final = re.compile(r"(?:token|bearer)\s+(.+)", _FLAGS)
_UNAUTHORIZED: Final = {"WWW-Authenticate": CHALLENGE}
_CREATE: Final = "Run `jupyter mcp token create {} --tool '*' --resource '*' --prompt '*'` in a terminal"
_PLAIN_NAME: Final = re.compile(r"[\w-]{1,100}", re.ASCII)


def host_problem(handler: RequestHandler) -> str | None:
    """Return why `Host` is not this server's, by the rule of `JupyterHandler.check_host`; None if it is.

    Jupyter's own function logs any header as it is, and uses the first of several.
    """
    hosts = handler.request.headers.get_list("Host")
    if len(hosts) > 1:
        return "more than one Host header"
    host = handler.request.host  # the host of an absolute request target, if there is one
    match = _HOST.fullmatch(host) if len(host) <= MAX_HOST_CHARS else None
    if match is None:
        return "malformed Host header"
    if allows_remote_access(handler.settings):
        return None
    name = match["host"].strip("[]")
    try:
        is_local = ipaddress.ip_address(name).is_loopback
    except ValueError:
        is_local = is_local_host(handler.settings, name)
    return None if is_local else "Host not allowed (see ServerApp.allow_remote_access)"


def keep_logs_fit(request: HTTPServerRequest) -> None:
    """Remove the secrets of tokens, and excess length, from what logs will show of a request.

    Call it when the request is routed: its query has been read by then. Jupyter's own log omits only the
    values of parameters with telling names, and has no limit.
    """
    request.method = without_secrets(request.method or "")[:MAX_LOGGED_METHOD_CHARS]
    request.path = without_secrets(request.path)
    request.uri = without_secrets(request.uri or "")[:MAX_LOGGED_CHARS]
    if "Referer" in request.headers:
        request.headers["Referer"] = without_secrets(request.headers["Referer"])[:MAX_LOGGED_CHARS]


def keep_logged_headers_fit(request: HTTPServerRequest) -> None:
    """Shorten the other logged headers, on which the response depends. Call it just before the log line."""
    for name in _LOGGED_HEADERS:
        if name in request.headers:
            request.headers[name] = without_secrets(request.headers[name])[:MAX_LOGGED_CHARS]


class TokenAuthenticator:
    """Admits the bearers of tokens.

    Parameters
    ----------
    store : TokenStore
        The tokens that exist.
    origins : callable
        Returns the origins of this server. Called at each request, because a server learns its port late.
    audience : callable
        Returns the server's base URL, for the same reason.
    admitted : callable
        Called with the token of each admitted request.
    accept_jupyter_token : bool
        Accept the Jupyter token as well. It allows code execution, so no MCP client should hold it.
    """

    def __init__(
        self,
        store: TokenStore,
        *,
        origins: Callable[[], OriginRule],
        audience: Callable[[], str],
        admitted: Callable[[Token], None],
        accept_jupyter_token: bool = False,
    ) -> None:
        self._store = store
        self._origins = origins
        self._audience = audience
        self._admitted = admitted
        self._accept_jupyter_token = accept_jupyter_token
        self._file_error = ""

    def origin_problem(self, handler: RequestHandler) -> str | None:
        """Compare `Host` and `Origin` with those of this server."""
        get_list = handler.request.headers.get_list
        return host_problem(handler) or self._origins().check(get_list("Origin"), get_list("Sec-Fetch-Site"))

    async def authenticate(self, handler: RequestHandler) -> Principal:
        """Return the bearer of a valid token, which opens the notebook in the URL if the URL has a name."""
        assert isinstance(handler, JupyterHandler)
        _refuse_credentials_in_url(handler)
        text = bearer_token(handler)
        if self._is_jupyter_token(handler):
            return await self._owner(handler)
        if text is None:
            raise Refusal(401, f"{_how(handler)}: a bearer token is required.", _UNAUTHORIZED)
        token = self._verified(text, _how(handler))
        # At the URL of all notebooks, the bearer sees only what the token opens. A token that names notebooks
        # by path is checked when the notebook has been found.
        if handler.path_args and not (token.notebooks or token.opens(handler.path_args[0])):
            raise insufficient_scope("This token does not open that notebook.")
        await self._ask_authorizer(handler, User(username=token.issuer))
        self._admitted(token)
        if handler.path_args:
            return Grant.of(token)
        return Principal(token.id, max_body_bytes(token), token.label)

    def _verified(self, text: str, how: str) -> Token:
        try:
            return self._store.verify(text, self._audience())
        except TokenRefused as exc:
            raise Refusal(401, f"{how} for a new token. {exc}", _UNAUTHORIZED) from None
        except TokenFileError as exc:
            if str(exc) != self._file_error:  # logged once, because strangers can cause it
                self._file_error = str(exc)
                log.error("No MCP client can come in: %s", exc)
            raise Refusal(503, "Tokens cannot be checked now; the server's log says why.") from None

    def _is_jupyter_token(self, handler: JupyterHandler) -> bool:
        """Return whether a request carries the Jupyter token in its header, as `token` or as `Bearer`."""
        expected = handler.identity_provider.token or ""
        match = _CREDENTIAL.fullmatch(handler.request.headers.get("Authorization", ""))
        if match is None or not expected:
            return False
        return hmac.compare_digest(match[1].strip().encode("utf-8", "replace"), expected.encode())

    async def _owner(self, handler: JupyterHandler) -> Principal:
        if not self._accept_jupyter_token:
            raise Refusal(
                403,
                f"{_how(handler)}: an MCP client gets a token of its own, for one notebook. The Jupyter "
                "token can do everything on this server and is not accepted here.",
            )
        await self._ask_authorizer(handler, User(username=OWNER_ID))
        return Principal(OWNER_ID, label="the Jupyter token")

    @staticmethod
    async def _ask_authorizer(handler: JupyterHandler, user: User) -> None:
        answer = handler.authorizer.is_authorized(handler, user, "execute", RESOURCE)
        if not await ensure_async(answer):
            raise Refusal(403, "Whoever made this token may not use MCP on this server.")


def _how(handler: JupyterHandler) -> str:
    """Return the command that makes a token. It comes first: some hosts cut what the model gets."""
    name = handler.path_args[0] if handler.path_args else ""
    is_plain = _PLAIN_NAME.fullmatch(name) is not None and without_secrets(name) == name  # the text is logged
    return _CREATE.format(name if is_plain else "NAME")


def _refuse_credentials_in_url(handler: RequestHandler) -> None:
    """Refuse a credential in the URL, even a valid one: URLs end up in logs, histories and referrers."""
    arguments = handler.request.query_arguments
    texts = (value.decode("latin-1") for values in arguments.values() for value in values)
    if any(name in arguments for name in _IN_URL) or any(split(text) is not None for text in texts):
        raise Refusal(
            401, "A token in the URL is never accepted; send it as `Authorization: Bearer`.", _UNAUTHORIZED
        )
