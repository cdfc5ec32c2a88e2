# SPDX-License-Identifier: BSD-3-Clause
"""Make a token for MCP clients: which notebooks it opens, for how long, and what it names that is not there.

Works on the token file of this user: a running Jupyter Server sees a change at the next request.
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

if TYPE_CHECKING:
    from ..extension.tokens import BoundNotebook, Token, TokenStore
    from ..ipc.discovery import Discovery
    from ..ipc.files import ConnectionInfo
    from .connect_lines import Endpoint

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

MAX_SERVER_FILE_BYTES: Final = 64 * 1024
"""What a Jupyter Server writes about itself has some 300 bytes and a path."""

_NOT_LIVE: Final = (
    "No live notebook is named {0!r}, so its path is not known and no token can be bound to it. Start the "
    "notebook, give its path (folder/{0}.ipynb), or add {1} to open any notebook that is called so."
)
_NO_PATH: Final = (
    "The live notebook {0!r} does not know its path, so no token can be bound to it. Add {1} to open any "
    "notebook that is called so."
)


@dataclass(slots=True)
class NotebookChoice:
    """What a token opens.

    Attributes
    ----------
    notebooks : list of BoundNotebook
        By their paths.
    servers : list of str
        Names and globs: any notebook of such a name.
    names : list of str
        What all of these are called in URLs.
    """

    notebooks: list[BoundNotebook] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def chosen_notebooks(
    words: Sequence[str], any_name: bool, live: Sequence[ConnectionInfo], runtime_dir: Path
) -> NotebookChoice:
    """The notebooks that a token shall open.

    Parameters
    ----------
    words : sequence of str
        Names of live notebooks, paths of notebooks, and globs.
    any_name : bool
        All are names, and mean any notebook of such a name.

    Raises
    ------
    click.UsageError
        A path is not known.
    click.ClickException
        A file does not exist.
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
    """The real path of a file or folder.

    Raises
    ------
    click.ClickException
        It does not exist.
    """
    if not os.path.exists(text):
        raise click.ClickException(f"There is no file {text}.")
    return os.path.realpath(text)


def _name_of(path: str, live: Sequence[ConnectionInfo]) -> str:
    """What the notebook at a path is called, or will be when it is started."""
    from ..ipc.names import RememberedNames, candidate_names

    for info in live:
        if info.path == path:
            return info.name
    owners = {
        name: RememberedNames().owner(name)
        for name, _ in zip(candidate_names(PurePath(path).stem, "", path), range(2), strict=False)
    }
    own = [name for name, owner in owners.items() if owner == path]
    return next(iter([*own, *(name for name, owner in owners.items() if owner is None)]))


def _root_of(path: str, runtime_dir: Path) -> str | None:
    """The root directory of a running Jupyter Server that has a file: the one nearest to it."""
    from .._util.private_files import read_private

    roots = []
    for file in runtime_dir.glob("jpserver-*.json"):
        with suppress(OSError, ValueError, RecursionError, AttributeError, TypeError):
            root = os.path.realpath(json.loads(read_private(file, MAX_SERVER_FILE_BYTES))["root_dir"])
            if PurePath(path).is_relative_to(root):
                roots.append(root)
    return max(roots, key=len, default=None)


# -- the user and the configuration of Jupyter Server ----------------------------------------------


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


# -- making one ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made.

    Attributes
    ----------
    token : Token
        What is kept of it.
    text : str
        The secret: shown once, or written into a private file.
    names : list of str
        What the notebooks that it opens are called.
    endpoint : Endpoint or None
        Where it opens them; None without a Jupyter Server.
    """

    token: Token
    text: str = field(repr=False)
    names: list[str]
    endpoint: Endpoint | None

    def revoke(self) -> None:
        """End it."""
        token_store().revoke(self.token.id)


def make_token(words: Sequence[str], *, any_name: bool = False, label: str = "", **wishes: Any) -> NewToken:
    """Make a token.

    Parameters
    ----------
    words, any_name
        See `chosen_notebooks`.
    wishes
        More arguments of `mcp_jupyter.extension.tokens.mint`.

    Raises
    ------
    click.UsageError
        It may use nothing, or a value is wrong.
    """
    import anyio

    from ..extension.tokens import MAX_LABEL_CHARS
    from ..ipc.discovery import Discovery
    from .connect_lines import endpoint_of

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
    """The tokens of this user."""
    from ..extension.tokens import TokenStore

    return TokenStore()


def _explain(error: ValueError) -> str:
    """What is wrong with a wish, by pydantic's account of it."""
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
# What a token names that is not there now: notebooks, tools, resources, prompts.
#
# It may come later, so nothing here is an error; but a slip in a name should be seen at once.

ASK_SECONDS: Final = 5.0
"""For one list. An engine lists beside a running cell; longer: something holds its interpreter."""

_KINDS: Final = ("tool", "resource", "prompt")


async def not_there(token: Token, discovery: Discovery) -> list[str]:
    """One sentence for each name and pattern of a token that means nothing now."""
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
    """What a notebook offers now, by kind; None when it does not answer."""
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
