# SPDX-License-Identifier: BSD-3-Clause
"""The `Origin` and `Host` rules as tables: a value that is not in the list does not pass."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.protocol.origins import HostRule, OriginRule, loopback

OURS = "http://localhost:8888"

# The fourteen of SECURITY.md, T1. None: passes.
FOURTEEN = {
    "absent": ([], None),
    "ours": ([OURS], None),
    "ours upper-case": (["HTTP://LOCALHOST:8888"], None),
    "other loopback port": (["http://localhost:8889"], "Origin not allowed"),
    "null": (["null"], "Origin null is not allowed"),
    "evil": (["https://evil.example.com"], "Origin not allowed"),
    "prefix": (["http://localhost:8888.evil.example.com"], "malformed Origin header"),
    "userinfo": (["http://localhost:8888@evil.example.com"], "malformed Origin header"),
    "fragment": ([f"{OURS}#x"], "malformed Origin header"),
    "trailing dot": (["http://localhost.:8888"], "malformed Origin header"),
    "IPv6": (["http://[::1]:8888"], "Origin not allowed"),
    "punycode": (["http://xn--lcalhost-54a:8888"], "Origin not allowed"),
    "two headers": ([OURS, OURS], "more than one Origin header"),
    "empty": ([""], "empty Origin header"),
}


@pytest.mark.parametrize(("origins", "reason"), FOURTEEN.values(), ids=FOURTEEN.keys())
def test_origin_matrix(origins: list[str], reason: str | None) -> None:
    assert OriginRule([OURS]).check(origins) == reason


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",  # another port: 80
        "https://localhost:8888",  # another scheme
        "http://127.0.0.1:8888",  # another name of the same machine
        "http://localhost:8888/",
        "http://localhost:8888/path",
        "http://localhost:8888?q",
        "http://localhost:08888",
        "http://localhost:888888",
        "http://localhost:",
        "http://user@localhost:8888",
        "http://user:pass@localhost:8888",
        "http://sub.localhost:8888",
        "http://localhost.evil.example.com:8888",
        "http://evil.example.com/http://localhost:8888",
        "http://localhost:8888, http://evil.example.com",
        "http://evil.example.com http://localhost:8888",  # RFC 6454 lets a list stand in the header
        " http://localhost:8888",
        "http://localhost:8888\n",
        "http://localhost:8888\x00",
        "http://localho\u017ft:8888",
        "http://\uff4cocalhost:8888",
        "http:/localhost:8888",
        "//localhost:8888",
        "localhost:8888",
        "NULL",
        "*",
        "file://",
        "about:blank",
    ],
)
def test_near_misses_are_refused(origin: str) -> None:
    assert OriginRule([OURS]).check([origin]) is not None


def test_the_default_port_of_the_scheme_is_no_port() -> None:
    rule = OriginRule(["http://a.example:80", "https://b.example", "http://c.example:443"])
    assert rule.check(["http://a.example"]) is None
    assert rule.check(["http://a.example:80"]) is None
    assert rule.check(["https://b.example:443"]) is None
    assert rule.check(["https://b.example:80"]) is not None
    assert rule.check(["http://c.example:443"]) is None
    assert rule.check(["http://c.example"]) is not None


def test_origins_of_other_kinds_may_be_allowed() -> None:
    rule = OriginRule(["http://[::1]:8888", "vscode-webview://1abc", "http://xn--mnchen-3ya.example"])
    assert rule.check(["http://[::1]:8888"]) is None
    assert rule.check(["http://[0:0:0:0:0:0:0:1]:8888"]) is not None  # browsers send the short form
    assert rule.check(["vscode-webview://1abc"]) is None
    assert rule.check(["http://XN--MNCHEN-3YA.example"]) is None


@pytest.mark.parametrize(
    ("sites", "passes"),
    [
        ([], True),
        (["same-origin"], True),
        (["same-site"], True),
        (["none"], True),
        (["cross-site"], False),
        (["Cross-Site "], False),
        (["same-origin", "cross-site"], False),
    ],
)
def test_cross_site_requests_are_refused_whatever_their_origin(sites: list[str], passes: bool) -> None:
    rule = OriginRule([OURS])
    assert (rule.check([], sites) is None) is passes
    assert (rule.check([OURS], sites) is None) is passes


def test_letters_that_only_lower_to_ascii_are_refused() -> None:
    kelvin = "\u212a"
    assert kelvin.lower() == "k"
    assert OriginRule(["http://kernel"]).check([f"http://{kelvin}ernel"]) is not None
    assert HostRule(["kernel"]).check([f"{kelvin}ernel"]) is not None


def test_with_nothing_allowed_only_an_absent_origin_passes() -> None:
    assert OriginRule([]).check([]) is None
    assert OriginRule([]).check([OURS]) is not None


@pytest.mark.parametrize("entry", ["*", "http://*", "http://x/", "x", "null", "", "http://münchen.example"])
def test_a_wrong_entry_is_reported_when_configured(entry: str) -> None:
    with pytest.raises(ValueError, match="an allowed origin must read"):
        OriginRule([entry])


@given(st.lists(st.text(max_size=40), max_size=3), st.lists(st.text(max_size=12), max_size=2))
def test_anything_gets_a_verdict_and_only_ours_passes(origins: list[str], sites: list[str]) -> None:
    verdict = OriginRule([OURS]).check(origins, sites)
    assert verdict is not None or not origins or [origin.lower() for origin in origins] == [OURS]


@pytest.mark.parametrize(
    "text",
    ["http://" + "a." * 200_000, "http://" + "-" * 400_000 + "!", "a" * 400_000],
    ids=["labels", "hyphens", "letters"],
)
def test_long_hostile_values_cost_little(text: str) -> None:
    started = time.process_time()
    assert OriginRule([OURS]).check([text]) is not None
    assert HostRule(loopback()).check([text.removeprefix("http://")]) is not None
    assert time.process_time() - started < 2


# ---- Host


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        (["localhost:8888"], None),
        (["LocalHost:8888"], None),
        (["127.0.0.1:8888"], None),
        (["[::1]:8888"], None),
        ([], "missing Host header"),
        (["localhost:8888", "localhost:8888"], "more than one Host header"),
        ([""], "malformed Host header"),
        (["localhost"], "Host not allowed"),
        (["localhost:8889"], "Host not allowed"),
        (["evil.example.com"], "Host not allowed"),
        (["evil.example.com:8888"], "Host not allowed"),
        (["127.0.0.2:8888"], "Host not allowed"),
        (["127.1:8888"], "Host not allowed"),
        (["0.0.0.0:8888"], "Host not allowed"),
        (["2130706433:8888"], "Host not allowed"),
        (["localhost.evil.example.com:8888"], "Host not allowed"),
        (["localhost.:8888"], "malformed Host header"),
        (["localhost:8888.evil.example.com"], "malformed Host header"),
        (["user@localhost:8888"], "malformed Host header"),
        (["localhost:8888/"], "malformed Host header"),
        (["localhost:8888, evil.example.com"], "malformed Host header"),
        (["localhost:"], "malformed Host header"),
        (["::1"], "malformed Host header"),
        (["[::1%lo]:8888"], "malformed Host header"),
        (["[::ffff:127.0.0.1]:8888"], "Host not allowed"),
    ],
)
def test_host_matrix(hosts: list[str], reason: str | None) -> None:
    assert HostRule(loopback(8888)).check(hosts) == reason


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_loopback_at_any_port(host: str) -> None:
    rule = HostRule(loopback())
    assert rule.check([host]) is None
    assert rule.check([f"{host}:1"]) is None
    assert rule.check([f"{host}:65535"]) is None
    assert rule.check(["evil.example.com"]) is not None


def test_loopback_at_the_default_port_goes_without_it() -> None:
    assert HostRule(loopback(80)).check(["localhost"]) is None
    assert HostRule(loopback(443)).check(["[::1]"]) is None
    assert HostRule(loopback(80)).check(["localhost:8888"]) is not None


def test_names_of_a_deployment() -> None:
    rule = HostRule(["Hub.Example.org", "lab.example.org:8443"])
    assert rule.check(["hub.example.org"]) is None
    assert rule.check(["hub.example.org:443"]) is not None
    assert rule.check(["LAB.example.org:8443"]) is None
    assert rule.check(["lab.example.org"]) is not None


@pytest.mark.parametrize("entry", ["*", "", "*:8888", "a:80:*", "a.", "http://a", "a/", "::1", "a:*:*"])
def test_a_wrong_host_is_reported_when_configured(entry: str) -> None:
    with pytest.raises(ValueError, match="an allowed host must read"):
        HostRule([entry])


@given(st.lists(st.text(max_size=40), max_size=3))
def test_any_host_gets_a_verdict(hosts: list[str]) -> None:
    verdict = HostRule(["a:1"]).check(hosts)
    assert verdict is not None or [host.lower() for host in hosts] == ["a:1"]
