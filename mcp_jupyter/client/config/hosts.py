# SPDX-License-Identifier: BSD-3-Clause
"""The table of hosts: where each keeps its MCP servers, how it writes an entry, and its own command or link.

The rows follow each host's documentation of November 2026; those marked * were tried with the real program.
Reading (`host_entries`) and writing (`jupyter mcp install`) use the same row. This module opens no file.

| host | the user's file | for a project |
|---|---|---|
| Claude Desktop | `claude_desktop_config.json` where applications are configured | |
| Claude Code* | `~/.claude.json`, which has entries for single folders too | `.mcp.json` |
| Cursor | `~/.cursor/mcp.json` | `.cursor/mcp.json` |
| VS Code | `Code/User/mcp.json` where applications are configured | `.vscode/mcp.json` |
| Codex* | `~/.codex/config.toml` | `.codex/config.toml` |
| Gemini CLI* | `~/.gemini/settings.json` | `.gemini/settings.json` |
| Qwen Code* | `~/.qwen/settings.json` | `.qwen/settings.json` |
| Copilot CLI* | `~/.copilot/mcp-config.json` | `.mcp.json` |
| opencode* | `~/.config/opencode/opencode.json` or `.jsonc` | `opencode.json` |
| Windsurf | `~/.codeium/windsurf/mcp_config.json` | |
| Cline* | `~/.cline/data/settings/cline_mcp_settings.json` | |
| Continue* | `~/.continue/config.yaml` | |
| Zed | `~/.config/zed/settings.json` | `.zed/settings.json` |
| Goose | `~/.config/goose/config.yaml` | |
| LM Studio | `~/.lmstudio/mcp.json` | |
| Jupyter AI | `mcp_settings.json` in Jupyter's configuration directory | `.jupyter/mcp_settings.json` |

The nearest file takes precedence: the folder's own, then those of the folders above it up to the root of its
repository, then the user's. Hosts do the same, but start at the one folder in which the user opened them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..._util.names import MAX_NAME_CHARS
from ..._util.text import safe_line
from ...errors import ConfigError
from .add_commands import AddCommand
from .file_formats import EntryShape

if TYPE_CHECKING:
    from .file_formats import FileFormat

__all__ = [
    "HOSTS",
    "Host",
    "files_of",
    "folders",
    "for_applications",
    "for_programs",
    "host_of",
    "in_home",
    "jupyter",
    "opencode",
]


# -- host places ---------------------------------------------------------------------------------
#
# Where hosts keep their files on each platform. Only `opencode`, whose file has two names, checks the disk.


def in_home(*parts: str, variable: str = "", below: tuple[str, ...] = ()) -> Callable[[], Path]:
    """Return a function that locates a file in the home directory.

    Parameters
    ----------
    *parts : str
        The path from the home directory.
    variable : str
        The host's environment variable that replaces the directory, if it has one.
    below : tuple of str
        The path from the directory that the variable names.
    """

    def locate() -> Path:
        named = os.environ.get(variable) if variable else None
        return Path(os.path.abspath(named)).joinpath(*below) if named else Path.home().joinpath(*parts)

    return locate


def for_applications(*parts: str) -> Callable[[], Path]:
    """Return a function that locates a file where desktop applications keep their configuration."""

    def locate() -> Path:
        if sys.platform == "darwin":
            return Path.home().joinpath("Library", "Application Support", *parts)
        return for_programs(*parts, windows=parts)()

    return locate


def for_programs(*parts: str, windows: tuple[str, ...]) -> Callable[[], Path]:
    """Return a function that locates a terminal program's configuration: on macOS too, XDG's directory."""

    def locate() -> Path:
        if sys.platform == "win32":
            return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming").joinpath(*windows)
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config").joinpath(*parts)

    return locate


def opencode() -> Path:
    """Return opencode's file: the same folder on every platform, and `.jsonc` where that file exists.

    opencode reads both names, and its own command writes `opencode.jsonc`.
    """
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "opencode"
    commented = folder / "opencode.jsonc"
    return commented if commented.is_file() else folder / "opencode.json"


def jupyter() -> Path:
    """Return the user's file of Jupyter AI, in Jupyter's configuration directory.

    For projects, Jupyter AI reads a `.jupyter` folder above the chat.
    """
    return in_home(
        ".jupyter", "mcp_settings.json", variable="JUPYTER_CONFIG_DIR", below=("mcp_settings.json",)
    )()


# -- hosts ---------------------------------------------------------------------------------------

MAX_FOLDERS: Final = 32
"""Folders to search upwards for the root of a repository; deeper ones are not expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A program that connects to MCP servers.

    Attributes
    ----------
    key : str
        Its name on the command line.
    title : str
        Its name in messages.
    member : str
        The member of the file that holds the entries.
    locate : callable
        Returns the path of the user's own file on this platform.
    next_step : str
        What the user must do so that the host reads a new entry.
    file_format : FileFormat
        The format of its files.
    listed : bool
        The entries are a list of objects that contain their names, instead of an object by name.
    shape : EntryShape
        How one entry is written.
    project_file : str or None
        The path of a project's file, relative to the project's folder.
    by_folder : bool
        The user's own file has entries for single folders too.
    not_in_names : str
        A pattern for characters that a name must not contain; each match becomes "-".
    in_lower_case : bool
        Names must be in lower case.
    new_file : mapping
        The members that a new file needs besides the entries.
    client : str
        The `name` in `clientInfo`, where it is known.
    add : AddCommand or None
        The host's own command that adds a server.
    pasted : bool
        `jupyter mcp connect` shows what to paste into its file, because the host has no such command.
    link : str or None
        The template of a URL that adds a program when a browser opens it (see `add_commands.link_of`).
    """

    key: str
    title: str
    member: str
    locate: Callable[[], Path]
    next_step: str
    file_format: FileFormat = "json"
    listed: bool = False
    shape: EntryShape = field(default_factory=EntryShape)
    project_file: str | None = None
    by_folder: bool = False
    not_in_names: str = r"(?!)"
    in_lower_case: bool = False
    new_file: Mapping[str, Any] = field(default_factory=dict)
    client: str = ""
    add: AddCommand | None = None
    pasted: bool = False
    link: str | None = None

    @property
    def opens_urls(self) -> bool:
        """Whether an entry may have a URL and headers."""
        return self.shape.with_url is not None

    def name(self, wanted: str) -> str:
        """Return `wanted` as a name that this host accepts.

        Raises
        ------
        ValueError
            No characters are left, or the name is too long or not printable.
        """
        name = wanted.strip().lower() if self.in_lower_case else wanted.strip()
        replaced = re.sub(self.not_in_names, "-", name)
        name = replaced if replaced == name else replaced.strip("-")
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise ValueError(f"a name has 1 to {MAX_NAME_CHARS} printable characters")
        return name


# -- the table -------------------------------------------------------------------------------------

_WORDS_ONLY: Final = r"[^A-Za-z0-9_-]+"

_GOOSE: Final = {"enabled": True, "timeout": 300, "description": "Served by mcp_jupyter"}

_GOOGLE: Final = EntryShape(urls=("httpUrl", "url"))

HOSTS: Final = {
    host.key: host
    for host in (
        Host(
            key="claude-desktop",
            title="Claude Desktop",
            member="mcpServers",
            locate=for_applications("Claude", "claude_desktop_config.json"),
            next_step="Restart Claude Desktop.",
            shape=EntryShape(with_url=None),
            client="claude-ai",
            pasted=True,
        ),
        Host(
            key="claude-code",
            title="Claude Code",
            member="mcpServers",
            locate=in_home(".claude.json", variable="CLAUDE_CONFIG_DIR", below=(".claude.json",)),
            next_step="Start a new session of Claude Code.",
            shape=EntryShape(with_command={"type": "stdio"}, with_url={"type": "http"}),
            project_file=".mcp.json",
            by_folder=True,
            not_in_names=_WORDS_ONLY,
            client="claude-code",
            add=AddCommand(
                "claude mcp add {name} {env} -- {command}",
                "claude mcp add --transport {transport} {name} {url} {headers}",
            ),
        ),
        Host(
            key="cursor",
            title="Cursor",
            member="mcpServers",
            locate=in_home(".cursor", "mcp.json"),
            next_step="Switch it on in Cursor's settings, under MCP.",
            project_file=".cursor/mcp.json",
            pasted=True,
            link="cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={base64}",
        ),
        Host(
            key="vscode",
            title="VS Code",
            member="servers",
            locate=for_applications("Code", "User", "mcp.json"),
            next_step="Start it with `MCP: List Servers` in VS Code.",
            file_format="jsonc",
            shape=EntryShape(with_command={"type": "stdio"}, with_url={"type": "http"}),
            project_file=".vscode/mcp.json",
            add=AddCommand("code --add-mcp {json}", "code --add-mcp {json}"),
            link="vscode:mcp/install?{json}",
        ),
        Host(
            key="codex",
            title="Codex",
            member="mcp_servers",
            locate=in_home(".codex", "config.toml", variable="CODEX_HOME", below=("config.toml",)),
            next_step="Start a new session of Codex.",
            file_format="toml",
            # Without `required`, the first turn lacks our tools. The kernel of `run` may start slowly.
            shape=EntryShape(
                headers=("http_headers",),
                with_command={"required": True, "startup_timeout_sec": 60},
                with_url={"required": True, "startup_timeout_sec": 60},
                token_variable="bearer_token_env_var",  # noqa: S106 - the name of a member
                header_variables="env_http_headers",
            ),
            project_file=".codex/config.toml",
            not_in_names=_WORDS_ONLY,
            client="codex-mcp-client",
            add=AddCommand("codex mcp add {env} {name} -- {command}"),
        ),
        Host(
            key="gemini",
            title="Gemini CLI",
            member="mcpServers",
            locate=in_home(
                *(".gemini", "settings.json"),
                variable="GEMINI_CLI_HOME",
                below=(".gemini", "settings.json"),
            ),
            next_step="Start Gemini CLI anew.",
            file_format="jsonc",
            shape=_GOOGLE,
            project_file=".gemini/settings.json",
            not_in_names=r"[^A-Za-z0-9-]+",  # in a tool's name, an underscore ends the server's name
            client="gemini-cli-mcp-client",
            add=AddCommand(
                "gemini mcp add -s user {env} {name} {command}",
                "gemini mcp add -s user -t {transport} {headers} {name} {url}",
            ),
        ),
        Host(
            key="qwen",
            title="Qwen Code",
            member="mcpServers",
            locate=in_home(".qwen", "settings.json", variable="QWEN_HOME", below=("settings.json",)),
            next_step="Start Qwen Code anew.",
            file_format="jsonc",
            shape=_GOOGLE,
            project_file=".qwen/settings.json",
            not_in_names=_WORDS_ONLY,
            client="qwen-cli-mcp-client",
            add=AddCommand(
                "qwen mcp add -s user {env} {name} {command}",
                "qwen mcp add -s user -t {transport} {headers} {name} {url}",
            ),
        ),
        Host(
            key="copilot",
            title="Copilot CLI",
            member="mcpServers",
            locate=in_home(
                ".copilot", "mcp-config.json", variable="COPILOT_HOME", below=("mcp-config.json",)
            ),
            next_step="Start a new session of Copilot CLI.",
            shape=EntryShape(
                with_command={"type": "local", "tools": ["*"]}, with_url={"type": "http", "tools": ["*"]}
            ),
            project_file=".mcp.json",
            not_in_names=_WORDS_ONLY,
            client="copilot-cli",
            add=AddCommand(
                "copilot mcp add {env} {name} -- {command}",
                "copilot mcp add --transport {transport} {headers} {name} {url}",
            ),
        ),
        Host(
            key="opencode",
            title="opencode",
            member="mcp",
            locate=opencode,
            next_step="Start opencode anew.",
            file_format="jsonc",
            shape=EntryShape(
                args="command",
                env="environment",
                with_command={"type": "local", "enabled": True, "timeout": 60_000},
                with_url={"type": "remote", "oauth": False, "enabled": True, "timeout": 60_000},
                reference=r"\{env:([^{}]*)\}",
            ),
            project_file="opencode.json",
            not_in_names=_WORDS_ONLY,
            client="opencode",
            add=AddCommand(
                "opencode mcp add {name} {env} -- {command}",
                "opencode mcp add {name} --url {url} {headers}",
                header=("--header", "{key}={value}"),
            ),
        ),
        Host(
            key="windsurf",
            title="Windsurf",
            member="mcpServers",
            locate=in_home(".codeium", "windsurf", "mcp_config.json"),
            next_step="Press the refresh button of MCP servers in Windsurf.",
            shape=EntryShape(urls=("serverUrl", "url")),
        ),
        Host(
            key="cline",
            title="Cline",
            member="mcpServers",
            locate=in_home(
                *(".cline", "data", "settings", "cline_mcp_settings.json"), variable="CLINE_MCP_SETTINGS_PATH"
            ),
            next_step="Start a new task of Cline.",
            shape=EntryShape(with_url={"type": "streamableHttp"}, inner="transport"),
            not_in_names=_WORDS_ONLY,
            client="@cline/core",
        ),
        Host(
            key="continue",
            title="Continue",
            member="mcpServers",
            locate=in_home(
                ".continue", "config.yaml", variable="CONTINUE_GLOBAL_DIR", below=("config.yaml",)
            ),
            next_step="Start a new session of Continue.",
            file_format="yaml",
            listed=True,
            shape=EntryShape(
                named=True,
                headers=("requestOptions", "headers"),
                with_command={"connectionTimeout": 60_000},
                with_url={"type": "streamable-http"},
            ),
            new_file={"name": "Main Config", "version": "1.0.0", "schema": "v1"},
            client="continue-cli-client",
        ),
        Host(
            key="zed",
            title="Zed",
            member="context_servers",
            locate=for_programs("zed", "settings.json", windows=("Zed", "settings.json")),
            next_step="Zed takes it up at once.",
            file_format="jsonc",
            project_file=".zed/settings.json",
        ),
        Host(
            key="goose",
            title="Goose",
            member="extensions",
            locate=for_programs("goose", "config.yaml", windows=("Block", "goose", "config", "config.yaml")),
            next_step="Start a new session of Goose.",
            file_format="yaml",
            shape=EntryShape(
                command="cmd",
                env="envs",
                urls=("uri",),
                named=True,
                with_command={**_GOOSE, "type": "stdio"},
                with_url={**_GOOSE, "type": "streamable_http"},
            ),
            not_in_names=r"[^a-z0-9_-]+",
            in_lower_case=True,
        ),
        Host(
            key="lm-studio",
            title="LM Studio",
            member="mcpServers",
            locate=in_home(".lmstudio", "mcp.json"),
            next_step="Switch it on in LM Studio's Program tab.",
            link="lmstudio://add_mcp?name={name}&config={base64}",
        ),
        Host(
            key="jupyter-ai",
            title="Jupyter AI",
            member="mcp_servers",
            locate=jupyter,
            next_step="Start a new chat. Jupyter AI reads the `.jupyter` folder that is nearest to the chat.",
            listed=True,
            shape=EntryShape(named=True, pairs=True, with_url={"type": "http"}),
            project_file=".jupyter/mcp_settings.json",
        ),
    )
}
"""The hosts by key. The first one is the default."""


def files_of(host: str, folder: Path) -> list[Path]:
    """Return the files in which a host looks for servers when it works in a folder, highest precedence first.

    Raises
    ------
    ConfigError
        The host is unknown.
    """
    known = host_of(host)
    own = known.locate()
    if known.project_file is None:
        return [own]
    projects = [above / known.project_file for above in folders(folder)]
    return [*(path for path in projects if path != own), own]


def folders(folder: Path) -> list[Path]:
    """Return a folder and those above it up to its repository's root; outside a repository, only itself."""
    folder = folder.absolute()
    above = [folder, *folder.parents][:MAX_FOLDERS]
    roots = [number for number, each in enumerate(above) if os.path.lexists(each / ".git")]
    return above[: roots[0] + 1] if roots else [folder]


def host_of(key: str) -> Host:
    """Return the host with this key.

    Raises
    ------
    ConfigError
        The host is unknown.
    """
    if key not in HOSTS:
        raise ConfigError(f"Unknown host {safe_line(key)!r}. Use one of: {', '.join(HOSTS)}.")
    return HOSTS[key]
