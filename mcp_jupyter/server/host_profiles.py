# SPDX-License-Identifier: BSD-3-Clause
"""What each host hands to its model, by the name that its client gives.

One table, measured with the real programs: a scripted model wrote down what it was handed. Results, lists and
instructions are made to fit a request's profile. Nothing else in the server looks at a client's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Literal

from .._util.text import safe_line

__all__ = ["AGGREGATE", "DEFAULT", "OWN", "PROFILES", "HostProfile", "Structure", "host_title", "profile_of"]

Structure = Literal["none", "typed", "promised", "all"]
"""Which structured results are sent: none; those that a return annotation promises, unless it is only a text;
those that it promises; or all there are."""

MAX_SIZED_CHARS: Final = 500_000
"""The most that Claude Code takes for `anthropic/maxResultSizeChars`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProfile:
    """What one host does with what it gets.

    Sizes are bytes of JSON in UTF-8: a character of ASCII text is one; some hosts count others as several.

    Attributes
    ----------
    name : str
        The `name` in `clientInfo`; of Qwen Code without the server's name, which it appends.
    title : str
        The host's name for people.
    version, measured : str
        The version that was measured, and the day.
    source : str
        How it was measured.
    structure : "none", "typed", "promised" or "all"
        Which structured results are sent. Where a host takes them it may drop or double the text.
    structure_chars : int
        Of structured content: a client that is a program wants all of it.
    media_chars : int
        Of all pictures and sounds of a result, in base64. Claude Desktop takes a megabyte. Hosts hand
        pictures over beside the text, so a limit of the text is none of theirs.
    structure_hides_pictures : bool
        A picture beside structured content does not reach the model.
    structures_json_text : bool
        It takes a first text that is JSON for structured content, and a number or a list for an error:
        such a value is sent as `{"result": ...}` too.
    result_chars : int
        Of one whole result. A longer one is cut in the middle by the host, or put into a file.
    page_chars, text_chars, error_chars : int
        Of the rows of a data frame, of one text, and of an error.
    text_lines : int
        Of one text.
    pictures : bool
        Pictures reach the model as pictures.
    picture_texts : bool
        A text of ours stands beside each picture.
    refreshes_lists : bool
        It asks for the lists again when it hears that they changed.
    lists_once : bool
        It goes without the tools that it is not told of in its first second, unless its user has set
        otherwise; nor does it ask for them again.
    reads_results : bool
        Its model can read a URI that is in no list of resources.
    silent_seconds : float or None
        The host ends a call without progress after that long. None: no limit was found.
    progress_resets : bool
        A progress notification starts that time again.
    instructions_chars : int
        Of the server's instructions.
    unanswered : frozenset of str
        Capabilities that it declares and never answers.
    plain_schemas : bool
        Input schemas are sent without references, and with their defaults in words: some hosts drop `$defs`
        or `default`. Other clients get them as the protocol has them.
    loads_always, sizes_results : bool
        It reads `anthropic/alwaysLoad`, `anthropic/maxResultSizeChars` in a tool's `_meta`.
    takes_more : bool
        It takes results of more than `result_chars` characters where the user allows them.
    printed : bool
        What a call printed is part of the result: log messages reach no model.
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
        """The profile where the user has set how many characters a result may have."""
        return self if budget is None else _within(self, budget)


@lru_cache(maxsize=64)
def _within(profile: HostProfile, budget: int) -> HostProfile:
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
"""Our own client: everything, for its results are values in a notebook."""

AGGREGATE: Final = replace(OWN, name="mcp_jupyter.aggregate", title="the endpoint of all notebooks")
"""The endpoint of all notebooks, as a client of each. It lists for hosts whose profiles the notebook does not
know yet, so definitions carry what those depend on (`definitions.ResultFacts`)."""

DEFAULT: Final = HostProfile(
    name="",
    title="any other client",
    version="",
    measured=_DAY,
    source="the strictest of the above that costs other clients nothing",
    takes_more=True,
    plain_schemas=False,
)
"""What is safe for a client that is not in the table."""

PROFILES: Final[Mapping[str, HostProfile]] = {profile.name: profile for profile in (*_ALL, OWN)}

_BY_CLIENT: Final = {**PROFILES, AGGREGATE.name: AGGREGATE}

_QWEN: Final = "qwen-cli-mcp-client-"
"""Qwen Code appends the name that its user gave the server."""


def profile_of(client_info: Mapping[str, Any] | None) -> HostProfile:
    """The profile of a client, by what it says of itself (`clientInfo`, as received); else `DEFAULT`."""
    # JSON gives a dict. To ask for the abstract class costs more than the rest of the look-up.
    name = client_info.get("name") if isinstance(client_info, dict) else None
    if not isinstance(name, str):
        return DEFAULT
    return _BY_CLIENT.get(_QWEN[:-1] if name.startswith(_QWEN) else name, DEFAULT)


def host_title(client_info: Mapping[str, Any] | None) -> str:
    """A client's host for people: its title in the table, else what it calls itself."""
    profile = profile_of(client_info)
    if profile is not DEFAULT:
        return profile.title
    name = client_info.get("name") if isinstance(client_info, Mapping) else None
    return safe_line(name) if isinstance(name, str) and name else "this client"
