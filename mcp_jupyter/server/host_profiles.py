# SPDX-License-Identifier: BSD-3-Clause
"""Table of hosts: what each hands to its model, looked up by the client's `name` in `clientInfo`.

The values were measured with the real programs: a scripted model recorded its input. The server fits results,
lists and instructions to the profile of a request, and no other code depends on a client's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

from .._util.text import safe_line

__all__ = ["AGGREGATE", "DEFAULT", "OWN", "PROFILES", "HostProfile", "Structure", "host_title", "profile_of"]

Structure = Literal["none", "typed", "promised", "all"]
"""Which results have structured content. "promised": those of tools with an output schema; "typed": these,
unless the schema is that of a text."""

MAX_SIZED_CHARS: Final = 500_000
"""Characters. The largest `anthropic/maxResultSizeChars` that Claude Code accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProfile:
    """What one host hands to its model, and how it treats calls, lists and results.

    Sizes are bytes of JSON in UTF-8, because some hosts count a character beyond ASCII as several.

    Attributes
    ----------
    name : str
        The `name` in `clientInfo`; for Qwen Code without the server's name, which it appends.
    title : str
        The host's name as shown to users.
    version, measured : str
        The version that was measured, and the day.
    source : str
        How it was measured.
    structure : "none", "typed", "promised" or "all"
        Which results are sent with structured content. A host that takes it may drop or repeat the text.
    structure_chars : int
        Limit of structured content. Clients that are programs need all of it.
    media_chars : int
        Limit of all pictures and sounds of a result, in base64. Claude Desktop takes a megabyte. Hosts do not
        count pictures as part of the text, so this is separate from `result_chars`.
    structure_hides_pictures : bool
        Whether the host drops pictures from a result with structured content.
    structures_json_text : bool
        Whether the host parses a first text that is JSON as structured content, and then fails on a number
        or a list: such a value is also sent as `{"result": ...}`.
    result_chars : int
        Limit of one whole result. The host cuts a longer one in the middle, or puts it into a file.
    page_chars, text_chars, error_chars : int
        Limits of the rows of a data frame, of one text, and of an error.
    text_lines : int
        Limit of one text, in lines.
    pictures : bool
        Whether pictures reach the model as pictures.
    picture_texts : bool
        Whether we add a text beside each picture.
    refreshes_lists : bool
        Whether the host requests a list again after a notification that it changed.
    lists_once : bool
        Whether the host lists tools once, within a second of its start: it never gets later tools, unless its
        user has configured it to wait.
    reads_results : bool
        Whether the model can read a URI that is not in the list of resources.
    silent_seconds : float or None
        Seconds after which the host ends a call without progress. None: no limit was found.
    progress_resets : bool
        Whether a progress notification restarts `silent_seconds`.
    instructions_chars : int
        Limit of the server's instructions.
    unanswered : frozenset of str
        Capabilities that the host declares but whose requests it never answers.
    plain_schemas : bool
        Whether input schemas are sent without references, and with defaults in the descriptions: some hosts
        drop `$defs` or `default`.
    loads_always, sizes_results : bool
        Whether the host reads `anthropic/alwaysLoad`, `anthropic/maxResultSizeChars` in a tool's `_meta`.
    takes_more : bool
        Whether the host takes results of more than `result_chars`, if the user allows them.
    printed : bool
        Whether results contain what the call printed: hosts do not show log messages to the model.
    """

    name: str
    title: str
    version: str
    measured: str
    source: str
    structure: Structure = "promised"
    structure_chars: int = 1_000_000
    media_chars: int = 1_000_000
    structure_hides_pictures: bool = False
    structures_json_text: bool = False
    result_chars: int = 40_000
    page_chars: int = 9_000
    text_chars: int = 30_000
    text_lines: int = 1_900
    error_chars: int = 4_000
    pictures: bool = True
    picture_texts: bool = True
    refreshes_lists: bool = False
    lists_once: bool = False
    reads_results: bool = False
    silent_seconds: float | None = None
    progress_resets: bool = False
    instructions_chars: int = 2_000
    unanswered: frozenset[str] = frozenset()
    plain_schemas: bool = True
    loads_always: bool = False
    sizes_results: bool = False
    takes_more: bool = False
    printed: bool = True

    def within(self, budget: int | None) -> HostProfile:
        """Return the profile with the user's limit for a result, in characters; None: no limit was set."""
        return self if budget is None else _within(self, budget)


@lru_cache(maxsize=64)
def _within(profile: HostProfile, budget: int) -> HostProfile:
    # A host that reads sizes, or takes more, can be sent more than its usual limit; others only less.
    whole = min(budget, MAX_SIZED_CHARS) if profile.sizes_results else budget
    if not (profile.takes_more or profile.sizes_results):
        whole = min(budget, profile.result_chars)
    raised = whole > profile.result_chars
    return replace(
        profile,
        result_chars=whole,
        structure_chars=budget if profile.takes_more else min(budget, profile.structure_chars),
        media_chars=min(budget, profile.media_chars),
        page_chars=min(whole, profile.page_chars),
        text_chars=whole if raised else min(whole, profile.text_chars),
        text_lines=whole if raised else profile.text_lines,
        error_chars=min(whole, profile.error_chars),
    )


_MEASURED: Final = "the real program with a scripted model, over attach, run and HTTP"
_DAY: Final = "2026-11-30"

_ALL: Final = (
    HostProfile(
        name="claude-code",
        title="Claude Code",
        version="2.1.332",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        result_chars=48_000,
        refreshes_lists=True,
        reads_results=True,
        silent_seconds=300.0,
        progress_resets=True,
        loads_always=True,
        sizes_results=True,
    ),
    HostProfile(
        name="codex-mcp-client",
        title="Codex",
        version="0.171.0",
        measured=_DAY,
        source=_MEASURED,
        structure="typed",
        structure_chars=11_000,
        lists_once=True,
        structure_hides_pictures=True,
        result_chars=11_000,
        text_chars=10_500,
        reads_results=True,
        instructions_chars=300,
    ),
    HostProfile(
        name="gemini-cli-mcp-client",
        title="Gemini CLI",
        version="0.61.0",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        structures_json_text=True,
        result_chars=38_000,
        refreshes_lists=True,
    ),
    HostProfile(
        name="opencode",
        title="opencode",
        version="1.18.33",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        refreshes_lists=True,
        reads_results=True,
        progress_resets=True,
    ),
    HostProfile(
        name="qwen-cli-mcp-client",
        title="Qwen Code",
        version="0.24.4",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        result_chars=25_000,
        text_chars=24_000,
        reads_results=True,
    ),
    HostProfile(
        name="copilot-cli",
        title="Copilot CLI",
        version="1.0.102",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        result_chars=18_000,
        text_chars=17_000,
        pictures=False,
        refreshes_lists=True,
        progress_resets=True,
        unanswered=frozenset({"sampling"}),
    ),
    HostProfile(
        name="continue-cli-client",
        title="Continue CLI",
        version="1.5.47",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        pictures=False,
        silent_seconds=60.0,
    ),
    HostProfile(
        name="@cline/core",
        title="Cline CLI",
        version="3.0.65",
        measured=_DAY,
        source=_MEASURED,
        structure="none",
        result_chars=7_500,
        page_chars=5_500,
        text_chars=7_000,
        error_chars=3_000,
        pictures=False,
        silent_seconds=60.0,
    ),
    HostProfile(
        name="claude-ai",
        title="Claude Desktop",
        version="unknown",
        measured=_DAY,
        source="reports of its users; the program does not run where the others were measured",
        silent_seconds=60.0,
        takes_more=True,
    ),
)

OWN: Final = HostProfile(
    name="mcp_jupyter",
    title="mcp_jupyter's client",
    version="this one",
    measured=_DAY,
    source="its tests",
    structure="all",
    result_chars=1_000_000,
    page_chars=1_000_000,
    text_chars=1_000_000,
    text_lines=1_000_000,
    error_chars=8_000,
    picture_texts=False,
    refreshes_lists=True,
    reads_results=True,
    progress_resets=True,
    takes_more=True,
    printed=False,
    plain_schemas=False,
)
"""Our own client gets everything, because its results are values in a notebook."""

AGGREGATE: Final = replace(OWN, name="mcp_jupyter.aggregate", title="the endpoint of all notebooks")
"""The endpoint of all notebooks, as a client of each notebook. It lists tools for several hosts, so that it
gets definitions as their authors wrote them, with the facts to adapt them (`definitions.ResultFacts`)."""

DEFAULT: Final = HostProfile(
    name="",
    title="any other client",
    version="",
    measured=_DAY,
    source="the strictest of the above that costs other clients nothing",
    takes_more=True,
    plain_schemas=False,
)
"""The profile of clients that are not in the table: the strictest values that cost other clients nothing."""

PROFILES: Final[Mapping[str, HostProfile]] = {profile.name: profile for profile in (*_ALL, OWN)}

_BY_CLIENT: Final = {**PROFILES, AGGREGATE.name: AGGREGATE}

_QWEN: Final = "qwen-cli-mcp-client-"
"""Qwen Code appends the server's name in its configuration."""


def profile_of(client_info: Mapping[str, Any] | None) -> HostProfile:
    """Return the profile for a client's `clientInfo`, as received; `DEFAULT` for an unknown client."""
    # JSON objects are dicts here, and a check for `Mapping` takes longer than the rest of the look-up.
    name = client_info.get("name") if isinstance(client_info, dict) else None
    if not isinstance(name, str):
        return DEFAULT
    return _BY_CLIENT.get(_QWEN[:-1] if name.startswith(_QWEN) else name, DEFAULT)


def host_title(client_info: Mapping[str, Any] | None) -> str:
    """Return a host's name to show to users: its title in the table, else the client's own name."""
    profile = profile_of(client_info)
    if profile is not DEFAULT:
        return profile.title
    name = client_info.get("name") if isinstance(client_info, Mapping) else None
    return safe_line(name) if isinstance(name, str) and name else "this client"
