# SPDX-License-Identifier: BSD-3-Clause
"""What the table of profiles says was measured is what `make hosts` runs."""

from __future__ import annotations

from mcp_jupyter.server.host_profiles import PROFILES

from .programs import HOSTS


def test_profiles_are_of_the_versions_that_are_run() -> None:
    """A host that is measured anew changes both (2: host profiles)."""
    told = {(profile.title, profile.version) for profile in PROFILES.values()}
    assert {(host.title, host.version) for host in HOSTS.values()} <= told
