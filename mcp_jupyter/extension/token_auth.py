# SPDX-License-Identifier: BSD-3-Clause
"""The authenticator of the machine door: which hosts and origins are ours, and whose token a request carries.

The only credential is a token of ours in the `Authorization` header; every other one is refused with what to
do instead. Jupyter's identity provider is never asked, because it would set a cookie that opens the whole
server. The site's Authorizer is asked, and has the last word.

Source: SECURITY.md, "Machine door, concretely"; RFC 6750 sections 2 and 3.
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
"""What an Authorizer is asked about; the action on the machine door is "execute"."""

MAX_HOST_CHARS: Final = 260
"""A host name has 253 characters at most (RFC 1035), a port six with its colon."""

MAX_LOGGED_CHARS: Final = 140
"""Characters of a URL, or of a header that Jupyter logs with an error: a user's path under a hub, a
notebook's name and a session's key fit."""

MAX_LOGGED_METHOD_CHARS: Final = 32
"""The longest HTTP method that is registered has 17."""

_LOGGED_HEADERS: Final = ("Host", "Accept", "User-Agent")

_IN_URL: Final = ("token", "access_token")
"""Query parameters that somebody may put a credential in."""

_FLAGS: Final = re.ASCII | re.IGNORECASE
_HOST: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.%-]+)(?::[0-9]{1,5})?", _FLAGS)
_CREDENTIAL: Final = re.compile(r"(?:token|bearer)\s+(.+)", _FLAGS)
_UNAUTHORIZED: Final = {"WWW-Authenticate": CHALLENGE}
_CREATE: Final = "Run `jupyter mcp token create {} --tool '*' --resource '*' --prompt '*'` in a terminal"
_PLAIN_NAME: Final = re.compile(r"[\w-]{1,100}", re.ASCII)


def host_problem(handler: RequestHandler) -> str | None:
    """Return why `Host` is not this server's, by the rule of `JupyterHandler.check_host`; None when it is.

    Jupyter's own function writes the header into the log whatever it holds, and takes the first of several.
    """
    hosts = handler.request.headers.get_list("Host")
    if len(hosts) > 1:
        return "more than one Host header"
    host = handler.request.host  # that of a request target in absolute form, where there is one
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
    """Take the secrets of tokens, and what is too long, out of what logs say of a request.

    Call it when the request is routed: its query is read by then. Jupyter's own log leaves out the values of
    parameters with telling names, and of nothing else, and has no bound.
    """
    request.method = without_secrets(request.method or "")[:MAX_LOGGED_METHOD_CHARS]
    request.path = without_secrets(request.path)
    request.uri = without_secrets(request.uri or "")[:MAX_LOGGED_CHARS]
    if "Referer" in request.headers:
        request.headers["Referer"] = without_secrets(request.headers["Referer"])[:MAX_LOGGED_CHARS]


def keep_logged_headers_fit(request: HTTPServerRequest) -> None:
    """The same for the headers that an answer depends on: call it when the request is logged, not before."""
    for name in _LOGGED_HEADERS:
        if name in request.headers:
            request.headers[name] = without_secrets(request.headers[name])[:MAX_LOGGED_CHARS]


class TokenAuthenticator:
    """Accepts the bearers of tokens.

    Parameters
    ----------
    store : TokenStore
        The tokens that exist.
    origins : callable
        Returns the origins of this server. Called at each request, because a server learns its port late.
    audience : callable
        Returns the server's base URL, for the same reason.
    admitted : callable
        Called with the token of each request that carries a good one.
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
        """Return the bearer of a good token, for the notebook in the URL where the URL names one."""
        assert isinstance(handler, JupyterHandler)
        _refuse_credentials_in_url(handler)
        text = bearer_token(handler)
        if self._is_jupyter_token(handler):
            return await self._owner(handler)
        if text is None:
            raise Refusal(401, f"{_how(handler)}: a bearer token is required.", _UNAUTHORIZED)
        token = self._verified(text, _how(handler))
        # The URL of all notebooks has no name: the token is shown what it opens, and nothing else. Whether a
        # token that names notebooks by their paths opens this one is known once the notebook is found.
        if handler.path_args and not (token.notebooks or token.opens(handler.path_args[0])):
            raise insufficient_scope("This token does not open that notebook.")
        await self._ask_authorizer(handler, User(username=token.issuer))
        self._admitted(token)
        return Grant.of(token) if handler.path_args else Principal(token.id, max_body_bytes(token))

    def _verified(self, text: str, how: str) -> Token:
        try:
            return self._store.verify(text, self._audience())
        except TokenRefused as exc:
            raise Refusal(401, f"{how} for a new token. {exc}", _UNAUTHORIZED) from None
        except TokenFileError as exc:
            if str(exc) != self._file_error:  # said once: strangers can make us come here
                self._file_error = str(exc)
                log.error("No MCP client can come in: %s", exc)
            raise Refusal(503, "Tokens cannot be checked now; the server's log says why.") from None

    def _is_jupyter_token(self, handler: JupyterHandler) -> bool:
        """Whether a request carries the Jupyter token in its header, as `token` or as `Bearer`."""
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
        return Principal(OWNER_ID)

    @staticmethod
    async def _ask_authorizer(handler: JupyterHandler, user: User) -> None:
        answer = handler.authorizer.is_authorized(handler, user, "execute", RESOURCE)
        if not await ensure_async(answer):
            raise Refusal(403, "Whoever made this token may not use MCP on this server.")


def _how(handler: JupyterHandler) -> str:
    """What the user types to get a token. It comes first: some hosts hand only the beginning to the model."""
    name = handler.path_args[0] if handler.path_args else ""
    is_plain = _PLAIN_NAME.fullmatch(name) is not None and without_secrets(name) == name  # it is logged
    return _CREATE.format(name if is_plain else "NAME")


def _refuse_credentials_in_url(handler: RequestHandler) -> None:
    """URLs end up in logs, histories and referrers: a credential there is refused, even a good one."""
    arguments = handler.request.query_arguments
    texts = (value.decode("latin-1") for values in arguments.values() for value in values)
    if any(name in arguments for name in _IN_URL) or any(split(text) is not None for text in texts):
        raise Refusal(
            401, "A token in the URL is never accepted; send it as `Authorization: Bearer`.", _UNAUTHORIZED
        )
