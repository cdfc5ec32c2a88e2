# SPDX-License-Identifier: BSD-3-Clause
"""The private and undocumented names of jupyter_server, and of its tornado, that this package uses.

No other file uses one of these names. `tests/test_private_names.py` sees to that, and has a canary for each
name: it says which name a new version lacks. jupyter_server has an upper bound in pyproject.toml.
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
    """An extension with a hook for when the server's loop runs: `initialize` comes before that."""

    async def started(self) -> None:
        """Start what needs the loop."""

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        await self.started()


class LoggedHandler(RequestHandler):
    """A handler with a hook before its request is logged: `on_finish` comes after."""

    def before_log(self) -> None:
        """Change what the log will say of the request."""

    def _log(self) -> None:
        self.before_log()
        super()._log()


def scrub_from_logs(settings: dict[str, Any], names: Iterable[str]) -> None:
    """Have Jupyter's log leave out the values of these query parameters too, by a setting of its own."""
    scrubbed = settings.get("extra_log_scrub_param_keys", [])
    settings["extra_log_scrub_param_keys"] = [*scrubbed, *names]


def allows_remote_access(settings: dict[str, Any]) -> bool:
    """Whether requests may name any host: the rule that `JupyterHandler.check_host` begins with."""
    return bool(settings.get("allow_remote_access", False))


def is_local_host(settings: dict[str, Any], name: str) -> bool:
    """Whether a host name, not an address, is this machine's: the rest of the rule of `check_host`."""
    path = urldecode_unix_socket_path(name)
    is_socket = path.startswith("/") and os.path.exists(path)
    return is_socket or name in settings.get("local_hostnames", ["localhost"])
