# SPDX-License-Identifier: BSD-3-Clause
"""A server's question as a form: its message, the fields or a text box, and buttons to decline and to cancel.

This module also decides which addresses become links. Main thread only, except that a question may be settled
on any thread; the form is then updated on the main thread.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import ipywidgets as widgets

from .._ipython.questions import Question
from .._util.text import MAX_PAGE_CHARS, safe_block, safe_line
from .forms import FormError, SchemaForm
from .forms.page import first_control
from .html import (
    REQUEST,
    WIDE,
    announced,
    button,
    close_all,
    failure,
    framed,
    heading,
    labelled,
    muted,
    row,
    said,
    show,
    status,
    text,
)

__all__ = ["QuestionForm", "link_host"]

_FRAME: Final = {
    **WIDE,
    "border_left": "4px solid var(--jp-brand-color1, #1976d2)",
    "padding": "6px 12px",
    "margin": "4px 0 8px 0",
}
_MESSAGE: Final = {"max_height": "240px", "overflow": "auto", "margin": "4px 2px"}


class QuestionForm:
    """A form for one question; it becomes inert once the question is settled anywhere.

    Parameters
    ----------
    question : Question

    Attributes
    ----------
    widget : ipywidgets.VBox
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._form: SchemaForm | None = None
        self._own_words = ""
        self._problem = text()
        self._outcome = text()
        body, accept, self._accept, verb = _KINDS[question.kind](self)
        self._body = body
        self._buttons = row(
            button(accept, verb, self._accepted, primary=True),
            button("Decline", "Say no to the server", self._declined),
            button("Cancel", "Close the question without an answer", self._cancelled),
            padding="6px 0 0 0",
        )
        title = text(announced(heading(f"{question.server} asks", _ASKS[question.kind])))
        note = text(muted(question.note))
        message = text(said(question.message), **_MESSAGE)
        parts = [title, note, message, body, self._problem, self._buttons, self._outcome]
        self.widget = framed(widgets.VBox(parts, layout=_FRAME)).add_class(REQUEST)
        loop = asyncio.get_running_loop()
        question.on_settled(lambda: _hand_over(loop, self._settled))

    @property
    def was_used(self) -> bool:
        """Whether the user settled the question in this form."""
        return bool(self._own_words)

    def focus_when_shown(self) -> None:
        """Put the keyboard's focus into the first field, which also scrolls to it, once the page has it."""
        first = first_control(self.widget)

        def shown(change: Any) -> None:
            first.unobserve(shown, "_view_count")
            first.focus()

        first._view_count = 0  # from now on the front end counts its views
        first.observe(shown, "_view_count")

    def close(self) -> None:
        """Close all widgets. The question itself does not change."""
        if self._form is not None:
            self._form.close()
        close_all(self.widget)

    # -- the three kinds ---------------------------------------------------------------------------

    def _elicitation(self) -> tuple[Any, str, Callable[[], None], str]:
        form = self._form = SchemaForm(self._question.schema)

        def accept() -> None:
            content = form.submit()
            self._question.accept(content if isinstance(content, Mapping) else {})

        return form.widget, "Accept", accept, "Send what is filled in to the server"

    def _url(self) -> tuple[Any, str, Callable[[], None], str]:
        return (
            text(_address_html(self._question.url)),
            "I am done",
            self._question.accept,
            "Tell the server that you were there",
        )

    def _sampling(self) -> tuple[Any, str, Callable[[], None], str]:
        answer = labelled(
            widgets.Textarea,
            "Your answer",
            placeholder="in place of a model's",
            rows=4,
            layout={"max_width": "56em"},
        )

        def accept() -> None:
            if not answer.value.strip():
                raise ValueError("Write an answer, or decline.")
            self._question.accept(answer.value)

        return answer, "Send", accept, "Send this answer to the server"

    # -- buttons -------------------------------------------------------------------------------------

    def _accepted(self) -> None:
        self._own_words = "You answered."
        try:
            self._accept()
        except FormError as exc:  # the fields show the details
            self._own_words = ""
            show(self._problem, failure(exc.summary))
        except ValueError as exc:
            self._own_words = ""
            show(self._problem, failure(str(exc)))

    def _declined(self) -> None:
        self._own_words = "You declined."
        self._question.decline()

    def _cancelled(self) -> None:
        self._own_words = "You closed it without an answer."
        self._question.cancel()

    def _settled(self) -> None:
        """Show the outcome, and hide the fields and buttons."""
        if self._outcome.comm is None:
            return  # closed in the meantime
        show(self._problem, "")
        show(self._outcome, status(self._own_words or "This question is no longer asked."))
        self._buttons.layout.display = "none"
        self._body.layout.display = "none"


_KINDS: Final[Mapping[str, Callable[[QuestionForm], tuple[Any, str, Callable[[], None], str]]]] = {
    "elicitation": QuestionForm._elicitation,
    "url": QuestionForm._url,
    "sampling": QuestionForm._sampling,
}
_ASKS: Final = {
    "elicitation": "for something to be filled in",
    "url": "you to visit a page",
    "sampling": "for a text that a model would write",
}


def _hand_over(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Call a function on the main thread, from any thread."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(function)


# -- addresses -------------------------------------------------------------------------------------------

_PLAIN: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""Characters of a URL (RFC 3986). A backslash is excluded, because browsers read it as a slash."""


def link_host(url: str) -> str | None:
    """Return the host that a link to `url` leads to; None when the address must not become a link.

    Allowed are https, and http to this machine. User information is refused: it could be taken for the host.
    """
    from ..client.auth.metadata import is_loopback  # imports the sign-in code, which few panels need

    if not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if not host or "@" in parts.netloc:
        return None
    is_allowed = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return host if is_allowed else None


def _address_html(url: str) -> str:
    host = link_host(url)
    shown = said(safe_block(url, MAX_PAGE_CHARS))
    if host is None:
        return shown + muted(_NO_LINK)
    name = html.escape(safe_line(host, 255))
    link = (
        f'<a href="{html.escape(url)}" target="_blank" rel="noopener noreferrer" style="{_LINK}">'
        f"Open {name} in a new tab</a>"
    )
    return f"{shown}<div style='margin:6px 0'>It leads to <strong><code>{name}</code></strong>: {link}</div>"


_LINK: Final = "color:var(--jp-content-link-color,#1976d2);text-decoration:underline"
_NO_LINK: Final = (
    "This is not shown as a link, because it is not a plain https address. Do not visit it unless you know "
    "why."
)
