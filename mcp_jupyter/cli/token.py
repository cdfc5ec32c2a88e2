# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp token`: make, list, move and revoke tokens for MCP clients.

Works on the token file of this user: a running Jupyter Server sees what changed at the next request.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import click

from . import reported
from .servers import server_user, token_days

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
    "command",
    "make_token",
    "not_there",
    "real_path",
    "scope_options",
    "show_new",
    "terms",
]


# -- token notebooks -----------------------------------------------------------------------------
#
# Which notebooks a new token opens: paths, or names where the user wants that.

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


# -- token ---------------------------------------------------------------------------------------


def scope_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a new token may use."""
    for option in reversed(
        (
            click.option(
                "--tool", "tools", multiple=True, metavar="GLOB", help="A tool it may call; repeat for more."
            ),
            click.option(
                "--resource",
                "resources",
                multiple=True,
                metavar="GLOB",
                help="A resource it may read, by its URI; repeat for more.",
            ),
            click.option(
                "--prompt",
                "prompts",
                multiple=True,
                metavar="GLOB",
                help="A prompt it may get; repeat for more.",
            ),
        )
    ):
        command = option(command)
    return command


@click.group("token", short_help="Make, list, move and revoke tokens for MCP clients.")
def command() -> None:
    """Tokens for MCP clients that connect over HTTP.

    A token opens the notebooks it names and nothing else. `jupyter mcp attach` needs none.
    """


@command.command("create")
@click.argument("words", nargs=-1, required=True, metavar="NOTEBOOK...")
@click.option(
    ANY_NAME, "any_name", is_flag=True, help="NOTEBOOK is a name; it opens any notebook that is called so."
)
@scope_options
@click.option("--label", default="", help="What you call it, for the list.")
@click.option(
    "--days",
    type=click.FloatRange(0, min_open=True),
    help="How long it is good. [default: McpJupyterApp.token_days of Jupyter's configuration, else 30]",
)
@click.option("--never-expires", is_flag=True, help="It is good until it is revoked.")
def create(
    words: tuple[str, ...],
    any_name: bool,
    tools: tuple[str, ...],
    resources: tuple[str, ...],
    prompts: tuple[str, ...],
    label: str,
    days: float | None,
    never_expires: bool,
) -> None:
    """Make a token for the notebooks NOTEBOOK... and print it once, with the lines that connect hosts.

    NOTEBOOK is the name of a live notebook, or a path. The token opens that notebook, also after it was
    renamed in Jupyter, and no other of the same name. It may also be a pattern of names.

    A pattern and GLOB may have * for any characters and ? for one: --tool '*' allows every tool. Of a kind
    that is left out (--tool, --resource, --prompt) it allows nothing.

    \b
    jupyter mcp token create sales --tool '*' --resource '*' --prompt '*'   all of one notebook
    jupyter mcp token create sales --tool 'top_*' --resource 'notebook://variables/sales*'
    """  # noqa: D301 - click reads the backspace
    from ..extension.tokens import MAX_DAYS

    if days is not None and (never_expires or days > MAX_DAYS):
        raise click.UsageError(f"--days takes {MAX_DAYS} at most, and does not go with --never-expires.")
    with reported():
        lifetime = None if never_expires else days or token_days()
        scopes = {"tools": tools, "resources": resources, "prompts": prompts}
        show_new(words, any_name=any_name, label=label, days=lifetime, **scopes)


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
        _store().revoke(self.token.id)


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
        token, text = _store().create(
            label=label or ", ".join(choice.names)[:100],
            servers=choice.servers,
            notebooks=choice.notebooks,
            issuer=server_user(),
            **wishes,
        )
    except ValueError as exc:
        raise click.UsageError(_explain(exc)) from None
    return NewToken(token, text, choice.names, endpoint_of(choice.names, live, discovery.runtime_dir))


def show_new(words: Sequence[str], *, any_name: bool = False, label: str = "", **wishes: Any) -> None:
    """Make a token and print it, with the lines that connect hosts; say what it names that is not there.

    The parameters are those of `make_token`.
    """
    import anyio

    from ..ipc.discovery import Discovery
    from .connect_lines import NO_SERVER, beside, program_lines, shown, url_lines
    from .servers import attach_command, jupyter_directories

    new = make_token(words, any_name=any_name, label=label, **wishes)
    token, endpoint = new.token, new.endpoint
    click.echo(f"Token:  {new.text}\nHeader: Authorization: Bearer {new.text}")
    if endpoint is not None:
        click.echo(f"URL:    {endpoint.url}")
        urls = url_lines(endpoint.name, endpoint.url, new.text)
        click.echo(shown(urls))
        if new.names == [endpoint.name]:
            click.echo("\nHosts that start a program need no token:")
            programs = program_lines(endpoint.name, attach_command(endpoint.name), jupyter_directories())
            click.echo(shown(beside(urls, programs)))
    click.echo(f"\nShown this once. {terms(token)} To end it: jupyter mcp token revoke {token.id}", err=True)
    if endpoint is None:
        click.echo(NO_SERVER.format(new.names[0]), err=True)
    for line in anyio.run(not_there, token, Discovery()):
        click.echo(f"Note: {line}", err=True)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, for programs.")
def list_tokens(as_json: bool) -> None:
    """Show the tokens there are; the secrets are not kept."""
    with reported():
        tokens = _store().tokens()
    if as_json:
        models = [token.model_dump(mode="json", exclude={"digest"}) for token in tokens]
        click.echo(json.dumps(models, indent=2))
    elif not tokens:
        click.echo("There are no tokens. To make one: jupyter mcp token create NAME --tool '*'", err=True)
    else:
        from .output import table

        heads = ("ID", "LABEL", "NOTEBOOKS", "TOOLS", "RESOURCES", "PROMPTS", "STATE", "LAST USED")
        click.echo(table(heads, [_row(token) for token in tokens]))


@command.command("revoke")
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """End the token ID now, and with it all that its bearers have open."""
    with reported():
        token = _store().revoke(token_id)
    click.echo(f"Token {token.id} is revoked.")


@command.command("move")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
def move(old: str, new: str) -> None:
    """Let the tokens of the notebook OLD open it at NEW.

    OLD and NEW are paths. This is for a notebook, or a folder with notebooks, that was renamed outside of
    Jupyter: with `mv`, in a file manager, by git. A rename in Jupyter moves the tokens by itself.
    """
    with reported():
        moved = _store().move(os.path.realpath(old), real_path(new))
    if not moved:
        raise click.ClickException(f"No token names a notebook at {old}. To see them: jupyter mcp token list")
    for token in moved:
        click.echo(f"Token {token.id} opens {', '.join(token.opened)}.")


def _store() -> TokenStore:
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


def terms(token: Token) -> str:
    """What a token opens, and how long, as a sentence."""
    until = "until it is revoked" if token.expires is None else f"until {token.expires:%Y-%m-%d}"
    return (
        f"It opens {', '.join(token.opened)}, calls {_some('tool', token.tools)}, reads "
        f"{_some('resource', token.resources)}, gets {_some('prompt', token.prompts)}, and is good {until}."
    )


def _some(kind: str, globs: tuple[str, ...]) -> str:
    """What a token may use of a kind, in words."""
    if "*" in globs:
        return f"all {kind}s"
    return f"{kind}s {', '.join(globs)}" if globs else f"no {kind}s"


def _row(token: Token) -> tuple[str, ...]:
    if token.revoked is not None:
        state = "revoked"
    elif token.ended(datetime.now(UTC)) is not None:
        state = "expired"
    else:
        state = "never expires" if token.expires is None else f"until {token.expires:%Y-%m-%d}"
    used = "never" if token.last_used is None else f"{token.last_used.astimezone():%Y-%m-%d %H:%M}"
    scopes = (", ".join(globs) or "-" for globs in (token.tools, token.resources, token.prompts))
    return (token.id, token.label, ", ".join(token.opened), *scopes, state, used)


# -- token checks --------------------------------------------------------------------------------
#
# What a token names that is not there now: notebooks, tools, resources, prompts.
#
# It may come later, so nothing here is an error; but a slip in a name should be seen at once.

ASK_SECONDS: Final = 5.0
"""For one list. An engine lists beside a running cell; longer: something holds its interpreter."""

MAX_NAMED: Final = 20
"""Names that a line lists: enough to correct a slip."""

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
    more = ", ..." if len(names) > MAX_NAMED else ""
    return f"The {what}: {', '.join(sorted(names)[:MAX_NAMED])}{more}."
