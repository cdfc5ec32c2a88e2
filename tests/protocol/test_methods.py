# SPDX-License-Identifier: BSD-3-Clause
"""The table of methods and the eras, against the official schemas."""

from __future__ import annotations

import pytest

from mcp_jupyter.errors import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    RESOURCE_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION,
    McpError,
)
from mcp_jupyter.protocol import eras
from mcp_jupyter.protocol.methods import LEGACY_VERSIONS, METHODS, MODERN_VERSIONS, VERSIONS, methods_of
from mcp_jupyter.types import ListToolsResult

V = "2026-07-28"


def test_unknown_versions_have_no_era():
    with pytest.raises(KeyError):
        eras.era_of("2020-01-01")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_an_era_with_the_methods_of_the_table(version):
    era = eras.era_of(version)
    assert era.version == version
    assert era.client_requests == methods_of(version, "client")


def test_no_method_stands_twice_for_one_sender():
    assert len({(m.name, m.sender) for m in METHODS}) == len(METHODS)


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_a_handshake_ends_in_the_requested_legacy_version(version):
    assert eras.negotiate(version).version == version


@pytest.mark.parametrize("requested", [*MODERN_VERSIONS, "1999-01-01", None, 7])
def test_a_handshake_never_ends_in_a_modern_or_unknown_version(requested):
    assert eras.negotiate(requested).version == LEGACY_VERSIONS[-1]


def envelope(**changed):
    return {"_meta": {eras.PROTOCOL_VERSION: V, eras.CLIENT_CAPABILITIES: {}} | changed}


def test_the_envelope_makes_a_request_modern_whatever_its_method():
    assert eras.is_modern("initialize", envelope())
    assert eras.is_modern("server/discover", {})
    assert not eras.is_modern("initialize", {"_meta": {"progressToken": 1}})
    assert not eras.is_modern("initialize", {"_meta": "text"})


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({}, INVALID_PARAMS),
        (envelope(**{eras.PROTOCOL_VERSION: 7}), INVALID_PARAMS),
        (envelope(**{eras.CLIENT_CAPABILITIES: None}), INVALID_PARAMS),
        (envelope(**{eras.PROTOCOL_VERSION: "2031-01-01"}), UNSUPPORTED_PROTOCOL_VERSION),
        (envelope(**{eras.PROTOCOL_VERSION: "2025-11-25"}), UNSUPPORTED_PROTOCOL_VERSION),
    ],
)
def test_a_faulty_envelope_is_refused_with_the_code_of_its_fault(params, code):
    with pytest.raises(McpError) as caught:
        eras.modern_era(params)
    assert caught.value.code == code


def test_an_unsupported_version_names_what_is_supported():
    with pytest.raises(McpError) as caught:
        eras.modern_era(envelope(**{eras.PROTOCOL_VERSION: "2031-01-01"}))
    assert caught.value.data == {"supported": list(MODERN_VERSIONS), "requested": "2031-01-01"}


@pytest.mark.parametrize("result", [{"tools": []}, ListToolsResult(tools=[])], ids=["mapping", "model"])
def test_a_modern_result_is_completed_and_a_legacy_one_left_alone(result):
    legacy = eras.era_of("2025-11-25").complete("tools/list", result, {"name": "s"})
    assert legacy is result
    done = eras.era_of(V).complete("tools/list", result, {"name": "s"})
    plain = done if isinstance(done, dict) else done.model_dump(by_alias=True, exclude_none=True)
    assert plain == {
        "tools": [],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {eras.SERVER_INFO: {"name": "s"}},
    }


def test_a_missing_resource_has_the_code_of_its_era():
    assert eras.era_of("2025-11-25").resource_not_found("a://b").code == RESOURCE_NOT_FOUND
    modern = eras.era_of(V).resource_not_found("a://b")
    assert (modern.code, modern.data) == (INVALID_PARAMS, {"uri": "a://b"})


def test_only_the_modern_era_gives_errors_an_http_status():
    assert eras.era_of("2025-11-25").http_status(METHOD_NOT_FOUND) == 200
    assert eras.era_of(V).http_status(METHOD_NOT_FOUND) == 404
    assert eras.era_of(V).http_status(UNSUPPORTED_PROTOCOL_VERSION) == 400
