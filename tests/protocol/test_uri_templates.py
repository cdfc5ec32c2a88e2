# SPDX-License-Identifier: BSD-3-Clause
"""URI templates in both directions: RFC 6570's own examples, an oracle for matching, hostile input."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_jupyter.protocol.uri_templates import UriTemplate, UriTemplateError, path_fault

# ---- expansion

RFC_6570_VALUES = {  # section 1.2
    "var": "value",
    "hello": "Hello World!",
    "path": "/foo/bar",
    "empty": "",
    "x": "1024",
    "y": "768",
    "who": "fred",
    "half": "50%",
    "base": "http://example.com/home/",
    "dub": "me/too",
    "v": "6",
    "semi": ";",
}


@pytest.mark.parametrize(
    ("template", "uri"),
    [  # sections 1.2 and 3.2.2 to 3.2.9
        ("{var}", "value"),
        ("{hello}", "Hello%20World%21"),
        ("{half}", "50%25"),
        ("O{empty}X", "OX"),
        ("{x,y}", "1024,768"),
        ("{x,hello,y}", "1024,Hello%20World%21,768"),
        ("{+var}", "value"),
        ("{+hello}", "Hello%20World!"),
        ("{+half}", "50%25"),
        ("{base}index", "http%3A%2F%2Fexample.com%2Fhome%2Findex"),
        ("{+base}index", "http://example.com/home/index"),
        ("here?ref={+path}", "here?ref=/foo/bar"),
        ("X{#var}", "X#value"),
        ("{#half}", "#50%25"),
        ("foo{#path}", "foo#/foo/bar"),
        ("{.who}", ".fred"),
        ("X{.x,y}", "X.1024.768"),
        ("{.half}", ".50%25"),
        ("{/who}", "/fred"),
        ("{/half,who}", "/50%25/fred"),
        ("{/who,dub}", "/fred/me%2Ftoo"),
        ("{/var,empty}", "/value/"),
        ("{/var,x}/here", "/value/1024/here"),
        ("{?who}", "?who=fred"),
        ("{?x,y}", "?x=1024&y=768"),
        ("{?x,y,empty}", "?x=1024&y=768&empty="),
        ("{?x,undef}", "?x=1024"),
        ("{?undef}", ""),
        ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
        ("?fixed=yes{&x,y,empty}", "?fixed=yes&x=1024&y=768&empty="),
    ],
)
def test_expands_as_in_rfc_6570(template: str, uri: str) -> None:
    assert UriTemplate(template).expand(RFC_6570_VALUES) == uri


@pytest.mark.parametrize(
    ("template", "values", "uri"),
    [
        ("data://{table}", {"table": "größe/1"}, "data://gr%C3%B6%C3%9Fe%2F1"),
        ("files://{path*}", {"path": "a b/c?d"}, "files://a%20b/c%3Fd"),
        ("files:/{/path*}", {"path": "a/b"}, "files://a/b"),
        ("x://{n}{?all,none}", {"n": 3, "all": True, "none": None}, "x://3?all=true"),
        ("x://{n}", {"n": 0.5, "other": 1}, "x://0.5"),
        ("x://{+a}", {"a": "50%25 %zz"}, "x://50%25%20%25zz"),
        ("größe://{a}", {"a": "x"}, "gr%C3%B6%C3%9Fe://x"),
        ("x://fixed", {}, "x://fixed"),
    ],
)
def test_expands_values_of_resources(template: str, values: dict[str, Any], uri: str) -> None:
    assert UriTemplate(template).expand(values) == uri


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "'x://{a}{?b}' needs a value for 'a'"),
        ({"a": None}, "needs a value for 'a'"),
        ({"a": b"x"}, "the value of 'a' must be text, a number or a boolean, not bytes"),
        ({"a": "x", "b": ["y"]}, "the value of 'b' must be text, a number or a boolean, not list"),
        ({"a": "\ud800"}, "the value of 'a' holds a lone surrogate"),
    ],
)
def test_values_that_make_no_uri_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UriTemplateError, match=re.escape(message)):
        UriTemplate("x://{a}{?b}").expand(values)


# ---- templates


def test_variables_are_known_in_order() -> None:
    template = UriTemplate("data://{table}/{path*}{.ext}{?limit,offset}{#part}")
    assert template.template == "data://{table}/{path*}{.ext}{?limit,offset}{#part}"
    assert template.variables == ("table", "path", "ext", "limit", "offset", "part")
    assert template.required == {"table", "path", "ext", "part"}
    assert repr(UriTemplate("x://{a}")) == "UriTemplate('x://{a}')"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("x://{a", "'{' without '}' at position 4 of URI template 'x://{a'"),
        ("x://{a{b}}", "'{' without '}' at position 4"),
        ("x://a}", "'}' without '{' at position 5"),
        ("x://{a}}", "'}' without '{' at position 7"),
        ("x://{}", "empty variable name at position 4"),
        ("x://{?}", "empty variable name"),
        ("x://{a,}", "empty variable name"),
        ("x://{*}", "empty variable name"),
        ("x://{a-b}", "invalid variable name 'a-b' at position 4"),
        ("x://{a b}", "invalid variable name"),
        ("x://{a.}", "invalid variable name"),
        ("x://{ä}", "invalid variable name"),
        ("x://{a**}", "invalid variable name"),
        ("x://{a\n}", "invalid variable name"),
        ("x://{a}/{a}", "variable 'a' is named twice at position 8"),
        ("x://{a,a}", "variable 'a' is named twice"),
        ("x://{a}{?a}", "variable 'a' is named twice"),
        ("x://{;a}", "operator ';' is not supported at position 4"),
        ("x://{|a}", "operator '|' is not supported"),
        ("x://{a:3}", "the prefix modifier in 'a:3' is not supported"),
        ("x://{?a*}", "'*' is not supported after operator '?'"),
        ("x://{+a*}", "'*' is not supported after operator '+'"),
        ("x://{a}{b}", "nothing between 'a' and 'b' says where the first ends"),
        ("x://{+a}{b}", "nothing between 'a' and 'b'"),
        ("x://{a*}/{+b}", "more than one variable that matches '/'"),
        ("x://{+a,b}", "more than one variable that matches '/'"),
        ("x://{?a}/b", "text '/b' after the query parameters"),
        ("x://{?a}{b}", "variable 'b' after the query parameters"),
        ("x://{#a}b", "text 'b' after the query parameters or the fragment"),
        ("x://{#a}{?b}", "query parameters after the fragment"),
        ("x://y#z{?b}", "query parameters after the fragment"),
        ("x://{?a}{?b}", "a second '?'"),
        ("x://y?z=1{?b}", "a second '?'"),
        ("x://y{&b}", "'{&...}' without a '?' before it"),
        ("x://{#a}{#b}", "more than one variable in the fragment"),
        ("x://{#a,b}", "more than one variable in the fragment"),
        ("x://y#z{#b}", "a second '#'"),
        ("x://\ud800", "a lone surrogate in the text at position 0"),
    ],
)
def test_wrong_templates_are_explained(template: str, message: str) -> None:
    with pytest.raises(UriTemplateError, match=re.escape(message)):
        UriTemplate(template)


@given(st.text(max_size=30) | st.text(alphabet="{}ab,*:?&#+./;", max_size=20))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = UriTemplate(text)
    except UriTemplateError:
        return
    template.match(text)
    assert template.required <= set(template.variables)


# ---- matching


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("x://fixed", "x://fixed", {}),
        ("x://fixed", "x://fixed/", None),
        ("greeting://{name}", "greeting://World", {"name": "World"}),
        ("greeting://{name}", "greeting://", None),
        ("greeting://{name}", "greeting://a/b", None),
        ("greeting://{name}", "greeting://a?b", None),
        ("greeting://{name}", "greeting://a#b", None),
        ("greeting://{name}", "Greeting://a", None),
        ("greeting://{name}", "greeting://a%2Fb", {"name": "a/b"}),
        ("greeting://{name}", "greeting://..%2f..%2Fetc", {"name": "../../etc"}),
        ("greeting://{name}", "greeting://O'Brien@x:1", {"name": "O'Brien@x:1"}),
        ("greeting://{name}", "greeting://José ✓", {"name": "José ✓"}),
        ("greeting://{name}", "greeting://Jos%C3%A9", {"name": "José"}),
        ("greeting://{name}", "greeting://a+b", {"name": "a+b"}),
        ("greeting://{name}", "greeting://a%", None),
        ("greeting://{name}", "greeting://a%4", None),
        ("greeting://{name}", "greeting://a%zz", None),
        ("greeting://{name}", "greeting://%ff", None),
        ("greeting://{name}", "greeting://%C3", None),
        ("greeting://{name}", "greeting://%ED%A0%80", None),  # a surrogate in UTF-8
        ("greeting://{name}", "greeting://\ud800", None),
        ("größe://{a}", "größe://x", {"a": "x"}),
        ("größe://{a}", "gr%C3%B6%C3%9Fe://x", {"a": "x"}),
        ("users://{id}/posts/{post}", "users://7/posts/a", {"id": "7", "post": "a"}),
        ("users://{id}/posts/{post}", "users://7/posts/", None),
        ("users://{id}/posts/{post}", "users:///posts/a", None),
        ("{a}-{b}", "x-y-z", {"a": "x-y", "b": "z"}),
        ("{a}-{b}", "-y", None),
        ("{a}-{b}", "--y", {"a": "-", "b": "y"}),
        ("{a}b{c}abc", "abc", None),  # the text at the end leaves nothing to scan
        ("ab{a}bc", "abc", None),
        ("{a,b}", "1,2", {"a": "1", "b": "2"}),
        ("x:/{/a,b}", "x://1/2", {"a": "1", "b": "2"}),
        ("files://{path*}", "files://a/b%20c/d.txt", {"path": "a/b c/d.txt"}),
        ("files://{path*}", "files://a?b", None),
        ("files://{path*}", "files://", None),
        ("files:/{/path*}", "files://a/b", {"path": "a/b"}),
        ("files://{user}/{path*}/meta", "files://u/a/b/meta", {"user": "u", "path": "a/b"}),
        (
            "files://{path*}/{name}{.ext}",
            "files://a/b/c.tar.gz",
            {"path": "a/b", "name": "c.tar", "ext": "gz"},
        ),
        ("proxy://{+url}", "proxy://https://h/p?q=1#f", {"url": "https://h/p?q=1#f"}),
        ("{a}-{+b}", "x-y-z/w", {"a": "x", "b": "y-z/w"}),
        ("{a}-{+b}", "--x", {"a": "-", "b": "x"}),
        ("x://y{#part}", "x://y#a/b?c", {"part": "a/b?c"}),
        ("x://y{#part}", "x://y#", None),
        ("x://y{#part}", "x://y", None),
        ("{+a}{#b}", "x#y#z", {"a": "x", "b": "y#z"}),
    ],
)
def test_matches_paths(template: str, uri: str, values: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == values


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("d://{t}{?n,m}", "d://x", {"t": "x"}),
        ("d://{t}{?n,m}", "d://x?", {"t": "x"}),
        ("d://{t}{?n,m}", "d://x?n=1", {"t": "x", "n": "1"}),
        ("d://{t}{?n,m}", "d://x?m=2&n=1", {"t": "x", "n": "1", "m": "2"}),
        ("d://{t}{?n,m}", "d://x?n=", {"t": "x", "n": ""}),
        ("d://{t}{?n,m}", "d://x?n", {"t": "x", "n": ""}),
        ("d://{t}{?n,m}", "d://x?n=a=b", {"t": "x", "n": "a=b"}),
        ("d://{t}{?n,m}", "d://x?n=a%26m%3D2", {"t": "x", "n": "a&m=2"}),
        ("d://{t}{?n,m}", "d://x?n=a+b/c?d", {"t": "x", "n": "a+b/c?d"}),
        ("d://{t}{?n,m}", "d://x?n=1&n=2", None),
        ("d://{t}{?n,m}", "d://x?limit=1", None),
        ("d://{t}{?n,m}", "d://x?n=1#f", None),
        ("d://{t}{?n,m}", "d://x?n=%f", None),
        ("d://{t}{?n,m}", "d://?n=1", None),
        ("d://{t}{?n}{&m}", "d://x?m=2", {"t": "x", "m": "2"}),
        ("d://x{?n}{#f}", "d://x?n=1#z", {"n": "1", "f": "z"}),
        ("{+p}{?n}", "a/b?n=1", {"p": "a/b", "n": "1"}),
        ("d://x?v=1{&n}", "d://x?v=1&n=2", {"n": "2"}),
        ("d://x?v=1{&n}", "d://x?v=1", {}),
        ("d://x?v=1{&n}", "d://x?n=2&v=1", None),
        ("d://x?v=1{&n}", "d://x", None),
        ("d://x?{&n}", "d://x", None),
        ("d://x?{&n}", "d://x?&n=1", {"n": "1"}),
        ("d://x?v={v}&w={w}{&n}", "d://x?v=1&w=2&n=3", {"v": "1", "w": "2", "n": "3"}),
        ("d://x?v={v}&w={w}{&n}", "d://x?v=1&n=3", None),
        ("d://x?city={city}", "d://x?city=a", {"city": "a"}),
        ("d://x?city={city}", "d://x?city=a&b=c", None),
    ],
)
def test_matches_queries(template: str, uri: str, values: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == values


_ROUND_TRIPS = (
    "data://{a}",
    "data://{a}/{b}",
    "data://{a}/x/{b}{?c,d}",
    "data://{a}:{b}",
    "data://{a,b}",
    "data:/{/a,b}{?c}{&d}",
    "data://x?y=1&a={a}{&b,c}",
    "data://{path*}",
    "data://{a}/{path*}/{b}",
    "data:/{/path*}{?a}",
    "data://{+url}",
    "data://{a}/{+url}/end",
    "data://{+path}{?a,b}",
    "data://{a}{#frag}",
)
_TEXT = st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=12)
_NASTY = st.text(alphabet="a/.?#&=%+,;: ~é-", min_size=1, max_size=8)


@given(st.sampled_from(_ROUND_TRIPS), st.data())
def test_match_reads_back_what_expand_wrote(text: str, data: st.DataObject) -> None:
    template = UriTemplate(text)
    values = {name: data.draw(_TEXT | _NASTY, label=name) for name in template.variables}
    for name in ("url", "path", "frag"):  # reserved expansion keeps "%41" and, before a query, "?" and "#"
        values |= {name: re.sub("[%?#]", "_", values[name])} if name in values else {}
    optional = sorted(set(template.variables) - template.required - {"c"})
    for name in data.draw(st.lists(st.sampled_from(optional), unique=True)) if optional else []:
        if not (text.endswith("{&d}") and name == "c"):
            del values[name]
    uri = template.expand(values)
    assert uri.isascii()
    assert template.match(uri) == values


# An independent reading of path templates: regular expressions may go back, so they find every division.
@st.composite
def _paths(draw: st.DrawFn) -> tuple[str, re.Pattern[str]]:
    count = draw(st.integers(1, 4))
    literals = [
        draw(st.text(alphabet="a-/.&?", min_size=1 if 0 < i < count else 0, max_size=2))
        for i in range(count + 1)
    ]
    spanning = draw(st.integers(-1, count - 1))  # -1: none
    forms, classes = ("{v%d*}", "[^?#%s]") if draw(st.booleans()) else ("{+v%d}", ".%.0s")
    template, pattern = literals[0], re.escape(literals[0])
    for i in range(count):
        form, class_ = (forms, classes) if i == spanning else ("{v%d}", "[^/?#%s]")
        in_query = "?" in "".join(literals[: i + 1])
        template += form % i + literals[i + 1]
        pattern += f"(?P<v{i}>{class_ % ('&' if in_query else '')}+){re.escape(literals[i + 1])}"
    return template, re.compile(pattern)


@given(_paths(), st.text(alphabet="ab-/.&?#", max_size=12))
def test_matches_whenever_some_division_does(path: tuple[str, re.Pattern[str]], uri: str) -> None:
    template, pattern = path
    assert (UriTemplate(template).match(uri) is None) == (pattern.fullmatch(uri) is None)


@given(_paths(), st.data())
def test_every_match_expands_to_the_uri_it_came_from(
    path: tuple[str, re.Pattern[str]], data: st.DataObject
) -> None:
    template, pattern = path
    uri = data.draw(st.from_regex(pattern, fullmatch=True, alphabet="ab-/.&?"))
    values = UriTemplate(template).match(uri)
    assert values is not None
    rebuilt = re.sub(r"\{\+?(v\d)\*?\}", lambda m: values[m[1]], template)
    assert rebuilt == uri
    assert all(values.values())


@given(st.sampled_from(_ROUND_TRIPS), st.text(max_size=40))
def test_any_uri_gets_a_verdict(text: str, tail: str) -> None:
    UriTemplate(text).match("data://" + tail)


_SIZE = 300_000


@pytest.mark.parametrize(
    ("template", "unit", "tail"),
    [
        ("{a}-{b}-{c}-{d}-{e}!", "-", ""),
        ("{a}-{b}-{c}-{d}-{+e}-{f}-{g}-{h}!", "-a", ""),
        ("{a}aab{b}aab{c}aab{d}", "a", ""),
        ("{a}/{b}/{path*}/{c}/{d}?", "/", ""),
        ("x://{a}", "%", ""),
        ("x://{a}", "%41", "%"),
        ("x://{a}", "é", ""),
        ("x://y{?a}", "&", ""),
        ("x://y{?a}", "a=1&", ""),
        ("x://y?a=1{&b}", "?", ""),
        ("x://{a}{#b}", "#", ""),
    ],
)
@pytest.mark.parametrize("head", ["", "x://", "x://y", "x://y?"])
def test_hostile_uris_cost_linear_time(template: str, head: str, unit: str, tail: str) -> None:
    """What goes back, even once per character, takes minutes for this."""
    uri = head + unit * _SIZE + tail
    started = time.process_time()
    UriTemplate(template).match(uri)
    assert time.process_time() - started < 5


def test_hostile_templates_cost_linear_time() -> None:
    started = time.process_time()
    for text in ("{" * _SIZE, "}" * _SIZE, "{a" * _SIZE, "{" + "a," * _SIZE, "{" + "a" * _SIZE + "!}"):
        with pytest.raises(UriTemplateError):
            UriTemplate(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("..", "has a '..' segment"),
        ("../x", "has a '..' segment"),
        ("a/../b", "has a '..' segment"),
        ("a\\..\\b", "has a '..' segment"),
        ("a/.. ", "has a '..' segment"),
        ("a/..\\b", "has a '..' segment"),
        ("a\0b", "has a NUL character"),
        ("/etc/passwd", "is an absolute path"),
        ("//server/share", "is an absolute path"),
        ("\\\\server\\share", "is an absolute path"),
        ("\\x", "is an absolute path"),
        (" /x", "is an absolute path"),
        ("C:", "has a drive letter"),
        ("c:x", "has a drive letter"),
        ("C:\\x", "has a drive letter"),
        ("C:/x", "has a drive letter"),
        ("a/b", None),
        ("a\\b", None),
        ("..a/b..", None),
        ("...", None),
        (".", None),
        ("data:x", None),
        ("2026-11-30T10:00", None),
        ("", None),
    ],
)
def test_a_value_that_leads_out_of_a_folder_is_told_on_every_platform(value: str, fault: str | None) -> None:
    """(1.29)."""
    assert path_fault(value) == fault
    is_absolute = fault is not None and fault.startswith(("is an", "has a drive"))
    assert path_fault(value, absolute=True) == (None if is_absolute else fault)
