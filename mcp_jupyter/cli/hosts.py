# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp hosts`: what each host hands to its model, and which are connected to live notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from ..client.config.hosts import HOSTS
from . import reported

if TYPE_CHECKING:
    from ..extension.manager import Summary
    from ..server.host_profiles import HostProfile

__all__ = ["command", "lines_of", "profile_named"]


@click.command("hosts", short_help="Show what each host hands to its model, and who is connected.")
@click.argument("name", required=False, metavar="[HOST]")
def command(name: str | None) -> None:
    """Show what each host hands to its model of what a notebook answers, a line each; with HOST, all of it.

    It was measured with the real programs, in the version and on the day that are shown. A host that is not
    in the table gets what is safe for every host. Below are the hosts that are connected to notebooks now.
    """
    from ..server.host_profiles import DEFAULT, OWN, PROFILES
    from .output import table

    if name is not None:
        click.echo("\n".join(lines_of(profile_named(name))))
        return
    known = [profile for profile in PROFILES.values() if profile is not OWN]
    rows = [(profile.title, _measured(profile), ", ".join(_short(profile))) for profile in (*known, DEFAULT)]
    click.echo(table(("HOST", "MEASURED", "ITS MODEL GETS"), rows))
    click.echo()
    _show_connected()


def profile_named(name: str) -> HostProfile:
    """The profile of a host, by its key for `install`, its title, or the name of its client.

    Raises
    ------
    click.UsageError
        The name is not that of a known host.
    """
    from ..server.host_profiles import DEFAULT, PROFILES, profile_of

    host = HOSTS.get(name)
    if host is not None:
        return profile_of({"name": host.client})
    for profile in PROFILES.values():
        if name.lower() in (profile.name.lower(), profile.title.lower()):
            return profile
    if name == "any":
        return DEFAULT
    known = [key for key, each in HOSTS.items() if each.client]
    raise click.UsageError(f"Unknown host {name[:80]!r}. Use one of: {', '.join(known)}, any.")


def _measured(profile: HostProfile) -> str:
    return f"{profile.version}, {profile.measured}" if profile.version else "-"


def _short(profile: HostProfile) -> list[str]:
    said = [f"{profile.result_chars:,} characters a result", _structure(profile)]
    said += ["pictures" if profile.pictures else "no pictures"]
    said += ["new tools" if profile.refreshes_lists else "no tool that was added later"]
    if profile.silent_seconds is not None:
        said.append(f"{profile.silent_seconds:g} s for a silent call")
    return said


def _structure(profile: HostProfile) -> str:
    return {
        "none": "text only",
        "typed": "structure where a tool promised more than a text",
        "promised": "structure where a tool promised it",
        "all": "structure always",
    }[profile.structure]


def lines_of(profile: HostProfile) -> list[str]:
    """All that is known of a host, a line each."""

    def yes(value: bool) -> str:
        return "yes" if value else "no"

    silent = (
        "no limit was met" if profile.silent_seconds is None else f"ends after {profile.silent_seconds:g} s"
    )
    if profile.progress_resets and profile.silent_seconds is not None:
        silent += ", counted anew with each progress message"
    said = {
        "Host": profile.title,
        "Its client's name": profile.name or "any that is not in the table",
        "Measured": f"{_measured(profile)}: {profile.source}",
        "Instructions": f"at most {profile.instructions_chars:,} characters",
        "A result": f"at most {profile.result_chars:,} characters; {_structure(profile)}",
        "Rows of a data frame": f"{profile.page_chars:,} characters a page",
        "A text": f"at most {profile.text_chars:,} characters and {profile.text_lines:,} lines",
        "An error": f"at most {profile.error_chars:,} characters",
        "Pictures": yes(profile.pictures)
        + (", but not beside structured content" if profile.structure_hides_pictures else ""),
        "Sees tools added later": yes(profile.refreshes_lists),
        "Reads a result's link": yes(profile.reads_results),
        "A call that says nothing": silent,
        "Declares, never answers": ", ".join(sorted(profile.unanswered)) or "nothing",
    }
    width = max(map(len, said))
    return [f"{what:<{width}}  {value}" for what, value in said.items()]


def _show_connected() -> None:
    import anyio

    from .output import table

    with reported():
        summaries = anyio.run(_live)
    rows = [
        (_host(client), client.get("version", ""), client.get("since", ""), summary.name)
        for summary in summaries
        for client in summary.clients
    ]
    if rows:
        click.echo(table(("CONNECTED NOW", "VERSION", "SINCE", "NOTEBOOK"), rows))
    else:
        click.echo("No host is connected to a live notebook now." if summaries else "No notebook is live.")


def _host(client: Mapping[str, str]) -> str:
    """What people call the host; for one that is not in the table, what it calls itself."""
    from ..server.host_profiles import host_title

    return host_title(client)


async def _live() -> list[Summary]:
    from ..extension.manager import census
    from ..ipc.discovery import Discovery

    return await census(await Discovery().live())
