# SPDX-License-Identifier: BSD-3-Clause
"""`jupyter mcp hosts` shows what hosts pass to their models, `doctor` whether they reach a live notebook.

`doctor` connects as the host would: with the entry in the host's own file, in a bare environment, under the
host's name. It changes nothing. `client.config.hosts` has the hosts and their files, `server.host_profiles`
what they pass on.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from .._util.text import MAX_PAGE_CHARS, safe_line
from ..client.config.hosts import HOSTS, Host
from ..errors import McpJupyterError
from . import reported

if TYPE_CHECKING:
    from ..client.client import Client
    from ..client.config.servers_json import ServerEntry
    from ..extension.manager import Summary
    from ..server.host_profiles import HostProfile

__all__ = ["doctor", "hosts", "lines_of", "profile_named"]


@click.command("hosts", short_help="Show what each host hands to its model, and who is connected.")
@click.argument("name", required=False, metavar="[HOST]")
def hosts(name: str | None) -> None:
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
    """Return the profile of a host, by its key for `install`, its title, or the name of its client.

    Raises
    ------
    click.UsageError
        The host is unknown.
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
    raise click.UsageError(f"Unknown host {safe_line(name)!r}. Use one of: {', '.join(known)}, any.")


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
    """Return all values of a host's profile, one line each."""

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
    """Return the host's title; for a host that is not in the table, the name that it gives itself."""
    from ..server.host_profiles import host_title

    return host_title(client)


async def _live() -> list[Summary]:
    from ..extension.manager import summaries_of
    from ..ipc.discovery import Discovery

    return await summaries_of(await Discovery().live())


# -- jupyter mcp doctor ----------------------------------------------------------------------------

SECONDS: Final = 60.0
"""Seconds for one host's connection: `run` starts a kernel first, which takes several on a busy machine."""

BARE_PATH: Final = "/usr/bin:/bin"
"""The PATH of a desktop application."""

_VARIABLES: Final = "notebook://variables/"


@dataclass(slots=True)
class _Report:
    """Prints one line for each check, and remembers whether one failed."""

    failed: bool = False
    lines: list[str] = field(default_factory=list)

    def ok(self, text: str) -> None:
        self._line("ok ", text)

    def fix(self, text: str) -> None:
        self.failed = True
        self._line("!! ", text)

    def about(self, text: str) -> None:
        click.echo(f"\n{text}")

    def _line(self, mark: str, text: str) -> None:
        click.echo(f"{mark} {safe_line(text, MAX_PAGE_CHARS)}")
        sys.stdout.flush()  # the next line may take seconds


@click.command("doctor", short_help="Check that hosts reach a live notebook, and say what to do.")
@click.argument("name", required=False)
@click.option(
    "--host", "key", type=click.Choice(list(HOSTS)), help="Check this host.  [default: those that have it]"
)
def doctor(name: str | None, key: str | None) -> None:
    """Check whether hosts reach the live notebook NAME, the only one there is when left out.

    For each host: does its file name the notebook, does the command in it start from a bare environment, or
    does the token open the URL; which protocol is spoken; and how large is what the host's model gets. Each
    line says that it is ok, or what to do. The exit status is 1 when there is something to do.

    This starts the commands that the hosts' files have for the notebook, as the hosts do.
    """
    report = _Report()
    summary = _notebook(name, report)
    called = name if summary is None else summary.name
    if called is not None:
        hosts = [HOSTS[key]] if key is not None else list(HOSTS.values())
        found = [(host, entries) for host in hosts if (entries := _entries(host, called, report))]
        for host, entries in found:
            for entry in entries:
                _check(host, entry, summary, report)
        if not found:
            _not_named(hosts, called, report)
    if report.failed:
        sys.exit(1)


def _notebook(name: str | None, report: _Report) -> Summary | None:
    """Return the summary that the notebook's kernel gives, or None when it is not reached."""
    import anyio

    from ..extension.manager import summaries_of
    from ..ipc.discovery import Discovery

    async def ask() -> Summary:
        discovery = Discovery()
        info = await (discovery.only() if name is None else discovery.find(name))
        return (await summaries_of([info]))[0]

    try:
        summary = anyio.run(ask)
    except McpJupyterError as exc:
        advice = "" if "%load_ext" in str(exc) else " Open the notebook and run: %load_ext mcp_jupyter"
        report.fix(f"{exc}{advice}")
        return None
    if summary.state == "gone":
        report.fix(
            f"The kernel of {summary.name} does not answer. Restart it, and run: %load_ext mcp_jupyter"
        )
        return None
    counts = ", ".join(
        f"{number} {kind}{'' if number == 1 else 's'}"
        for number, kind in (
            (summary.tools, "tool"),
            (summary.resources, "resource"),
            (summary.prompts, "prompt"),
        )
    )
    report.ok(f"The notebook {summary.name} is live ({summary.state}): {counts}.")
    return summary


# -- entries in the host's file --------------------------------------------------------------------


def _entries(host: Host, name: str, report: _Report) -> list[ServerEntry]:
    """Return the entries of a host that connect to the notebook."""
    from ..client.config.host_entries import entries_of_host
    from ..client.config.hosts import files_of

    if not any(path.is_file() for path in files_of(host.key, Path.cwd())):
        return []
    found: list[ServerEntry] = []
    try:
        entries = entries_of_host(host.key, Path.cwd())
    except McpJupyterError as exc:
        report.fix(f"{host.title} cannot read its file: {exc}")
        return []
    for called in entries:
        try:
            entry = entries[called]
        except McpJupyterError as exc:
            if called == _called(host, name):
                report.fix(f"{host.title} cannot use its entry: {exc} Run: {_install(host, name)}")
            continue
        if called == _called(host, name) or _leads_to(entry.members, name):
            found.append(entry)
    return found


def _leads_to(members: Mapping[str, Any], name: str) -> bool:
    """Whether an entry attaches to the notebook, or opens its URL."""
    args = members.get("args")
    if isinstance(args, Sequence) and "attach" in args:
        return name in args or "--all" in args
    # The second form is the endpoint of all notebooks.
    url = members.get("url")
    return isinstance(url, str) and f"{url}/".endswith(
        (f"/mcp-jupyter/{quote(name, safe='')}/", "/mcp-jupyter//")
    )


def _called(host: Host, name: str) -> str | None:
    try:
        return host.name(name)
    except ValueError:
        return None


def _install(host: Host, name: str) -> str:
    return f"jupyter mcp install {name} --host {host.key}"


def _not_named(hosts: Sequence[Host], name: str, report: _Report) -> None:
    if len(hosts) == 1:
        file = f"{hosts[0].title}'s file {hosts[0].locate()}"
        report.fix(f"{file} does not name the notebook. Run: {_install(hosts[0], name)}")
    else:
        report.fix(f"No host's file names the notebook. Run: jupyter mcp install {name} --host HOST")


# -- the connection --------------------------------------------------------------------------------


def _check(host: Host, entry: ServerEntry, summary: Summary | None, report: _Report) -> None:
    import anyio

    from ..client.config.trust import require_consent
    from ..client.stdio import StdioServerParameters

    report.about(host.title)
    report.ok(f"Its file names the notebook: {entry.place}.")
    if summary is None:
        return
    try:
        require_consent(entry, is_trusted=False)
        server = entry.server()
    except McpJupyterError as exc:
        report.fix(f"The entry cannot be used: {exc}")
        return
    starts = isinstance(server, StdioServerParameters)
    if isinstance(server, StdioServerParameters):
        server = server.model_copy(update={"env": {"PATH": BARE_PATH, **(server.env or {})}})
        how = f"Run: {_install(host, summary.name)}"
    else:
        how = (
            "If its Jupyter Server is up, this writes the URL and a new token: "
            f"{_install(host, summary.name)} --http --tool '*' --resource '*' --prompt '*'"
        )
    try:
        anyio.run(_visit, host, server, starts, report)
    except (McpJupyterError, OSError, TimeoutError) as exc:
        said = str(exc) or f"no answer within {SECONDS:g} s."
        what = "Its command does not start from a bare environment" if starts else "Its URL does not open"
        report.fix(f"{what}: {said} {how}")


async def _visit(host: Host, server: Any, starts: bool, report: _Report) -> None:
    import anyio

    from .. import types
    from ..client.client import Client
    from ..server.host_profiles import profile_of

    profile = profile_of({"name": host.client})
    # `except*`, because errors inside the client's task group arrive as a group. The first is reported.
    failed: list[Exception] = []
    info = types.Implementation(name=host.client or "unknown", version=profile.version or "0")
    try:
        with anyio.fail_after(SECONDS):
            async with Client(server, read_timeout_seconds=SECONDS, client_info=info) as client:
                done = (
                    "Its command starts from a bare environment"
                    if starts
                    else "Its URL opens, with its token"
                )
                report.ok(f"{done}. The newest protocol it speaks is {client.protocol_version}.")
                await _measure(client, profile, report)
    except* (McpJupyterError, OSError, TimeoutError) as group:
        failed.append(_first(group))
    if failed:
        raise failed[0]


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, Exception)
    return found


async def _measure(client: Client, profile: HostProfile, report: _Report) -> None:
    """Compare the sizes of what the host's model gets with the host's limits."""
    instructions = len(client.instructions or "")
    _sized(report, "Instructions", instructions, profile.instructions_chars, "Shorten %%mcp_instructions.")
    tools = await client.list_tools()
    definitions = sum(len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools)
    report.ok(f"Definitions of {len(tools)} tools: {definitions:,} characters.")
    resources = [each for each in await client.list_resources() if str(each.uri).startswith(_VARIABLES)]
    if resources:
        page = await client.read_resource(resources[0].uri)
        size = sum(len(getattr(part, "text", None) or "") for part in page.contents)
        _sized(
            report, f"A first page ({resources[0].name})", size, profile.result_chars, "Offer fewer columns."
        )
    if profile.refreshes_lists:
        report.ok("It hears of tools that are added later.")
    else:
        report.ok(
            "It does not hear of tools that are added later: its model calls them by find_tools and use_tool."
        )


def _sized(report: _Report, what: str, size: int, limit: int, fix: str) -> None:
    if size <= limit:
        report.ok(f"{what}: {size:,} characters of {limit:,} that it takes.")
    else:
        report.fix(f"{what}: {size:,} characters, and it takes {limit:,}. {fix}")
