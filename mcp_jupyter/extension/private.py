# SPDX-License-Identifier: BSD-3-Clause
"""The private and undocumented names of jupyter_server, and of its tornado, that this package uses.

No other file uses these names. `tests/test_private_names.py` checks that, and has a canary test per name that
fails when a new version lacks it. jupyter_server has an upper bound in pyproject.toml.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import urldecode_unix_socket_path
from tornado.web import RequestHandler

__all__ = ["LoggedHandler", "StartedApp", "allows_remote_access", "is_local_host", "scrub_from_logs"]


class StartedApp(ExtensionApp):
    """An extension with a hook that runs on the server's loop; `initialize` runs before the loop does."""

    async def started(self) -> None:
        """Start what needs the loop."""

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        await self.started()


class LoggedHandler(RequestHandler):
    """A handler with a hook before its request is logged; `on_finish` comes too late."""

    def before_log(self) -> None:
        """Change what the log will show of the request."""

    def _log(self) -> None:
        self.before_log()
        super()._log()


def scrub_from_logs(settings: dict[str, Any], names: Iterable[str]) -> None:
    """Make Jupyter's log omit the values of these query parameters too, through its own setting."""
    scrubbed = settings.get("extra_log_scrub_param_keys", [])
    settings["extra_log_scrub_param_keys"] = [*scrubbed, *names]


def allows_remote_access(settings: dict[str, Any]) -> bool:
    """Return whether requests may name any host: the first rule of `JupyterHandler.check_host`."""
    return bool(settings.get("allow_remote_access", False))


def is_local_host(settings: dict[str, Any], name: str) -> bool:
    """Return whether a host name (not an address) is this machine's: the other rule of `check_host`."""
    path = urldecode_unix_socket_path(name)
    is_socket = path.startswith("/") and os.path.exists(path)
    return is_socket or name in settings.get("local_hostnames", ["localhost"])
