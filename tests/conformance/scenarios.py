# SPDX-License-Identifier: BSD-3-Clause
"""The server scenarios of each protocol version. A test compares the list with what the suite prints."""

from __future__ import annotations

import re

__all__ = ["NOT_OURS", "SCENARIOS", "SELF_SKIPPED", "UNDECLARED", "listing", "selection"]

_EVERYWHERE = (
    *("completion-complete", "tools-list", "tools-call-simple-text", "tools-call-image", "tools-call-audio"),
    *("tools-call-embedded-resource", "tools-call-mixed-content", "tools-call-error"),
    *("tools-call-with-progress", "resources-list", "resources-read-text", "resources-read-binary"),
    *("resources-templates-read", "prompts-list", "prompts-get-simple", "prompts-get-with-args"),
    *("prompts-get-embedded-resource", "prompts-get-with-image"),
)
_LEGACY = (
    *("server-initialize", "logging-set-level", "ping", "tools-call-with-logging", "tools-call-sampling"),
    *("tools-call-elicitation", "resources-subscribe", "resources-unsubscribe", "server-session-lifecycle"),
)
_ROUNDS = (
    *("basic-elicitation", "basic-sampling", "basic-list-roots", "request-state", "multiple-input-requests"),
    *("multi-round", "missing-input-response", "non-tool-request", "result-type", "unsupported-methods"),
    *("tampered-state", "capability-check", "ignore-extra-params", "validate-input"),
)
_TASKS = (
    *("lifecycle", "capability-negotiation", "wire-fields", "request-state-removal", "mrtr-input"),
    *("request-headers", "dispatch-and-envelope", "status-notifications", "required-task-error"),
    *("mrtr-composition",),
)
_SINCE_2025_11 = ("server-sse-multiple-streams", "dns-rebinding-protection", "json-schema-2020-12")

SCENARIOS: dict[str, tuple[str, ...]] = {
    "2025-03-26": ("server-session-lifecycle",),
    "2025-06-18": (*_EVERYWHERE, *_LEGACY),
    "2025-11-25": (
        *(*_EVERYWHERE, *_LEGACY, *_SINCE_2025_11),
        *("elicitation-sep1034-defaults", "elicitation-sep1330-enums", "server-sse-polling"),
    ),
    "2026-07-28": (
        *(*_EVERYWHERE, *_SINCE_2025_11, "server-stateless", "sep-2164-resource-not-found", "caching"),
        *(f"input-required-result-{name}" for name in _ROUNDS),
        *(f"tasks-{name}" for name in _TASKS),
        *("http-header-validation", "http-custom-header-server-validation"),
    ),
}
"""All that a version requires, and all that is run with it and not scored."""

SELF_SKIPPED = {
    "tasks-status-notifications": "this version of the suite skips it whatever the server does: it looks for "
    "notifications/tasks on the call's own stream, where SEP-2663 does not put them",
}
"""Scenarios without one check, and why."""

UNDECLARED = tuple(f"sep-2640-skills-{part}" for part in ("directory", "enumeration", "manifest"))
"""Of the skills extension (SEP-2640), which no version includes and we do not declare."""

NOT_OURS = frozenset({"authorization-server-metadata-endpoint", "authorization-code-grant"})
"""For authorization servers, which we are not."""


def selection(version: str) -> tuple[str, ...]:
    """The options of the suite that choose a version's scenarios: the frozen set where there is one."""
    if version in ("2025-11-25", "2026-07-28"):
        return ("--requirements", version)
    return ("--suite", "all", "--spec-version", version)


def listing(printed: str) -> set[str]:
    """The server scenarios in what the suite's `list` prints."""
    found = set()
    server = False
    for line in printed.splitlines():
        if line.endswith(":") and "scenarios" in line:
            server = line.startswith("Server")
        name = re.match(r"\s+- (\S+)", line)
        if name and (server or line.endswith("[server]")) and not line.endswith("[client]"):
            found.add(name[1])
    return found
