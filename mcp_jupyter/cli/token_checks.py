# SPDX-License-Identifier: BSD-3-Clause
"""What a token names that is not there now: notebooks, tools, resources, prompts.

It may come later, so nothing here is an error; but a slip in a name should be seen at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..extension.tokens import Token
    from ..ipc.discovery import Discovery
    from ..ipc.files import ConnectionInfo

__all__ = ["not_there"]

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
    from ..ipc.stdio_proxy import AttachedNotebook

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
