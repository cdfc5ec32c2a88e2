# SPDX-License-Identifier: BSD-3-Clause
"""Make a token for MCP clients, and check whether what it names exists.

The token is written to this user's token file; a running Jupyter Server reads it at the next request.
"""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import click

from .._util.text import join_names, shorten
from ..errors import McpJupyterError
from ..protocol.limits import MAX_PRIVATE_FILE_BYTES

if TYPE_CHECKING:
    from ..extension.tokens import BoundNotebook, Token, TokenStore
    from ..ipc.discovery import Discovery
    from ..ipc.files import ConnectionInfo
    from .endpoint import Endpoint

__all__ = [
    "ANY_NAME",
    "NewToken",
    "NotebookChoice",
    "chosen_notebooks",
    "make_token",
    "not_there",
    "real_path",
    "server_user",
    "token_days",
    "token_store",
]

ANY_NAME: Final = "--any-notebook-of-this-name"

_NOT_LIVE: Final = (
    "No live notebook is named {0!r}, so its path is not known and no token can be bound to it. Start the "
    "notebook, give its path (folder/{0}.ipynb), or add {1} to open any notebook that is called so."
)
_NO_PATH: Final = (
    "The live notebook {0!r} does not know its path, so no token can be bound to it. Add {1} to open any "
    "notebook that is called so."
)

_NO_NAME: Final = (
    "The name that {0} will get is not known: other notebooks have {1}. Start the notebook, then make the "
    "token."
)


@dataclass(slots=True)
class NotebookChoice:
    """The notebooks that a token opens.

    Attributes
    ----------
    notebooks : list of BoundNotebook
        Notebooks by their paths.
    servers : list of str
        Names and globs; they open any notebook with such a name.
    names : list of str
        The names of all of these in URLs.
    """

    notebooks: list[BoundNotebook] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def chosen_notebooks(
    words: Sequence[str], any_name: bool, live: Sequence[ConnectionInfo], runtime_dir: Path
) -> NotebookChoice:
    """Return the notebooks that a new token opens.

    Parameters
    ----------
    words : sequence of str
        Names of live notebooks, paths of notebooks, and globs.
    any_name : bool
        Treat all words as names, which open any notebook with such a name.
    live : sequence of ConnectionInfo
        The live notebooks.
    runtime_dir : Path
        Jupyter's runtime directory.

    Raises
    ------
    click.UsageError
        A word is not a live notebook, or the notebook's path is unknown.
    click.ClickException
        A file does not exist, or the name that its notebook will get is unknown.
    """
    from ..extension.tokens import BoundNotebook, is_glob

    choice = NotebookChoice()
    by_name = {info.name: info for info in live}
    for word in words:
        if any_name or is_glob(word):
            choice.servers.append(word)
            choice.names.append(word)
            continue
        path = _path_of(word, by_name)
        choice.notebooks.append(BoundNotebook(path=path, root=_root_of(path, runtime_dir)))
        choice.names.append(_name_of(path, live))
    return choice


def _path_of(word: str, by_name: dict[str, ConnectionInfo]) -> str:
    if word.endswith(".ipynb") or os.sep in word:
        return real_path(word)
    info = by_name.get(word)
    if info is None:
        raise click.UsageError(_NOT_LIVE.format(word, ANY_NAME))
    if info.path is None or not os.path.isabs(info.path):
        raise click.UsageError(_NO_PATH.format(word, ANY_NAME))
    return info.path


def real_path(text: str) -> str:
    """Return the real path of a file or folder.

    Raises
    ------
    click.ClickException
        The file or folder does not exist.
    """
    if not os.path.exists(text):
        raise click.ClickException(f"File not found: {text}.")
    return os.path.realpath(text)


def _name_of(path: str, live: Sequence[ConnectionInfo]) -> str:
    """Return the name of the notebook at a path, or the name that it will get when it is started.

    Raises
    ------
    click.ClickException
        Other notebooks have the names that this one could get whatever its kernel.
    """
    from ..ipc.names import RememberedNames, names_of_file

    for info in live:
        if info.path == path:
            return info.name
    remembered = RememberedNames()
    owners = {name: remembered.owner(name) for name in names_of_file(PurePath(path).stem, path)}
    for wanted in (path, None):
        for name, owner in owners.items():
            if owner == wanted:
                return name
    raise click.ClickException(_NO_NAME.format(path, join_names(list(owners))))


def _root_of(path: str, runtime_dir: Path) -> str | None:
    """Return the root directory of a running Jupyter Server that contains a file: the deepest one."""
    from .._util.private_files import read_private

    roots = []
    for file in runtime_dir.glob("jpserver-*.json"):
        with suppress(OSError, ValueError, RecursionError, AttributeError, TypeError):
            root = os.path.realpath(json.loads(read_private(file, MAX_PRIVATE_FILE_BYTES))["root_dir"])
            if PurePath(path).is_relative_to(root):
                roots.append(root)
    return max(roots, key=len, default=None)


# -- the user and the configuration of Jupyter Server ----------------------------------------------


def server_user() -> str:
    """Return the user's name for a site's Authorizer.

    Under JupyterHub this is the hub's user, because the system's user of an image is the same for everyone.
    """
    try:
        return os.environ.get("JUPYTERHUB_USER") or getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user without an entry in passwd, as in containers
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def token_days() -> float:
    """Return the days until a token expires: `McpJupyterApp.token_days` in Jupyter's configuration files.

    Raises
    ------
    McpJupyterError
        The configured value is not a number in the allowed range.
    """
    from jupyter_core.application import JupyterApp

    from ..extension.tokens import DEFAULT_DAYS, MAX_DAYS

    days = float(DEFAULT_DAYS)
    # The server's precedence: its own file overrides that of the extension.
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


# -- making one ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewToken:
    """A newly made token.

    Attributes
    ----------
    token : Token
        The stored record.
    text : str
        The secret. It is shown once, or written into a private file.
    names : list of str
        The names of the notebooks that it opens.
    endpoint : Endpoint or None
        The URL for these notebooks; None without a Jupyter Server.
    """

    token: Token
    text: str = field(repr=False)
    names: list[str]
    endpoint: Endpoint | None

    def revoke(self) -> None:
        """Revoke the token."""
        token_store().revoke(self.token.id)


def make_token(words: Sequence[str], *, any_name: bool = False, label: str = "", **wishes: Any) -> NewToken:
    """Make a token.

    Parameters
    ----------
    words, any_name
        See `chosen_notebooks`.
    label : str
        The label in the list of tokens; by default the names of the notebooks.
    wishes
        More arguments of `mcp_jupyter.extension.tokens.mint`.

    Raises
    ------
    click.UsageError
        The token would allow nothing, or a value is not valid.
    """
    import anyio

    from ..extension.tokens import MAX_LABEL_CHARS
    from ..ipc.discovery import Discovery
    from .endpoint import endpoint_of

    if not any(wishes[kind] for kind in ("tools", "resources", "prompts")):
        raise click.UsageError(
            "Say what it may use: --tool GLOB, --resource GLOB, --prompt GLOB; '*' is for all of a kind."
        )
    discovery = Discovery()
    live = anyio.run(discovery.live)
    choice = chosen_notebooks(words, any_name, live, discovery.runtime_dir)
    try:
        token, text = token_store().create(
            label=label or shorten(", ".join(choice.names), MAX_LABEL_CHARS),
            servers=choice.servers,
            notebooks=choice.notebooks,
            issuer=server_user(),
            **wishes,
        )
    except ValueError as exc:
        raise click.UsageError(_explain(exc)) from None
    return NewToken(token, text, choice.names, endpoint_of(choice.names, live, discovery.runtime_dir))


def token_store() -> TokenStore:
    """Return the token store of this user."""
    from ..extension.tokens import TokenStore

    return TokenStore()


def _explain(error: ValueError) -> str:
    """Return a message for the user from an error of the token's validation."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors(include_url=False)[0]
    if "pattern" in problem["msg"]:
        if problem["loc"][0] == "resources":
            return f"{problem['input']!r} cannot match a URI: no spaces, quotes or brackets."
        return f"{problem['input']!r} cannot name a tool or prompt. Use letters, digits and . _ - / * ?."
    if problem["loc"][0] == "servers":
        return f"{problem['input']!r} cannot name a notebook. Use letters, digits and . _ - * ?."
    return f"{problem['loc'][0]}: {problem['msg']}"


# -- token checks --------------------------------------------------------------------------------
#
# Find notebooks, tools, resources and prompts that a token names but that do not exist now. They may appear
# later, so this is not an error, but a typing mistake should be seen at once.

ASK_SECONDS: Final = 5.0
"""Seconds for one list. An engine lists even while a cell runs, unless C code holds the interpreter."""

_KINDS: Final = ("tool", "resource", "prompt")


async def not_there(token: Token, discovery: Discovery) -> list[str]:
    """Return a sentence for each name and pattern of a token that matches nothing now."""
    live = await discovery.live()
    said = [
        f"No live notebook is at {bound.path} now."
        for bound in token.notebooks
        if all(info.path != bound.path for info in live)
    ]
    said += [_no_notebook(glob, live) for glob in token.servers if not _called(token, glob, live)]
    opened = [info for info in live if token.opens(info.name, info.path)]
    if not opened or not any(_globs(token, kind) for kind in _KINDS):
        return said
    offered: dict[str, set[str]] = {kind: set() for kind in _KINDS}
    for info in opened:
        offers = await _offers(info, discovery)
        if offers is None:
            return [
                *said,
                f"{info.name} does not answer now, so it is not checked whether it has what this names.",
            ]
        for kind, names in offers.items():
            offered[kind].update(names)
    where = ", ".join(info.name for info in opened)
    for kind in _KINDS:
        said += [
            f"No {kind} of {where} matches {glob!r} now. {_listing(f'{kind}s', offered[kind])}"
            for glob in _globs(token, kind)
            if not _matches(token, kind, glob, offered[kind])
        ]
    return said


def _called(token: Token, glob: str, live: Sequence[ConnectionInfo]) -> bool:
    """Whether a live notebook has a name that `glob` matches."""
    narrow = token.model_copy(update={"servers": (glob,), "notebooks": ()})
    return any(narrow.opens(info.name) for info in live)


def _globs(token: Token, kind: str) -> list[str]:
    globs = {"tool": token.tools, "resource": token.resources, "prompt": token.prompts}[kind]
    return [glob for glob in globs if glob != "*"]


def _matches(token: Token, kind: str, glob: str, names: set[str]) -> bool:
    narrow = token.model_copy(update={f"{kind}s": (glob,)})
    may_use = {"tool": narrow.may_call, "resource": narrow.may_read_some, "prompt": narrow.may_get}[kind]
    return any(map(may_use, names))


async def _offers(info: ConnectionInfo, discovery: Discovery) -> dict[str, list[str]] | None:
    """Return the names that a notebook offers now, by kind; None when it does not respond."""
    from ..client.client import Client
    from ..errors import McpJupyterError
    from ..ipc.attached_notebook import AttachedNotebook

    try:
        async with Client(AttachedNotebook(info, discovery), read_timeout_seconds=ASK_SECONDS) as client:
            return {
                "tool": [tool.name for tool in await client.list_tools()],
                "resource": [
                    *(resource.uri for resource in await client.list_resources()),
                    *(template.uriTemplate for template in await client.list_resource_templates()),
                ],
                "prompt": [prompt.name for prompt in await client.list_prompts()],
            }
    except McpJupyterError:
        return None


def _no_notebook(glob: str, live: Sequence[ConnectionInfo]) -> str:
    return f"No live notebook is named {glob!r} now. {_listing('live notebooks', {i.name for i in live})}"


def _listing(what: str, names: set[str]) -> str:
    if not names:
        return f"There are no {what}."
    return f"The {what}: {join_names(sorted(names))}."
