# SPDX-License-Identifier: BSD-3-Clause
"""Read the files in which hosts list their servers, check them, and turn entries into servers.

Claude Desktop, Claude Code and Cursor have ``{"mcpServers": {NAME: ENTRY}}``, VS Code has ``{"servers":
{NAME: ENTRY}}``. An entry has a command (``command``, ``args``, ``env``, ``envFile``, ``cwd``) or a URL
(``url``, ``headers``, and ``type``: "http" or "sse"). Other members belong to the host and are ignored.

There are two steps: `load_servers` checks the form of the whole file, and `ServerEntry.server` fills in the
variables (`env`) of one entry and applies the rule below. So an entry with an unset variable does not affect
the others.

**What a file may set.** A file of the user's own, such as Claude Desktop's, may set every environment
variable. A *project file* comes with a repository and may change with the next pull. Users look at its
command only, but many variables make a harmless-looking command run other code (`LD_PRELOAD`, `PATH`,
`HOME`, `UV_INDEX_URL`, `NODE_OPTIONS`: each loader, interpreter and package manager has its own). So a
project file may set only variables that do not: credentials and settings of a server, recognised by the last
word of the name (`ALLOWED_WORDS`), and a few others (`ALLOWED_NAMES`). `is_project_file` tells these files
apart. The values in any file may refer to any variable of the user's environment, and so send it somewhere:
for a project file, `trust` shows the user which variables go where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final, Literal

from ..._util.text import MAX_MESSAGE_CHARS, join_names, safe_line
from ...errors import ConfigError
from ..stdio import StdioServerParameters
from .env import Expansion
from .file_formats import parsed, read_file
from .hosts import HOSTS, folders

__all__ = ["HttpServerParameters", "ServerEntry", "checked", "entry_of", "is_project_file", "load_servers"]

TYPES: Final[Mapping[str, Literal["stdio", "http", "sse"]]] = {
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamableHttp": "http",
    "streamable_http": "http",
    "sse": "sse",
    "local": "stdio",
    "remote": "http",
}

ALLOWED_WORDS: Final = frozenset(
    {
        *("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSPHRASE", "PAT"),
        *("ACCOUNT", "EMAIL", "ID", "LOGIN", "ORG", "ORGANIZATION", "TEAM", "TENANT", "USERNAME"),
        *("BUCKET", "COLLECTION", "DATABASE", "DB", "MODEL", "SCHEMA", "TABLE"),
        *("LANGUAGE", "LOCALE", "REGION", "TIMEZONE", "ZONE"),
        *("DEBUG", "LEVEL", "LIMIT", "LOGLEVEL", "MODE", "PORT", "RETRIES", "TIMEOUT", "VERBOSE"),
    }
)
"""Last words of the names of variables that a project file may set. We know of no loader, interpreter or
package manager that takes code, or a path or URL of code, from a variable whose name ends in one of them.
Left out are URL, HOST and ENDPOINT (`UV_INDEX_URL`, `DOCKER_HOST`, `HF_ENDPOINT`), USER (`R_PROFILE_USER`),
PROJECT (`UV_PROJECT`), FILE, PATH, DIR, HOME, OPTIONS, FLAGS and ENV."""

ALLOWED_NAMES: Final = frozenset(
    {
        *("API_URL", "DATABASE_URL", "DB_HOST", "DB_NAME", "DB_URL", "MONGODB_URI", "MYSQL_HOST", "PGHOST"),
        *("POSTGRES_URL", "REDIS_URL", "SUPABASE_URL", "AZURE_OPENAI_ENDPOINT", "GOOGLE_CLOUD_PROJECT"),
        *("DB_USER", "MYSQL_USER", "PGUSER", "POSTGRES_USER"),
        *("CI", "FORCE_COLOR", "LANG", "LC_ALL", "NODE_ENV", "NO_COLOR", "RUST_LOG", "TZ"),
        *("PYTHONDONTWRITEBYTECODE", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONUTF8"),
        *("NPM_CONFIG_UPDATE_NOTIFIER", "NPM_CONFIG_YES"),
    }
)
"""Other variables that a project file may set: addresses and users of data stores, and settings of output."""

PROJECT_FOLDERS: Final = frozenset(
    {
        *(".vscode", ".cursor", ".roo", ".claude"),
        *(
            Path(host.project_file).parts[0]
            for host in HOSTS.values()
            if host.project_file and "/" in host.project_file
        ),
    }
)
"""Folders of a project in which hosts look for files of servers."""

PROJECT_NAMES: Final = frozenset({".mcp.json", "mcp.json", "opencode.json", "opencode.jsonc"})
"""Names of files of a project in which hosts look for servers."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2)."""

_HEADER_VALUE: Final = re.compile(r"[\t -~]*")
"""Tabs and printable ASCII, which every server reads the same way (RFC 9110, 5.5)."""


@dataclass(frozen=True, slots=True)
class HttpServerParameters:
    """URL and headers of an HTTP server. `repr` leaves both out, because they may hold a token.

    Attributes
    ----------
    url : str
        The server's URL.
    headers : mapping
        Headers sent with each request.
    sse : bool
        Whether the server uses HTTP+SSE (2024-11-05). When False, the client tries Streamable HTTP first.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sse: bool = False


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One entry of a file. Its form is checked; its variables are not yet filled in.

    Attributes
    ----------
    name : str
        Its name in the file.
    type : {"stdio", "http", "sse"}
        "http" means Streamable HTTP, or HTTP+SSE where the server has only that.
    place : str
        The file and the entry, for messages.
    members : mapping
        The entry as in the file. It may hold secrets.
    root : path
        The folder of the project (or of the file): the base of relative paths and ``${workspaceFolder}``.
    is_project : bool
        Whether the entry is from a project file.
    """

    name: str
    type: Literal["stdio", "http", "sse"]
    place: str
    members: Mapping[str, Any] = field(repr=False)
    root: Path
    is_project: bool = False

    def server(
        self, environ: Mapping[str, str] | None = None
    ) -> StdioServerParameters | HttpServerParameters:
        """Return the server, with the variables filled in.

        Parameters
        ----------
        environ : mapping, optional
            The variables; this process's environment by default.

        Raises
        ------
        ConfigError
            A variable is not set, a reference or a value is not valid, or a project file sets a variable that
            it may not set.
        """
        fill = Expansion(self.place, self.root, os.environ if environ is None else environ)
        if self.type == "stdio":
            return self._command(fill)
        url = fill.text("url", self.members["url"])
        headers = fill.texts("headers", self.members.get("headers", {}))
        for name, value in headers.items():
            if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
                shown = safe_line(name)
                raise ConfigError(f"{self.place}: headers.{shown} is not a valid header.")
        if not url.lower().startswith(("http://", "https://")):
            raise ConfigError(f"{self.place}: url must begin with http:// or https://.")
        return HttpServerParameters(url, headers, sse=self.type == "sse")

    def _command(self, fill: Expansion) -> StdioServerParameters:
        command = fill.text("command", self.members["command"])
        arguments = self.members.get("args", [])
        args = [fill.text(f"args[{index}]", word) for index, word in enumerate(arguments)]
        env = {**self._env_of_file(fill), **fill.texts("env", self.members.get("env", {}))}
        for name in env:
            self._check_variable(name)
        cwd = self.members.get("cwd")
        return StdioServerParameters(
            command=command,
            args=args,
            env=env or None,
            cwd=None if cwd is None else self.root / fill.text("cwd", cwd),
        )

    def _env_of_file(self, fill: Expansion) -> dict[str, str]:
        named = self.members.get("envFile")
        if named is None:
            return {}
        from dotenv import dotenv_values

        text = read_file(self.root / fill.text("envFile", named), f"{self.place}: envFile")
        try:
            values = dotenv_values(stream=StringIO(text.decode()), interpolate=False)
        except UnicodeDecodeError:
            raise ConfigError(f"{self.place}: envFile is not UTF-8.") from None
        return {name: value for name, value in values.items() if value is not None}

    def _check_variable(self, name: str) -> None:
        shown = safe_line(name)
        if not name or "=" in name or "\0" in name:
            raise ConfigError(f"{self.place}: env.{shown} is not a valid variable name.")
        if self.is_project and not _is_allowed(name.upper()):
            raise ConfigError(
                f"{self.place}: a project's file may not set {shown}. It may set credentials and settings "
                "such as API_KEY or LOG_LEVEL; other variables can make the command run other code. If you "
                "trust the entry, copy it into a file of your own."
            )


def load_servers(
    source: str | os.PathLike[str] | Mapping[str, Any], *, project: bool | None = None
) -> dict[str, ServerEntry]:
    """Read a file of servers, or the contents of one.

    Parameters
    ----------
    source
        The path, or the contents as a mapping. Comments and trailing commas are allowed, as in VS Code.
    project : bool, optional
        Whether the file came with a project (see above). By default `is_project_file` decides from the path;
        a mapping counts as the user's own.

    Returns
    -------
    dict
        The entries by name, in the order of the file.

    Raises
    ------
    ConfigError
        The file cannot be read, is too large, is not JSON, or has an invalid member. The message has the
        file, the entry and the member, but never a value: it may be secret.
    """
    if isinstance(source, Mapping):
        return _entries(source, "The servers", Path.cwd(), bool(project))
    path = Path(source).expanduser().absolute()
    shown = safe_line(os.fspath(source), MAX_MESSAGE_CHARS)
    data = read_file(path, shown)
    is_project = is_project_file(path) if project is None else project
    root = path.parent.parent if path.parent.name.lower() in PROJECT_FOLDERS else path.parent
    return _entries(parsed(data, shown), shown, root, is_project)


def entry_of(source: str | os.PathLike[str] | Mapping[str, Any], name: str | None) -> ServerEntry:
    """Return the entry with this name, or the only entry when `name` is None.

    Raises
    ------
    ConfigError
        There is no such entry, or `name` is None and there are several.
    """
    entries = load_servers(source)
    if name is None and len(entries) == 1:
        return next(iter(entries.values()))
    if name is not None and name in entries:
        return entries[name]
    known = f"Known servers: {join_names(entries) or 'none'}."
    if name is None:
        raise ConfigError(f"Which server? Give name=. {known}")
    raise ConfigError(f"Unknown server {safe_line(name)!r}. {known}")


def is_project_file(path: Path) -> bool:
    """Whether a file of servers came with a project.

    A project file has a name or a folder for which hosts look (`PROJECT_NAMES`, `PROJECT_FOLDERS`). A link to
    such a file counts too, and so does every link inside a repository, because a repository can contain
    links. The user's own files (``~/.cursor/mcp.json``) do not count.
    """
    path = Path(os.path.abspath(path))
    if _is_own(path):
        return False
    real = path.resolve()
    return _has_project_place(path) or (_has_project_place(real) and not _is_own(real)) or _is_linked(path)


def _is_own(path: Path) -> bool:
    folder = path.parent
    try:
        home, of_hosts = Path.home(), [host.locate() for host in HOSTS.values()]
    except RuntimeError:  # this user has no home directory, as in some containers
        return False
    in_home = folder == home or (folder.parent == home and folder.name in PROJECT_FOLDERS)
    return in_home or path in of_hosts


def _has_project_place(path: Path) -> bool:
    # In lower case, because some file systems open .mcp.json under the name .MCP.json.
    folders = {folder.name.lower() for folder in path.parents}
    return path.name.lower() in PROJECT_NAMES or not PROJECT_FOLDERS.isdisjoint(folders)


def _is_linked(path: Path) -> bool:
    """Whether a path leads through a link inside a repository."""
    inside = folders(path.parent)[:-1]  # without the repository's root: a link to it is the user's own
    is_repository = len(inside) > 0 or os.path.lexists(path.parent / ".git")
    return is_repository and any(part.is_symlink() for part in (path, *inside))


def _is_allowed(name: str) -> bool:
    return name in ALLOWED_NAMES or name.rpartition("_")[2] in ALLOWED_WORDS


# -- the form ----------------------------------------------------------------------------------------------


def _entries(value: Any, shown: str, root: Path, is_project: bool) -> dict[str, ServerEntry]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{shown} must be a JSON object.")
    keys = [key for key in ("mcpServers", "servers") if key in value]
    if len(keys) != 1:
        raise ConfigError(f'{shown} must have either "mcpServers" or "servers".')
    entries = value[keys[0]]
    if not isinstance(entries, Mapping):
        raise ConfigError(f"{shown}: {keys[0]} must be an object of entries by name.")
    return {str(name): checked(str(name), entry, shown, root, is_project) for name, entry in entries.items()}


def checked(name: str, members: Any, shown: str, root: Path, is_project: bool) -> ServerEntry:
    """Check the form of one entry and return it.

    Parameters
    ----------
    name, members
        The entry's name and value in the file.
    shown : str
        The file's name in messages.
    root, is_project
        See `ServerEntry`.

    Raises
    ------
    ConfigError
        The entry is not valid.
    """
    place = f"{shown}, server {safe_line(name)!r}"
    if not isinstance(members, Mapping):
        raise ConfigError(f"{place}: it must be an object.")
    kind = _type(members, place)
    needed = "command" if kind == "stdio" else "url"
    if needed not in members:
        raise ConfigError(f"{place}: {needed} is missing.")
    for member, is_right, form in _FORMS:
        if member in members and not is_right(members[member]):
            raise ConfigError(f"{place}: {member} must be {form}.")
    return ServerEntry(name, kind, place, members, root, is_project)


def _type(members: Mapping[str, Any], place: str) -> Literal["stdio", "http", "sse"]:
    if "type" in members:
        said = members["type"]
        if not isinstance(said, str) or said not in TYPES:
            raise ConfigError(f"{place}: type must be one of {', '.join(TYPES)}.")
        return TYPES[said]
    if ("command" in members) == ("url" in members):
        raise ConfigError(f"{place}: it must have either command or url.")
    return "stdio" if "command" in members else "http"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(item, str) and "\0" not in item for item in value
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and isinstance(item, str) and "\0" not in item for name, item in value.items()
    )


_FORMS: Final = (
    ("command", _is_text, "a text"),
    ("args", _is_list, "a list of texts"),
    ("env", _is_table, "an object of texts"),
    ("envFile", _is_text, "a text"),
    ("cwd", _is_text, "a text"),
    ("url", _is_text, "a text"),
    ("headers", _is_table, "an object of texts"),
)
