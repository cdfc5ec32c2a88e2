# SPDX-License-Identifier: BSD-3-Clause
"""The extension as Jupyter Server loads it: its settings, wiring and shutdown.

Administrators set what is configurable here. The extension stops everything that it starts.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import cached_property
from typing import Final, get_args
from urllib.parse import urlsplit

import anyio
from traitlets import Bool, Enum, Float, List, TraitError, Unicode, validate
from traitlets.utils.bunch import Bunch

from ..errors import LinkError
from ..ipc.discovery import Discovery
from ..ipc.files import default_runtime_dir
from ..ipc.rendezvous import CALLBACK_PATH, announce, callback_under, is_callback_url, withdraw
from ..protocol.origins import OriginRule, loopback
from ..protocol.rights import Floor
from ..server.http.base_handler import HttpFront
from .events import register
from .handlers import routes
from .manager import NotebookManager
from .metrics import Gauges, observe
from .observers import Observers
from .private import StartedApp, scrub_from_logs
from .renames import RenameFollower
from .token_auth import TokenAuthenticator
from .tokens import DEFAULT_DAYS, MAX_DAYS, TokenStore

__all__ = ["McpJupyterApp"]

_package_log = logging.getLogger("mcp_jupyter")

LAST_ANSWERS_SECONDS: Final = 2.0
"""Seconds in which clients may be told that the server stops."""

_WILDCARDS: Final = ("", "*", "0.0.0.0", "::")  # noqa: S104 - compared, not bound


def _is_origin(text: str) -> bool:
    """Return whether a text may stand in an `Origin` header; the address of a Unix socket may not."""
    try:
        OriginRule([text])
    except ValueError:
        return False
    return True


class McpJupyterApp(StartedApp):
    """MCP clients reach live notebooks through this Jupyter Server."""

    name = "mcp_jupyter"

    allowed_origins = List(
        Unicode(),
        help="""
        Origins, besides this server's own, that requests of MCP clients may come from: scheme://host[:port],
        compared exactly. ServerApp.allow_origin has no meaning for MCP clients.
        """,
    ).tag(config=True)

    accept_jupyter_token = Bool(
        False,
        help="""
        Let MCP clients come in with the Jupyter token. Not recommended: it means running any code on this
        server, and cannot be taken back from one client alone.
        """,
    ).tag(config=True)

    token_days = Float(
        float(DEFAULT_DAYS),
        help="How many days a token for MCP clients is good when its maker does not say.",
    ).tag(config=True)

    approve = Enum(
        get_args(Floor),
        "marked",
        help="""
        For which tools a notebook's user is asked before each call, whatever the notebook says: "marked" for
        tools that their author marked as destructive or open-world, "writing" for all that are not marked as
        read-only, "all" for all. A notebook can ask for more, not for less.
        """,
    ).tag(config=True)

    audit_arguments = Bool(
        False,
        help="""
        Whether the events of calls (https://schema.jupyter.org/mcp_jupyter/call/v1) have the redacted
        arguments, and not only their SHA-256.
        """,
    ).tag(config=True)

    callback_url = Unicode(
        help="""
        Where browsers reach this server's mcp-jupyter/api/oauth/callback, at which the sign-in of a notebook
        ends (`%mcp_connect --oauth`). To be set behind a proxy or hub whose public address this server does
        not know: https://hub.example.com/user/ann/mcp-jupyter/api/oauth/callback
        """,
    ).tag(config=True)

    @validate("callback_url")
    def _only_callback_url(self, proposal: Bunch) -> str:
        if proposal.value and not is_callback_url(proposal.value):
            raise TraitError(
                f"McpJupyterApp.callback_url must be an http(s) URL that ends with /{CALLBACK_PATH}."
            )
        return str(proposal.value)

    @validate("allowed_origins")
    def _only_origins(self, proposal: Bunch) -> list[str]:
        try:
            OriginRule(proposal.value)
        except ValueError as exc:
            raise TraitError(f"McpJupyterApp.allowed_origins: {exc}") from None
        return list(proposal.value)

    @validate("token_days")
    def _some_days(self, proposal: Bunch) -> float:
        if not 0 < proposal.value <= MAX_DAYS:
            raise TraitError(f"McpJupyterApp.token_days must be more than 0 and at most {MAX_DAYS}.")
        return float(proposal.value)

    notebooks: NotebookManager | None = None  # until it is initialized
    _renames: RenameFollower | None = None  # until the server listens
    _log_parent: logging.Logger | None = None

    # -- facts that depend on where the server listens, known once requests come -------------------

    @cached_property
    def url(self) -> str:
        """The base URL as clients know it, ending in a slash, without a credential."""
        assert self.serverapp is not None
        own, shown = urlsplit(self.serverapp.connection_url), urlsplit(self.serverapp.custom_display_url)
        url = own._replace(
            scheme=shown.scheme or own.scheme, netloc=shown.netloc or own.netloc, path=shown.path or own.path
        )
        return url.geturl().rstrip("/") + "/"

    @cached_property
    def audience(self) -> str:
        """What binds a token to this server: its URL, or the user's path under JupyterHub (ports change)."""
        return os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or self.url

    @cached_property
    def origins(self) -> OriginRule:
        """The origins of this server and the configured ones."""
        assert self.serverapp is not None
        own, shown = urlsplit(self.serverapp.connection_url), urlsplit(self.url)
        hosts = {url.netloc.rpartition("@")[2] for url in (own, shown)}
        if self.serverapp.ip in (*_WILDCARDS, "localhost", "127.0.0.1", "::1"):
            hosts.update(loopback(self.serverapp.port))
        candidates = [f"{scheme}://{host}" for scheme in (own.scheme, shown.scheme) for host in hosts]
        return OriginRule([*filter(_is_origin, candidates), *self.allowed_origins])

    @cached_property
    def callback(self) -> str | None:
        """The redirect URI of sign-ins; None under a JupyterHub without a public address."""
        assert self.serverapp is not None
        if self.callback_url:
            return self.callback_url
        if not os.environ.get("JUPYTERHUB_SERVICE_PREFIX"):
            url = callback_under(self.url)
        else:
            hub = urlsplit(os.environ.get("JUPYTERHUB_PUBLIC_URL", ""))
            url = callback_under(f"{hub.scheme}://{hub.netloc}{self.serverapp.base_url}")
        return url if is_callback_url(url) else None  # e.g. when the server listens on a Unix socket

    # -- wiring ----------------------------------------------------------------------------------

    def initialize_settings(self) -> None:
        """Make the objects that the handlers share."""
        assert self.serverapp is not None
        kernels = self.serverapp.kernel_manager
        self.store = TokenStore()
        discovery, events = Discovery(), self.serverapp.event_logger
        assert events is not None
        self.notebooks = notebooks = NotebookManager(self.store, discovery, kernels.__contains__)
        self.emit = register(events)
        self.observers = Observers(
            discovery, self.emit, lambda: bool(events.handlers), with_arguments=self.audit_arguments
        )
        authenticator = TokenAuthenticator(
            self.store,
            origins=lambda: self.origins,
            audience=lambda: self.audience,
            admitted=notebooks.admitted,
            accept_jupyter_token=self.accept_jupyter_token,
        )
        self.front = HttpFront(authenticator, observe=observe)
        self.gauges = Gauges(notebooks)
        # The log messages of this package go to the server's own log.
        self._log_parent, _package_log.parent = _package_log.parent, self.serverapp.log
        # Jupyter leaves all of these out by default; this keeps them out if that default changes.
        scrub_from_logs(self.settings, ["session_key", "code", "state"])

    def initialize_handlers(self) -> None:
        """Add the routes for MCP clients and for the user."""
        assert self.serverapp is not None
        root = self.serverapp.root_dir
        human = {
            "notebooks": self.notebooks,
            "store": self.store,
            "origins": lambda: self.origins,
            "url": lambda: self.url,
            "audience": lambda: self.audience,
            "default_days": self.token_days,
            "root": os.path.realpath(root),
            "observers": self.observers,
            "emit": self.emit,
        }
        machine = {"front": self.front, "notebooks": self.notebooks}
        self.handlers.extend(routes(machine, human))

    async def started(self) -> None:
        """Start following renamed notebooks, and tell kernels where browsers reach this server."""
        assert self.serverapp is not None
        self._renames = RenameFollower(self.serverapp, self.store, default_runtime_dir())
        self._renames.start()
        self.observers.start()
        self.gauges.start()
        try:
            announce(self.callback or "", default_runtime_dir(), self.approve)
        except LinkError as exc:
            self.log.warning("Notebooks do not find this server, to sign in or to ask its user: %s", exc)

    async def stop_extension(self) -> None:
        """End every session, stream, link and task."""
        withdraw(default_runtime_dir())
        if self._renames is not None:
            await self._renames.stop()
        if self.notebooks is None:
            return
        with suppress(KeyError):  # it never listened
            self.gauges.stop()
        await self.observers.stop()
        await self.notebooks.close()
        _package_log.parent = self._log_parent
        with anyio.move_on_after(LAST_ANSWERS_SECONDS):
            await self.front.idle()
