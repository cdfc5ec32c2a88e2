# SPDX-License-Identifier: BSD-3-Clause
"""Parse, expand and match the URI templates (RFC 6570) of MCP resource templates.

RFC 6570 defines expansion; the rules for matching are ours. **Values are text from outside.** They are
percent-decoded, so even `{name}`, which never matches a "/", may yield "../x" (from "..%2Fx"), "/" or NUL.
`path_fault` says whether a value would lead out of a folder; resources call it before their functions run.

| expression           | matches                                                                        |
|----------------------|--------------------------------------------------------------------------------|
| `{a}` `{a,b}`        | at least one character, none of "/", "?", "#" (nor "&" after a "?")            |
| `{/a}` `{.a}`        | the same after a "/" or a "."                                                  |
| `{path*}` `{/path*}` | the same and "/": the rest of a path (FastMCP's wildcard, not that of RFC 6570) |
| `{+a}`               | at least one character of any kind                                             |
| `{?a,b}` `{&a,b}`    | parameters in any order, each optional and given at most once, and no others   |
| `{#a}`               | the fragment, at least one character                                           |

These are refused: `{;a}` and the operators that RFC 6570 reserves; `{a:3}`; `*` elsewhere; a variable named
twice; and templates that leave open where a value ends: two variables side by side, two that match "/", text
after `{?a}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

__all__ = ["UriTemplate", "UriTemplateError", "path_fault"]


class UriTemplateError(ValueError):
    """A template is invalid, or values do not fit it."""


_RESERVED: Final = ":/?#[]@!$&'()*+,;="  # RFC 3986 section 2.2
_NAME: Final = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_SEPARATOR: Final = re.compile(r"[/\\]")
_DRIVE: Final = re.compile(r"\s*[A-Za-z]:")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class _Operator:
    """How RFC 6570 (appendix A) expands an expression: first text, separator and unescaped characters."""

    first: str = ""
    separator: str = ","
    named: bool = False
    safe: str = ""


_OPERATORS: Final = {
    "": _Operator(),
    "+": _Operator(safe=_RESERVED + "%"),
    "#": _Operator("#", safe=_RESERVED + "%"),
    ".": _Operator(".", "."),
    "/": _Operator("/", "/"),
    "?": _Operator("?", "&", named=True),
    "&": _Operator("&", "&", named=True),
}
_UNSUPPORTED: Final = ";=,!@|"


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    operator: _Operator
    wildcard: bool = False

    @property
    def spans_segments(self) -> bool:
        return self.wildcard or bool(self.operator.safe)

    def encode(self, value: str) -> str:
        if self.operator.safe:
            # Reserved expansion keeps what is percent-encoded already (RFC 6570 section 3.2.1).
            return quote(_BAD_PERCENT.sub("%25", value), safe=self.operator.safe)
        return quote(value, safe="/" if self.wildcard else "")


@dataclass(frozen=True, slots=True)
class _Expression:
    operator: _Operator
    variables: tuple[_Variable, ...]


class UriTemplate:
    """One parsed template.

    Parameters
    ----------
    template : str
        For instance ``data://{table}{?limit,offset}``.

    Attributes
    ----------
    template : str
        The template's text.
    variables : tuple of str
        Names, in the order of the template.
    required : frozenset of str
        The names that every match has: all but the query parameters.

    Raises
    ------
    UriTemplateError
        The template is invalid. The message says why, and where.
    """

    __slots__ = ("_fragment", "_parts", "_path", "_query", "required", "template", "variables")

    def __init__(self, template: str) -> None:
        self.template = template
        self._parts = tuple(_parse(template))
        layout = _Layout(template, self._parts)
        self._path = layout.path()
        self._query = layout.query
        self._fragment = layout.fragment
        named = [v for part in self._parts if isinstance(part, _Expression) for v in part.variables]
        self.variables = tuple(v.name for v in named)
        self.required = frozenset(v.name for v in named if not v.operator.named)

    def __repr__(self) -> str:
        return f"UriTemplate({self.template!r})"

    def match(self, uri: str) -> dict[str, str] | None:
        """Return the values with which the template gives `uri`, percent-decoded; None without a match.

        Where several readings are possible, one variable gets as much as it can: the one that spans segments,
        or else the first. `{a}-{b}` reads "x-y-z" as "x-y" and "z". A value with a malformed percent
        sequence, or with one that is not UTF-8, does not match. Characters that a URI may not have count as
        their percent-encoded form.

        The time is linear in the length of `uri` for a given template.
        """
        try:
            uri = _normalised(uri)
        except UnicodeEncodeError:  # lone surrogates
            return None
        found: dict[str, str] = {}
        if self._fragment is not None:
            uri, _, found[self._fragment] = uri.partition("#")
            if not found[self._fragment]:
                return None
        if self._query is not None:
            split = self._query.split(uri)
            if split is None:
                return None
            uri, parameters = split
            found |= parameters
        values = self._path.match(uri)
        if values is None:
            return None
        return _decoded(values | found)

    def expand(self, values: Mapping[str, Any]) -> str:
        """Return the URI for `values`: text, numbers or booleans.

        Query parameters that are absent or None are left out, and names that the template lacks are ignored.
        RFC 6570 would leave out every undefined variable, which would give the URI of another resource.

        Raises
        ------
        UriTemplateError
            A required value is absent, or a value is of another type or has no UTF-8 form.
        """
        return "".join(
            part if isinstance(part, str) else self._expand_expression(part, values) for part in self._parts
        )

    def _expand_expression(self, expression: _Expression, values: Mapping[str, Any]) -> str:
        operator = expression.operator
        items: list[str] = []
        for variable in expression.variables:
            value = values.get(variable.name)
            if value is None:
                if not operator.named:
                    raise UriTemplateError(f"{self.template!r} needs a value for {variable.name!r}")
                continue
            try:
                text = variable.encode(_text(variable, value))
            except UnicodeEncodeError:
                raise UriTemplateError(f"the value of {variable.name!r} holds a lone surrogate") from None
            items.append(f"{variable.name}={text}" if operator.named else text)
        return operator.first + operator.separator.join(items) if items else ""


def path_fault(value: str, *, absolute: bool = False) -> str | None:
    """Return why a value must not become part of a path, as the end of a sentence; None when it may.

    The rules of Windows and POSIX both apply on every platform: a server written on one may run on another.

    Parameters
    ----------
    value : str
        The decoded value of a template's variable.
    absolute : bool
        Whether absolute paths and drive letters are allowed.
    """
    if "\0" in value:
        return "has a NUL character"
    if any(segment.strip() == ".." for segment in _SEPARATOR.split(value)):  # Windows drops white space
        return "has a '..' segment"
    if absolute:
        return None
    if value.lstrip()[:1] in ("/", "\\"):
        return "is an absolute path"
    return "has a drive letter" if _DRIVE.match(value) else None


# ------------------------------------------------------------------------------------------------- parsing


def _parse(template: str) -> Iterator[str | _Expression]:
    """Yield the template's parts: literals, percent-encoded as in a URI, and expressions."""
    seen: set[str] = set()
    position = 0
    while position < len(template):
        opening = template.find("{", position)
        literal = template[position:] if opening < 0 else template[position:opening]
        if "}" in literal:
            raise _error(template, position + literal.index("}"), "'}' without '{'")
        if literal:
            yield _literal(template, position, literal)
        if opening < 0:
            return
        closing = template.find("}", opening)
        if closing < 0 or "{" in template[opening + 1 : closing]:
            raise _error(template, opening, "'{' without '}'")
        expression = _expression(template, opening, template[opening + 1 : closing])
        for variable in expression.variables:
            if variable.name in seen:
                raise _error(template, opening, f"variable {variable.name!r} is named twice")
            seen.add(variable.name)
        yield expression
        position = closing + 1


def _literal(template: str, position: int, literal: str) -> str:
    try:
        return _normalised(literal)
    except UnicodeEncodeError:
        raise _error(template, position, "a lone surrogate in the text") from None


def _expression(template: str, opening: int, body: str) -> _Expression:
    symbol = body[:1] if body[:1] in _OPERATORS else ""
    if body[:1] and body[:1] in _UNSUPPORTED:
        raise _error(template, opening, f"operator {body[0]!r} is not supported")
    operator = _OPERATORS[symbol]
    return _Expression(
        operator,
        tuple(_variable(template, opening, symbol, spec) for spec in body[len(symbol) :].split(",")),
    )


def _variable(template: str, opening: int, symbol: str, spec: str) -> _Variable:
    name = spec.removesuffix("*")
    wildcard = name != spec
    if not name:
        raise _error(template, opening, "empty variable name")
    if ":" in name:
        raise _error(template, opening, f"the prefix modifier in {spec!r} is not supported")
    if _NAME.fullmatch(name) is None:
        raise _error(template, opening, f"invalid variable name {name!r}")
    if wildcard and symbol not in ("", "/"):
        raise _error(template, opening, f"'*' is not supported after operator {symbol!r}")
    return _Variable(name, _OPERATORS[symbol], wildcard)


def _error(template: str, position: int, what: str) -> UriTemplateError:
    return UriTemplateError(f"{what} at position {position} of URI template {template!r}")


def _normalised(text: str) -> str:
    """Percent-encode every character that a URI may not have (RFC 3986; so does RFC 6570 with literals)."""
    return quote(text, safe=_RESERVED + "%")


class _Layout:
    """Sorts the parts of a template into path, query parameters and fragment; raises where this fails."""

    def __init__(self, template: str, parts: tuple[str | _Expression, ...]) -> None:
        self.template = template
        self.fragment: str | None = None
        self._literals = [""]  # one more than variables
        self._variables: list[_Variable] = []
        self._parameters: list[str] = []
        for part in parts:
            if isinstance(part, str):
                self._add_literal(part)
            elif part.operator.named:
                self._add_parameters(part)
            elif part.operator.first == "#":
                self._add_fragment(part)
            else:
                self._add_variables(part)

    @property
    def query(self) -> _Query | None:
        if not self._parameters:
            return None
        _, mark, fixed = "".join(self._literals).partition("?")
        return _Query(frozenset(self._parameters), fixed.count("&") + 1 if mark else 0)

    def path(self) -> _Path:
        spanning = [i for i, variable in enumerate(self._variables) if variable.spans_segments]
        if len(spanning) > 1:
            raise self._error("more than one variable that matches '/'")
        return _Path(tuple(self._literals), tuple(self._variables), spanning[0] if spanning else 0)

    def _add_literal(self, text: str) -> None:
        self._must_still_be_path(f"text {text!r}")
        self._literals[-1] += text

    def _add_variables(self, expression: _Expression) -> None:
        operator = expression.operator
        for i, variable in enumerate(expression.variables):
            self._must_still_be_path(f"variable {variable.name!r}")
            self._literals[-1] += operator.separator if i else operator.first
            if self._variables and not self._literals[-1]:
                pair = f"{self._variables[-1].name!r} and {variable.name!r}"
                raise self._error(f"nothing between {pair} says where the first ends")
            self._variables.append(variable)
            self._literals.append("")

    def _add_parameters(self, expression: _Expression) -> None:
        text = "".join(self._literals)
        if self.fragment is not None or "#" in text:
            raise self._error("query parameters after the fragment")
        continues = bool(self._parameters) or "?" in text
        if continues and expression.operator.first == "?":
            raise self._error("a second '?': continue with {&...}")
        if not continues and expression.operator.first == "&":
            raise self._error("'{&...}' without a '?' before it")
        self._parameters += [variable.name for variable in expression.variables]

    def _add_fragment(self, expression: _Expression) -> None:
        if self.fragment is not None or len(expression.variables) > 1:
            raise self._error("more than one variable in the fragment")
        if "#" in "".join(self._literals):
            raise self._error("a second '#'")
        self.fragment = expression.variables[0].name

    def _must_still_be_path(self, what: str) -> None:
        if self._parameters or self.fragment is not None:
            raise self._error(f"{what} after the query parameters or the fragment")

    def _error(self, what: str) -> UriTemplateError:
        return UriTemplateError(f"{what} in URI template {self.template!r}")


# ------------------------------------------------------------------------------------------------ matching


@dataclass(frozen=True, slots=True)
class _Query:
    """The parameters of `{?...}` and `{&...}`, and the number of query items in the text before them."""

    names: frozenset[str]
    fixed_items: int

    def split(self, uri: str) -> tuple[str, dict[str, str]] | None:
        """Return `uri` up to the parameters, and the parameters; None when they do not fit the template."""
        head, mark, query = uri.partition("?")
        if "#" in query or (self.fixed_items and not mark):
            return None
        items = query.split("&")
        if self.fixed_items:
            head = f"{head}?{'&'.join(items[: self.fixed_items])}"
        found: dict[str, str] = {}
        for item in items[self.fixed_items :]:
            name, _, value = item.partition("=")
            if name in found or (item and name not in self.names):
                return None
            if item:
                found[name] = value
        return head, found


@dataclass(frozen=True, slots=True)
class _Path:
    """Texts and the variables between them, one text more than variables.

    The scan never goes back, so its time is linear. Left of `pivot` each variable ends at the first
    occurrence of the text after it; right of it each begins at the last occurrence of the text before it; the
    variable at `pivot` gets the rest. All other values are then as short as possible. The one at `pivot` may
    have every character that they may have, so if this division does not match, no other does.
    """

    literals: tuple[str, ...]
    variables: tuple[_Variable, ...]
    pivot: int

    def match(self, text: str) -> dict[str, str] | None:
        first, last = self.literals[0], self.literals[-1]
        if not self.variables:
            return {} if text == first else None
        start, end = len(first), len(text) - len(last)
        if start >= end or not text.startswith(first) or not text.endswith(last):
            return None
        values = [""] * len(self.variables)
        for i in range(self.pivot):
            literal = self.literals[i + 1]
            cut = text.find(literal, start + 1, end)
            if cut < 0:
                return None
            values[i] = text[start:cut]
            start = cut + len(literal)
        for i in range(len(self.variables) - 1, self.pivot, -1):
            literal = self.literals[i]
            cut = text.rfind(literal, start, end - 1)
            if cut < 0:
                return None
            values[i] = text[cut + len(literal) : end]
            end = cut
        if start >= end:
            return None
        values[self.pivot] = text[start:end]
        return self._checked(values)

    def _checked(self, values: list[str]) -> dict[str, str] | None:
        in_query = False
        for i, variable in enumerate(self.variables):
            in_query = in_query or "?" in self.literals[i]
            if variable.operator.safe:
                continue
            forbidden = "?#" if variable.wildcard else "/?#"
            if any(char in values[i] for char in (forbidden + "&" if in_query else forbidden)):
                return None
        return {variable.name: value for variable, value in zip(self.variables, values, strict=True)}


def _decoded(values: Mapping[str, str]) -> dict[str, str] | None:
    decoded: dict[str, str] = {}
    for name, value in values.items():
        if _BAD_PERCENT.search(value) is not None:
            return None
        try:
            decoded[name] = unquote_to_bytes(value).decode()
        except UnicodeDecodeError:
            return None
    return decoded


def _text(variable: _Variable, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise UriTemplateError(
        f"the value of {variable.name!r} must be text, a number or a boolean, not {type(value).__name__}"
    )
