# SPDX-License-Identifier: BSD-3-Clause
"""What the command line must know of the Jupyter Server it works for: its user, and what is configured."""

from __future__ import annotations

import getpass
import os

from ..errors import McpJupyterError

__all__ = ["server_user", "token_days"]


def server_user() -> str:
    """The user whom a site's Authorizer knows: under JupyterHub its user, for the images' is everybody's."""
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without an entry in passwd
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def token_days() -> float:
    """How many days a token is good by `McpJupyterApp.token_days`, as configuration files set it.

    Raises
    ------
    McpJupyterError
        The value is not one.
    """
    from jupyter_core.application import JupyterApp

    from ..extension.tokens import DEFAULT_DAYS, MAX_DAYS

    days = float(DEFAULT_DAYS)
    # In the server's order: what is set for the whole server counts more than the extension's own file.
    for name in ("jupyter_mcp_jupyter_config", "jupyter_server_config"):
        app = JupyterApp(config_file_name=name)
        app.load_config_file()
        days = app.config.get("McpJupyterApp", {}).get("token_days", days)
    if type(days) not in (int, float) or not 0 < days <= MAX_DAYS:
        raise McpJupyterError(
            f"McpJupyterApp.token_days is {days!r} in Jupyter's configuration; it must be more than 0 and at "
            f"most {MAX_DAYS}. Mend it, or give --days."
        )
    return days
