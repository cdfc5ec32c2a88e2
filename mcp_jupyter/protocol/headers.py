# SPDX-License-Identifier: BSD-3-Clause
"""Make and check the headers that mirror a request's body in Streamable HTTP, version 2026-07-28.

This module has the headers' names, the encoding of their values, and their comparison with the body. It works
with any HTTP library: headers are passed as a function from a name to its values. Callers answer a
`HeaderError` (400 with `HEADER_MISMATCH`).

Source: spec 2026-07-28, basic/transports/streamable-http, "Request Metadata"; server/tools,
"x-mcp-header"; SEP-2663 for the tasks extension. Case counts in headers' values, but not in their names.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from .._util.json_schema import subschemas
from .._util.text import safe_line
from .eras import PROTOCOL_VERSION as VERSION_KEY

__all__ = [
    "ANNOTATION",
    "LAST_EVENT_ID",
    "MAX_SAFE_INTEGER",
    "METHOD",
    "NAME",
    "PARAM_PREFIX",
    "PROTOCOL_VERSION",
    "SESSION_ID",
    "GetAll",
    "HeaderError",
    "announced",
    "check_params",
    "check_routing",
    "decode_value",
    "encode_value",
    "mirror_params",
    "name_of",
    "param_headers",
]

PROTOCOL_VERSION: Final = "Mcp-Protocol-Version"
SESSION_ID: Final = "Mcp-Session-Id"
METHOD: Final = "Mcp-Method"
NAME: Final = "Mcp-Name"
LAST_EVENT_ID: Final = "Last-Event-ID"
PARAM_PREFIX: Final = "Mcp-Param-"

ANNOTATION: Final = "x-mcp-header"
"""The keyword of a tool's input schema that asks for a header."""

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""JSON readers round larger integers differently, so the specification keeps them out of headers."""

GetAll: TypeAlias = Callable[[str], Sequence[str]]
"""Returns the values of all headers with a name, in any case (tornado: `request.headers.get_list`)."""

_SENTINEL_START: Final = "=?base64?"
_SENTINEL_END: Final = "?="
_FIELD_VALUE: Final = re.compile(r"[\t -~]*")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_DECIMAL: Final = re.compile(r"(-?[0-9]{1,16})(?:\.0+)?")  # no safe integer has more than 16 digits

_NAME_KEYS: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}

_PRIMITIVES: Final = frozenset({"string", "integer", "boolean"})


class HeaderError(ValueError):
    """A header is missing, malformed or different from the body, or a value cannot be put in a header."""


def encode_value(value: str) -> str:
    """Encode a value for a header: unchanged, or in base64 between `=?base64?` and `?=`.

    The result is visible ASCII, with spaces only inside. A tab inside would be legal, but the conformance
    tests require base64 for it.

    Raises
    ------
    HeaderError
        `value` holds a lone surrogate, which has no UTF-8 form.
    """
    looks_encoded = value.startswith(_SENTINEL_START) and value.endswith(_SENTINEL_END)
    if value.isascii() and value.isprintable() and value == value.strip(" ") and not looks_encoded:
        return value
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        raise HeaderError("the value holds a lone surrogate and cannot be sent in a header") from None
    return f"{_SENTINEL_START}{base64.b64encode(raw).decode()}{_SENTINEL_END}"


def decode_value(value: str) -> str:
    """Decode a header's value, the inverse of `encode_value`. White space around it is ignored.

    Raises
    ------
    HeaderError
        The value has a character that headers may not have, base64 that differs from an encoder's (padding,
        alphabet, unused bits), or bytes that are not UTF-8.
    """
    value = value.strip(" \t")
    if _FIELD_VALUE.fullmatch(value) is None:
        raise HeaderError("the value holds a character that a header may not carry")
    payload = value[len(_SENTINEL_START) : -len(_SENTINEL_END)]
    if value != f"{_SENTINEL_START}{payload}{_SENTINEL_END}":
        return value
    try:
        raw = base64.b64decode(payload, validate=True)
        text = raw.decode()
    except binascii.Error:
        raise HeaderError("the value is not valid base64") from None
    except UnicodeDecodeError:
        raise HeaderError("the value is not base64 of UTF-8 text") from None
    if base64.b64encode(raw).decode() != payload:
        raise HeaderError("the value is not canonical base64")
    return text


def name_of(method: str, params: Mapping[str, Any]) -> str | None:
    """Return the value that `Mcp-Name` must have for this request; None when the method has no such header.

    It is None too where the body lacks the name or has it in a wrong type: the check of the params refuses
    such a request.
    """
    key = _NAME_KEYS.get(method)
    name = params.get(key) if key is not None else None
    return name if isinstance(name, str) else None


def announced(headers: GetAll) -> tuple[str, dict[str, Any]] | None:
    """Return the method and the name or URI in the params that the headers of a modern request announce.

    None when they announce none. The body decides: `check_routing` compares it with the headers later.
    """
    methods, names = headers(METHOD), headers(NAME)
    key = _NAME_KEYS.get(methods[0]) if len(methods) == len(names) == 1 else None
    if key is None:
        return None
    try:
        return methods[0], {key: decode_value(names[0])}
    except HeaderError:
        return None


def check_routing(headers: GetAll, method: str, params: Mapping[str, Any]) -> None:
    """Check that version, method and name in the headers are those of the body.

    Call it after the check of the `_meta` keys (a missing one is `INVALID_PARAMS`, not a mismatch) and
    before the check whether the version is supported.

    Raises
    ------
    HeaderError
        A header is missing, given twice (two readers might take different ones), malformed, or different
        from the body. The message names it.
    """
    meta = params.get("_meta")
    version = meta.get(VERSION_KEY) if isinstance(meta, Mapping) else None
    _compare(PROTOCOL_VERSION, _required(headers, PROTOCOL_VERSION), version)
    _compare(METHOD, _required(headers, METHOD), method)
    given = _single(headers, NAME)
    name = name_of(method, params)
    if name is None:
        return
    if given is None:
        raise HeaderError(f"{NAME} header is missing")
    _compare(NAME, _decoded(NAME, given), name)


def param_headers(input_schema: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the `x-mcp-header` annotations of a tool's input schema.

    Returns
    -------
    dict
        The part of the header's name after `Mcp-Param-`, to the path of the argument that it mirrors.

    Raises
    ------
    HeaderError
        An annotation breaks a rule: it is not an RFC 9110 token, another one differs from it only in case,
        the type of its property is not a single one of string, integer and boolean, or the property is not
        reached from the root through `properties` alone. A client must ignore such a tool, so a server should
        call this before it offers one.
    """
    found: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for path, schema in _schemas_in(input_schema):
        if ANNOTATION not in schema:
            continue
        if not path:
            raise HeaderError(f"{ANNOTATION} stands where no chain of `properties` leads")
        suffix = _annotation(schema, path)
        if suffix.lower() in taken:
            raise HeaderError(f"{ANNOTATION} {suffix!r} is given twice (case does not count)")
        taken.add(suffix.lower())
        found[suffix] = path
    return found


def mirror_params(annotations: Mapping[str, tuple[str, ...]], arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return the `Mcp-Param-*` headers that a client sends with a call: header name to encoded value.

    An argument that is absent or null has no header. An argument of a type that headers cannot mirror has
    none either, and the server's check of the arguments refuses it.

    Parameters
    ----------
    annotations : mapping
        The result of `param_headers` for the tool.
    arguments : mapping
        The call's arguments.

    Raises
    ------
    HeaderError
        An integer beyond `MAX_SAFE_INTEGER`, or text that has no UTF-8 form.
    """
    headers: dict[str, str] = {}
    for suffix, path in annotations.items():
        text = _rendered(_argument(arguments, path), PARAM_PREFIX + suffix)
        if text is not None:
            headers[PARAM_PREFIX + suffix] = encode_value(text)
    return headers


def check_params(
    annotations: Mapping[str, tuple[str, ...]], arguments: Mapping[str, Any], get_all: GetAll
) -> None:
    """Check that the `Mcp-Param-*` headers equal the arguments. Headers of other names are ignored.

    An integer compares as a number (`42.0` is 42). A header without its argument is refused too, because a
    proxy may have acted on it.

    Parameters
    ----------
    annotations : mapping
        The result of `param_headers` for the tool.
    arguments : mapping
        The call's arguments.
    get_all : callable
        Returns the values of all headers with a name.

    Raises
    ------
    HeaderError
        A header is missing, given twice, malformed, or different from the argument. The message names it but
        omits the values, because arguments may be private.
    """
    for suffix, path in annotations.items():
        name = PARAM_PREFIX + suffix
        given = _single(get_all, name)
        value = _argument(arguments, path)
        expected = _rendered(value, name)
        if given is None and expected is None:
            continue
        if given is None:
            raise HeaderError(f"{name} header is missing, but the body has its argument")
        if expected is None:
            raise HeaderError(f"{name} header is given, but the body has no value for it")
        said = _decoded(name, given)
        if not isinstance(value, str | bool):
            said = _normal_integer(said)
        if said != expected:
            raise HeaderError(f"{name} header does not match the argument in the body")


def _single(get_all: GetAll, name: str) -> str | None:
    values = get_all(name)
    if len(values) > 1:
        raise HeaderError(f"{name} header is given more than once")
    return values[0].strip(" \t") if values else None


def _required(get_all: GetAll, name: str) -> str:
    value = _single(get_all, name)
    if value is None:
        raise HeaderError(f"{name} header is missing")
    return value


def _decoded(name: str, value: str) -> str:
    try:
        return decode_value(value)
    except HeaderError as error:
        raise HeaderError(f"{name} header: {error}") from None


def _compare(name: str, said: str, expected: object) -> None:
    if said != expected:
        raise HeaderError(f"{name} header value {_shown(said)} does not match body value {_shown(expected)}")


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return f"({type(value).__name__})"
    return repr(safe_line(value))


def _schemas_in(root: object) -> Iterator[tuple[tuple[str, ...] | None, Mapping[str, Any]]]:
    """Yield every schema in `root` with its path through `properties`; None if it is under other keywords."""
    waiting: deque[tuple[tuple[str, ...] | None, object]] = deque([((), root)])
    while waiting:
        path, schema = waiting.popleft()
        if not isinstance(schema, Mapping):  # `true` and `false` are schemas too
            continue
        yield path, schema
        for keyword, name, inner in subschemas(schema):
            further = (*path, name) if keyword == "properties" and path is not None else None
            waiting.append((further, inner))


def _annotation(schema: Mapping[str, Any], path: tuple[str, ...]) -> str:
    where = f"property {_shown('.'.join(path))}"
    suffix, kind = schema[ANNOTATION], schema.get("type")
    if not isinstance(suffix, str) or _TOKEN.fullmatch(suffix) is None:
        raise HeaderError(
            f"{where}: {ANNOTATION} must be a header name (RFC 9110 token), not {_shown(suffix)}"
        )
    if not isinstance(kind, str) or kind not in _PRIMITIVES:
        raise HeaderError(
            f"{where}: {ANNOTATION} needs the type string, integer or boolean, not {_shown(kind)}"
        )
    return suffix


def _argument(arguments: Mapping[str, Any], path: tuple[str, ...]) -> object:
    value: object = arguments
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _rendered(value: object, header: str) -> str | None:
    """Return the text of a header for `value`; None when headers cannot mirror it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():  # JSON Schema counts 42.0 as an integer
        value = int(value)
    if not isinstance(value, int):
        return None
    if abs(value) > MAX_SAFE_INTEGER:
        raise HeaderError(f"{header} header cannot carry an integer beyond 2**53 - 1")
    return str(value)


def _normal_integer(text: str) -> str:
    match = _DECIMAL.fullmatch(text)
    return text if match is None else str(int(match[1]))
