# SPDX-License-Identifier: BSD-3-Clause
"""Where hosts keep their files on each platform. Looks for a file only where a host has two names for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["for_applications", "for_programs", "in_home", "jupyter", "opencode"]


def in_home(*parts: str, variable: str = "", below: tuple[str, ...] = ()) -> Callable[[], Path]:
    """A place in the home directory; where the host's own variable is set, `below` what that names."""

    def locate() -> Path:
        named = os.environ.get(variable) if variable else None
        return Path(os.path.abspath(named)).joinpath(*below) if named else Path.home().joinpath(*parts)

    return locate


def for_applications(*parts: str) -> Callable[[], Path]:
    """Where desktop applications keep what is configured."""

    def locate() -> Path:
        if sys.platform == "darwin":
            return Path.home().joinpath("Library", "Application Support", *parts)
        return for_programs(*parts, windows=parts)()

    return locate


def for_programs(*parts: str, windows: tuple[str, ...]) -> Callable[[], Path]:
    """Where programs of the terminal keep what is configured: XDG's place on macOS too."""

    def locate() -> Path:
        if sys.platform == "win32":
            return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming").joinpath(*windows)
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").joinpath(*parts)

    return locate


def opencode() -> Path:
    """Its one folder on every platform; it reads both names, and its own command writes the second."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "opencode"
    commented = folder / "opencode.jsonc"
    return commented if commented.is_file() else folder / "opencode.json"


def jupyter() -> Path:
    """Jupyter AI reads a `.jupyter` folder above the chat; the user's own is Jupyter's configuration."""
    return in_home(
        ".jupyter", "mcp_settings.json", variable="JUPYTER_CONFIG_DIR", below=("mcp_settings.json",)
    )()
