# SPDX-License-Identifier: BSD-3-Clause
"""The OAuth scenarios of the conformance suite, one at a time, as in `test_client.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Suite
from .test_client import VERSIONS, passes

BOTH = (
    *("metadata-default", "metadata-var1", "metadata-var2", "metadata-var3", "basic-cimd"),
    *("scope-from-www-authenticate", "scope-from-scopes-supported", "scope-omitted-when-undefined"),
    *("scope-step-up", "scope-retry-limit", "pre-registration"),
    *("token-endpoint-auth-basic", "token-endpoint-auth-post", "token-endpoint-auth-none"),
)
REQUIRED = {
    "2025-11-25": BOTH,
    "2026-07-28": (
        *(*BOTH, "resource-mismatch", "offline-access-scope", "offline-access-not-supported"),
        *("authorization-server-migration", "iss-supported", "iss-not-advertised", "iss-supported-missing"),
        *("iss-wrong-issuer", "iss-unexpected", "iss-normalized", "metadata-issuer-mismatch"),
    ),
}
NOT_SCORED = (
    *("client-credentials-jwt", "client-credentials-basic", "enterprise-managed-authorization"),
    *("wif-jwt-bearer", "dpop", "dpop-nonce"),
)
"""Extensions, which belong to no version."""

OLDER = [
    *(("2025-06-18", f"token-endpoint-auth-{kind}") for kind in ("basic", "post", "none")),
    *(("2025-03-26", f"2025-03-26-oauth-{name}") for name in ("metadata-backcompat", "endpoint-fallback")),
]
"""Versions without a frozen set."""

GIVES_UP = frozenset(
    (
        *("resource-mismatch", "scope-retry-limit", "iss-supported-missing", "iss-wrong-issuer"),
        *("iss-unexpected", "iss-normalized", "metadata-issuer-mismatch"),
    )
)
"""Where the client has to refuse: its exit code says so."""


@pytest.mark.parametrize("version", VERSIONS)
def test_no_required_scenario_of_authorization_is_left_out(suite: Suite, version: str) -> None:
    listed = suite.run("list", "--requirements", version, timeout=30).stdout
    required = listed.split("Client scenarios")[1].split("Run and reported")[0].splitlines()
    names = {line.strip().removeprefix("- ").split()[0] for line in required if line.startswith("  - auth/")}
    assert names == {f"auth/{name}" for name in REQUIRED[version]}


@pytest.mark.parametrize(("version", "name"), [(v, name) for v in VERSIONS for name in REQUIRED[v]] + OLDER)
def test_the_client_signs_in(suite: Suite, version: str, name: str, tmp_path: Path) -> None:
    passes(suite, version, f"auth/{name}", tmp_path, may_fail=name in GIVES_UP)


@pytest.mark.parametrize("name", NOT_SCORED)
def test_the_client_knows_the_extension(suite: Suite, name: str, tmp_path: Path) -> None:
    passes(suite, VERSIONS[-1], f"auth/{name}", tmp_path, options=["--force"])
