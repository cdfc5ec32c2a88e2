# SPDX-License-Identifier: BSD-3-Clause
"""Roots: the folders a client lets a server know of (spec, client/roots; deprecated since 2026-07-28)."""

from typing import Literal

from ._base import Meta, Notification, NotificationParams, Request, RequestParams, Result, Uri, WireModel

__all__ = ["ListRootsRequest", "ListRootsResult", "Root", "RootsListChangedNotification"]


class Root(WireModel):
    """A folder or file; the URI begins with `file://`."""

    uri: Uri
    name: str | None = None
    meta: Meta = None


class ListRootsRequest(Request):
    """Ask for the roots. A request of the legacy versions; an input request since 2026-07-28."""

    method: Literal["roots/list"] = "roots/list"
    params: RequestParams | None = None


class ListRootsResult(Result):
    """The roots."""

    roots: list[Root]


class RootsListChangedNotification(Notification):
    """The roots changed (legacy versions)."""

    method: Literal["notifications/roots/list_changed"] = "notifications/roots/list_changed"
    params: NotificationParams | None = None
