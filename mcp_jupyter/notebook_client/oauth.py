# SPDX-License-Identifier: BSD-3-Clause
"""Signing in from a cell: the link a person follows, and the way on which the answer comes back.

Owns what the cell shows, which redirect URI is used, and where the tokens of a connection are kept. Knows no
OAuth: that is `client.auth`'s. Not imported unless somebody signs in, for it brings an OAuth library.

**Two ways back.** Where the Jupyter Server that started this kernel has our extension, the browser brings the
answer there (`ipc.rendezvous`), be it on another machine than the kernel. Elsewhere (a console, VS Code) a
port on the loopback waits for it, and the browser has to be on the kernel's machine. What the user gives
(`--callback URL`) comes before both: the public address of a Jupyter Server behind a proxy.

**What an output holds.** The link is in the HTML and, where a front end may show nothing but text (no Jupyter
Server), in the text. It has a `state`, which is of no use once the sign-in is over; then the card in its
place names the host, and nothing else.

Everything here runs on the background loop, but for the making of a `CellSignIn`.
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
from ..ipc.rendezvous import CALLBACK_PATH, announced, collect, expect, forget, is_callback_url

__all__ = ["CellSignIn", "InPlace", "SignInCard", "storage_of"]

T = TypeVar("T")

SIGN_IN_SECONDS: Final = 285.0
"""For a person to sign in: less than the five minutes of the request that waits, whose message says less."""

POLL_SECONDS: Final = 0.25
"""How often the answer is looked for: a person does not notice, and a look takes microseconds."""


@dataclass(frozen=True, slots=True)
class SignInCard:
    """The link to sign in at, and in clear the host it leads to.

    Attributes
    ----------
    url : str
        Where it leads, in ASCII: what looks like another host's name does not.
    through_jupyter : bool
        Whether the answer comes through the Jupyter Server; otherwise to the kernel's own machine.
    """

    url: str
    through_jupyter: bool

    @property
    def host(self) -> str:
        """The authorization server's name, as the network knows it."""
        return _host(self.url)

    @property
    def note(self) -> str:
        """What the person should know before they follow it."""
        if self.through_jupyter:
            return f"The cell goes on when you are back. It waits {SIGN_IN_SECONDS / 60:.0f} minutes."
        return (
            "Follow it in a browser on the machine this kernel runs on, or, where a Jupyter Server has the "
            f"mcp_jupyter extension, give its address: --callback https://.../{CALLBACK_PATH}"
        )

    def __repr__(self) -> str:
        """Without the link where it is in the HTML: a notebook keeps its text longer than a sign-in lasts."""
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
class InPlace:
    """Something that `display` puts in the place of what the same sign-in showed before.

    Attributes
    ----------
    thing : object
        What is seen.
    display_id : str
        The place; it is in no saved notebook.
    is_first : bool
        Whether there is nothing yet.
    """

    thing: SignInCard | Card
    display_id: str
    is_first: bool

    def _ipython_display_(self) -> None:
        display(self.thing, display_id=self.display_id, update=not self.is_first)


def storage_of(alias: str) -> FileStorage:
    """Where the tokens of a connection are kept: under its name, so that two may be two accounts of a server.

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
    """Signs a person in to a server, from a cell.

    Parameters
    ----------
    show : callable
        Has an object displayed in the cell. Called on the background loop's thread, twice a sign-in: with the
        link, and with what comes in its place.
    server_url : str
        The server's.
    alias : str
        What the connection is called here.
    storage : Storage, optional
        Where tokens are kept; `storage_of(alias)` when None.
    callback_url : str, optional
        The redirect URI: where browsers reach the callback of a Jupyter Server on this kernel's machine. When
        None, that of the server that started the kernel; where there is none, a port on the loopback.
    runtime_dir : Path, optional
        Jupyter's by default.
    **known : Any
        Of `OAuth`, where the client or the server is known beforehand: client_id, client_secret, issuer,
        scopes.

    Attributes
    ----------
    auth : httpx2.Auth
        For `Client(auth=...)`.

    Raises
    ------
    ConfigError
        The callback URL cannot be one.
    LinkError
        There is no place for the tokens.
    ValueError
        What is known beforehand does not go together.
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
    """Asks the person in the cell, and says there how it ended."""

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
        # Of the sign-in under way, once its link is shown:
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
        """Wait no longer, and put how it ended in the place of the link, if there was one."""
        if self._state:
            forget(self._state, self._runtime_dir)
        if self._host:
            self._display(InPlace(Card(outcome.format(self._host)), self._display_id, is_first=False))
        self._state = self._host = ""

    async def _ask(self, url: str) -> None:
        """Show the link; the answer is waited for before it can come."""
        card = SignInCard(str(httpx2.URL(url)), self._through_jupyter)
        if self._through_jupyter:
            self._state = parse_qs(urlsplit(url).query)["state"][-1]  # ours is the last, whatever came before
            await self._at_link(lambda: expect(self._state, SIGN_IN_SECONDS, self._runtime_dir))
        self._host, self._display_id = card.host, secrets.token_hex(16)
        self._display(InPlace(card, self._display_id, is_first=True))

    async def _answer(self) -> AuthorizationResponse:
        """What the browser brought to the Jupyter Server; `OAuth` bounds the wait."""

        def look() -> str | None:
            return collect(self._state, self._runtime_dir)

        # There is nothing to be woken by: the two processes share a directory, and nothing else.
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
    """What a client with this redirect URI registers as (OpenID Connect Registration 1.0, section 2)."""
    return "native" if is_loopback(urlsplit(callback_url).hostname or "") else "web"
