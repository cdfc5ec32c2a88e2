# SPDX-License-Identifier: BSD-3-Clause
"""Sign in to a server from a cell: show the user the link, and receive the answer.

This module chooses the redirect URI, the cell's output and the storage of the tokens; `client.auth` does
OAuth itself. It is imported only for a sign-in, because it imports an OAuth library.

**Two ways back.** If the Jupyter Server that started this kernel has our extension, the browser brings the
answer there (`ipc.rendezvous`), even if it runs on another machine than the kernel. Elsewhere (a console, VS
Code) the kernel listens on a loopback port, and the browser must run on the kernel's machine.
`--callback URL` overrides both: it is the public address of a Jupyter Server behind a proxy.

**What an output holds.** The link is in the HTML and also in the text when there is no Jupyter Server: such a
front end may show only text. The link's `state` is useless once the sign-in is over; then a card that names
only the host replaces it.

Everything here runs on the background loop, except that the cell's thread imports this module and makes the
`CellSignIn`: the library and the files would hold up the loop.
"""

from __future__ import annotations

import hashlib
import html
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.to_thread
import httpx2
from IPython.display import display

from .._ipython.cards import FRAME, NOTE, Card
from .._util.private_files import make_private_directory
from ..client.auth import AuthorizationResponse, FileStorage, OAuth, Storage, Tokens
from ..client.auth.bearer import Goal
from ..client.auth.metadata import is_loopback
from ..errors import AuthorizationFailed, ConfigError, LinkError
from ..ipc.files import default_runtime_dir
from ..ipc.rendezvous import CALLBACK_PATH, SIGN_INS, announced, is_callback_url

__all__ = ["CellSignIn", "SignInCard", "UpdatableDisplay", "storage_of"]

T = TypeVar("T")

SIGN_IN_SECONDS: Final = 285.0
"""Seconds for the user to sign in: less than the request's own 300 s, whose error would say less."""

POLL_SECONDS: Final = 0.25
"""Seconds between two looks for the answer: too short for a user to notice, and a look takes microseconds."""


@dataclass(frozen=True, slots=True)
class SignInCard:
    """A card with the sign-in link and the host that it leads to.

    Attributes
    ----------
    url : str
        The link in ASCII, so that the host's name cannot imitate another.
    through_jupyter : bool
        Whether the answer comes through the Jupyter Server; otherwise to a port on the kernel's machine.
    """

    url: str
    through_jupyter: bool

    @property
    def host(self) -> str:
        """The authorization server's host name in its ASCII form (IDNA)."""
        return _host(self.url)

    @property
    def note(self) -> str:
        """What the user should know before following the link."""
        if self.through_jupyter:
            return f"The cell goes on when you are back. It waits {SIGN_IN_SECONDS / 60:.0f} minutes."
        return (
            "Follow it in a browser on the machine this kernel runs on, or, where a Jupyter Server has the "
            f"mcp_jupyter extension, give its address: --callback https://.../{CALLBACK_PATH}"
        )

    def __repr__(self) -> str:
        """Leave out a link that the HTML has: a notebook keeps its text longer than a sign-in lasts."""
        link = "" if self.through_jupyter else f"  {self.url}\n"
        return f"Sign in at {self.host}\n{link}{self.note}"

    def _repr_html_(self) -> str:
        link = (
            f'<a href="{html.escape(self.url)}" target="_blank" rel="noopener noreferrer">'
            f"Sign in at {html.escape(self.host)}</a>"
        )
        note = f'<div style="{NOTE}">{html.escape(self.note)}</div>'
        return f'<div style="{FRAME}"><strong>{link}</strong>{note}</div>'


@dataclass(frozen=True, slots=True)
class UpdatableDisplay:
    """An object that `display` shows in place of what the same sign-in showed before.

    Attributes
    ----------
    thing : object
        The object to show.
    display_id : str
        The id of the output; saved notebooks do not have it.
    is_first : bool
        Whether the output is new.
    """

    thing: SignInCard | Card
    display_id: str
    is_first: bool

    def _ipython_display_(self) -> None:
        display(self.thing, display_id=self.display_id, update=not self.is_first)


def storage_of(alias: str) -> FileStorage:
    """Return the storage of a connection's tokens: one per name, so that one server can have two accounts.

    Raises
    ------
    LinkError
        The directory cannot be made.
    """
    from jupyter_core.paths import jupyter_data_dir

    name = hashlib.sha256(alias.encode()).hexdigest()[:16]
    directory = Path(jupyter_data_dir()) / "mcp_jupyter" / "sign-ins" / name
    try:
        make_private_directory(directory)
    except OSError as exc:
        raise LinkError(f"The directory {directory} cannot be made: {exc.strerror}.") from None
    return FileStorage(directory)


class CellSignIn:
    """Sign-in of the user to a server, from a cell.

    Parameters
    ----------
    show : callable
        Displays an object in the cell. Called on the background loop's thread, twice per sign-in: with the
        link, and with its replacement.
    server_url : str
        The server's URL.
    alias : str
        The name of the connection in the notebook.
    storage : Storage, optional
        Where tokens are kept; `storage_of(alias)` when None.
    callback_url : str, optional
        The redirect URI: where browsers reach the callback of a Jupyter Server on this kernel's machine. By
        default that of the server that started the kernel; without such a server, a loopback port.
    runtime_dir : Path, optional
        Jupyter's by default.
    **known : Any
        Arguments of `OAuth`, if the client or the server is known beforehand: client_id, client_secret,
        issuer, scopes.

    Attributes
    ----------
    auth : httpx2.Auth
        For `Client(auth=...)`.

    Raises
    ------
    ConfigError
        The callback URL is not valid.
    LinkError
        The directory of the tokens cannot be made.
    ValueError
        The `known` arguments do not fit together.
    """

    auth: httpx2.Auth

    def __init__(
        self,
        show: Callable[[object], None],
        server_url: str,
        *,
        alias: str = "",
        storage: Storage | None = None,
        callback_url: str | None = None,
        runtime_dir: Path | None = None,
        **known: Any,
    ) -> None:
        runtime_dir = runtime_dir or default_runtime_dir()
        if callback_url is None:
            callback_url = announced(runtime_dir)
        elif not is_callback_url(callback_url):
            raise ConfigError(
                "The callback must be the http(s) URL at which browsers reach your Jupyter Server, with "
                f"/{CALLBACK_PATH} at its end."
            )
        storage = storage or storage_of(alias)
        self.auth = _CellOAuth(show, server_url, callback_url, runtime_dir, storage=storage, **known)


class _CellOAuth(OAuth):
    """Shows the link in the cell, and then the outcome."""

    def __init__(
        self,
        show: Callable[[object], None],
        server_url: str,
        callback_url: str | None,
        runtime_dir: Path,
        **options: Any,
    ) -> None:
        if callback_url is not None:
            options |= {
                "callback_handler": self._answer,
                "client_metadata": {
                    "redirect_uris": [callback_url],
                    "application_type": _application_type(callback_url),
                },
            }
        super().__init__(server_url, redirect_handler=self._ask, sign_in_seconds=SIGN_IN_SECONDS, **options)
        self._display = show
        self._through_jupyter = callback_url is not None
        self._runtime_dir = runtime_dir
        # Set during a sign-in, once its link is shown:
        self._state = self._host = self._display_id = ""

    async def obtain(self, goal: Goal) -> Tokens:
        outcome = "The sign-in at {} did not succeed."
        try:
            tokens = await super().obtain(goal)
            outcome = "Signed in at {}."
        finally:
            self._end(outcome)
        return tokens

    def _end(self, outcome: str) -> None:
        """Stop waiting, and replace the link, if it was shown, by the outcome."""
        if self._state:
            SIGN_INS.forget(self._state, self._runtime_dir)
        if self._host:
            self._display(
                UpdatableDisplay(Card(outcome.format(self._host)), self._display_id, is_first=False)
            )
        self._state = self._host = ""

    async def _ask(self, url: str) -> None:
        """Show the link, after registering for the answer so that it cannot come too early."""
        card = SignInCard(str(httpx2.URL(url)), self._through_jupyter)
        if self._through_jupyter:
            self._state = parse_qs(urlsplit(url).query)["state"][-1]  # the last one is ours
            await self._at_link(lambda: SIGN_INS.ask(self._state, SIGN_IN_SECONDS, self._runtime_dir))
        self._host, self._display_id = card.host, secrets.token_hex(16)
        self._display(UpdatableDisplay(card, self._display_id, is_first=True))

    async def _answer(self) -> AuthorizationResponse:
        """Return the answer that the browser brought to the Jupyter Server; `OAuth` bounds the wait."""

        def look() -> str | None:
            answer = SIGN_INS.collect(self._state, self._runtime_dir)
            return None if answer is None else answer.decode("ascii", "replace")

        # Polling is the only way: the two processes share nothing but a directory.
        while (query := await self._at_link(look)) is None:  # noqa: ASYNC110
            await anyio.sleep(POLL_SECONDS)
        return AuthorizationResponse.from_url(f"?{query}")

    async def _at_link(self, function: Callable[[], T]) -> T:
        try:
            return await anyio.to_thread.run_sync(function)
        except LinkError as exc:
            raise AuthorizationFailed(str(exc)) from None


def _host(url: str) -> str:
    return httpx2.URL(url).raw_host.decode("ascii")


def _application_type(callback_url: str) -> str:
    """Return the application type of a client with this redirect URI (OIDC Registration 1.0, section 2)."""
    return "native" if is_loopback(urlsplit(callback_url).hostname or "") else "web"
