# SPDX-License-Identifier: BSD-3-Clause
"""What a server says when it refuses a request for want of credentials.

Owns the reading of `WWW-Authenticate` (RFC 9110, 11.6.1; RFC 6750, 3; RFC 9449, 7.1; RFC 9728, 5.1). Sends
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.request import parse_http_list

import httpx2

__all__ = ["NONCE_WANTED", "Challenge", "challenge_of"]

NONCE_WANTED: Final = "use_dpop_nonce"
"""The error code of a refusal that a nonce mends (RFC 9449, sections 8 and 9)."""

_SCHEME: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s+|$)(?!=)")
_PARAMETER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A refusal that new credentials may mend.

    Parameters
    ----------
    insufficient : bool
        The token is good but lacks scopes (403); otherwise there is no good token (401).
    scopes : tuple of str
        What the request needs.
    resource_metadata : str, optional
        Where the protected resource's metadata is.
    wants_nonce : bool
        The token may be good: its proof lacks the nonce that came with the refusal (RFC 9449, 9).
    """

    insufficient: bool
    scopes: tuple[str, ...] = ()
    resource_metadata: str | None = None
    wants_nonce: bool = False


def challenge_of(response: httpx2.Response) -> Challenge | None:
    """The challenge in a response; None when credentials are not what it lacks."""
    if response.status_code not in (401, 403):
        return None
    bearer, dpop = _parameters(response.headers.get_list("www-authenticate"))
    said = {**dpop, **bearer}
    insufficient = response.status_code == 403
    if insufficient and said.get("error") != "insufficient_scope":
        return None
    return Challenge(
        insufficient,
        tuple(said.get("scope", "").split()),
        said.get("resource_metadata"),
        wants_nonce=not insufficient and dpop.get("error") == NONCE_WANTED,
    )


def _parameters(headers: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters of the first challenge of the scheme Bearer, and of the first of DPoP."""
    schemes: dict[str, dict[str, str]] = {"bearer": {}, "dpop": {}}
    for header in headers:
        found: dict[str, str] | None = None
        for item in parse_http_list(header):
            begins = _SCHEME.match(item)
            if begins:
                found = schemes.get(begins[1].lower())
                found = None if found else found  # only the first of a scheme
                item = item[begins.end() :]
            parameter = _PARAMETER.fullmatch(item.strip()) if found is not None else None
            if parameter and found is not None:
                value = parameter[2].strip()
                if len(value) > 1 and value[0] == value[-1] == '"':
                    value = re.sub(r"\\(.)", r"\1", value[1:-1])
                found.setdefault(parameter[1].lower(), value)
    return schemes["bearer"], schemes["dpop"]
