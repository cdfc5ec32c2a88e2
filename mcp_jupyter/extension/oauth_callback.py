# SPDX-License-Identifier: BSD-3-Clause
"""The page to which a browser brings the answer to a notebook's sign-in (`%mcp_connect ... --oauth`).

It hands the answer to the waiting kernel (`ipc.rendezvous`), without reading or showing it. Another site can
cause this GET, which has an effect. It is safe because the answer needs a `state` that a kernel of this user
made, that only this user's programs know, and that is accepted once.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from anyio import to_thread

from ..errors import LinkError
from ..ipc.files import default_runtime_dir
from ..ipc.rendezvous import deliver
from .rest_auth import UserHandler, allowed

__all__ = ["CallbackHandler"]

ARRIVED: Final = "The answer has reached your notebook. You can close this tab."

UNKNOWN: Final = (
    "No notebook waits for this answer: it was taken already, or came too late. "
    "To sign in, run the cell again."
)

REFUSED: Final = (
    "This browser is not logged in to Jupyter at this address, or may not do this. "
    "Log in in another tab, then load this page again."
)

FAILED: Final = "The answer could not be handed to your notebook. The log of the Jupyter Server says why."

_PAGE: Final = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign-in</title><p>{words}</p></html>'
)

_NAVIGATIONS: Final[dict[str, tuple[str, ...]]] = {
    "Sec-Fetch-Mode": ("navigate",),
    "Sec-Fetch-Dest": ("document",),
}
"""Fetch metadata of a page that the user sees; images, frames and scripts of another site differ."""


class CallbackHandler(UserHandler):
    """The redirect URI of this server's notebooks (RFC 6749, 3.1.2)."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Move the answer to where no log looks for it, then let Jupyter authenticate the user."""
        self._query, self.request.query = self.request.query, ""
        self.request.uri = self.request.path
        await super().prepare()

    def origin_refusal(self) -> str | None:
        """Allow a navigation from another site: the authorization server's page sends the browser here."""
        headers = self.request.headers
        if headers.get_list("Origin"):
            return "a page asks for this, where a browser should go to it"
        for name, right in _NAVIGATIONS.items():
            if any(said not in right for said in headers.get_list(name)):
                return "this page must not be embedded"
        return None

    @allowed("execute")
    async def get(self) -> None:
        """Hand over the answer, and tell the user whether a notebook waited for it."""
        try:
            taken = await to_thread.run_sync(deliver, self._query, default_runtime_dir())
        except LinkError as exc:
            self.log.error("The answer to a sign-in was not handed over: %s", exc)
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, FAILED)
        else:
            self._say(*((HTTPStatus.OK, ARRIVED) if taken else (HTTPStatus.BAD_REQUEST, UNKNOWN)))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Show the error in our own words, without anything from the request."""
        self._say(status_code, REFUSED if status_code < HTTPStatus.INTERNAL_SERVER_ERROR else FAILED)

    def _say(self, status: int, words: str) -> None:
        self.set_status(status)
        self.set_header("Referrer-Policy", "no-referrer")  # the address holds the code
        self.set_header("Cache-Control", "no-store")
        self.finish(_PAGE.format(words=words), set_content_type="text/html; charset=utf-8")

    @property
    def content_security_policy(self) -> str:
        """Allow the page to load, send and frame nothing."""
        return "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
