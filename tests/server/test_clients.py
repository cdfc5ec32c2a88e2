# SPDX-License-Identifier: BSD-3-Clause
"""Who talks with a server now: bounded, fit to be shown, and gone after a while."""

from __future__ import annotations

import pytest

from mcp_jupyter._util.text import MAX_LINE_CHARS
from mcp_jupyter.server import session
from mcp_jupyter.server.session import MAX_CLIENTS, QUIET_SECONDS, SeenClients


class Clock:
    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(session, "time", clock)
    return clock


def test_a_client_is_there_since_it_first_asked(clock: Clock) -> None:
    """A client that asks again stays one (2: doctor)."""
    seen = SeenClients()
    seen.note({"name": "a", "version": "1"})
    clock.now += 60
    seen.note({"name": "a", "version": "1"})
    assert seen.said() == [{"name": "a", "version": "1", "since": "1970-01-12T13:46:40Z"}]


def test_a_modern_client_that_is_quiet_is_gone_and_a_legacy_one_stays(clock: Clock) -> None:
    """Modern clients say no goodbye; a legacy session ends with its channel (2: doctor)."""
    seen = SeenClients()
    seen.note({"name": "modern", "version": "1"})
    seen.note({"name": "legacy", "version": "1"}, stays=True)
    clock.now += QUIET_SECONDS + 1
    assert [client["name"] for client in seen.said()] == ["legacy"]


def test_there_is_a_bound_and_the_quietest_goes(clock: Clock) -> None:
    """A client that gives itself a new name with each request fills nothing (2: doctor)."""
    seen = SeenClients()
    for number in range(3 * MAX_CLIENTS):
        clock.now += 1
        seen.note({"name": f"n{number}", "version": "1"})
    names = [client["name"] for client in seen.said()]
    assert names == [f"n{number}" for number in range(2 * MAX_CLIENTS, 3 * MAX_CLIENTS)]


@pytest.mark.parametrize("info", [{}, {"name": ""}, {"name": 1}, {"name": None, "version": "1"}])
def test_who_has_no_name_is_not_noted(info: dict[str, object]) -> None:
    """What it says is not checked before (2: doctor)."""
    seen = SeenClients()
    seen.note(info)
    assert seen.said() == []


def test_foreign_text_is_fit_to_be_shown() -> None:
    """Control characters and changes of direction are replaced, and it is cut (2: doctor)."""
    seen = SeenClients()
    seen.note({"name": "a\x1b[2J\u202e" + "x" * 1000, "version": {"a": 1}})
    (client,) = seen.said()
    assert client["name"] == "a⟨U+202E⟩" + "x" * (MAX_LINE_CHARS - 10) + "…"
    assert client["version"] == ""
