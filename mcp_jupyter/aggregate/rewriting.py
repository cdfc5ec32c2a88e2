# SPDX-License-Identifier: BSD-3-Clause
"""URIs and task ids of one notebook in what it sends, as the hub's clients must see them. Pure values.

Knows where the protocol has URIs: lists, contents, links, notifications. What has not the form that the
protocol asks for is left as it is: the client will judge it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import hub_uri

__all__ = ["Rewriting", "split_task"]


def split_task(task_id: object) -> tuple[str, str] | None:
    """The kernel id and the notebook's own task id; None when it is no task id of the hub."""
    if not isinstance(task_id, str):
        return None
    kernel_id, dot, own = task_id.partition(".")
    return (kernel_id, own) if dot else None


class Rewriting:
    """What one notebook says, in the hub's words.

    Parameters
    ----------
    label : str
        What the notebook is called in the hub.
    kernel_id : str
    """

    def __init__(self, label: str, kernel_id: str) -> None:
        self._label = label
        self._kernel_id = kernel_id

    def result(self, method: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a request."""
        if method == "resources/read":
            return {**result, **self._each(result, "contents", self.uri)}
        if method == "prompts/get":
            return {**result, **self._each(result, "messages", self._message)}
        if method == "tools/call":
            return {**result, **self._each(result, "content", self._block), **self._task(result)}
        if method == "tasks/get":
            return self._detailed(result)
        return result

    def notice(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """The params of a notification."""
        return self._detailed(params) if "taskId" in params else self.uri(params)

    def uri(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        """Anything with a `uri` or a `uriTemplate`."""
        found = {key: item[key] for key in ("uri", "uriTemplate") if isinstance(item.get(key), str)}
        return {**item, **{key: hub_uri(self._label, value) for key, value in found.items()}}

    def _block(self, block: Mapping[str, Any]) -> Mapping[str, Any]:
        if block.get("type") == "resource_link":
            return self.uri(block)
        resource = block.get("resource")
        if block.get("type") == "resource" and isinstance(resource, Mapping):
            return {**block, "resource": self.uri(resource)}
        return block

    def _message(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        content = message.get("content")
        if isinstance(content, Mapping):
            return {**message, "content": self._block(content)}
        return {**message, **self._each(message, "content", self._block)}

    def _detailed(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        result = task.get("result")
        inner = {"result": self.result("tools/call", result)} if isinstance(result, Mapping) else {}
        return {**task, **self._task(task), **inner}

    def _task(self, said: Mapping[str, Any]) -> dict[str, Any]:
        id_ = said.get("taskId")
        return {"taskId": f"{self._kernel_id}.{id_}"} if isinstance(id_, str) else {}

    @staticmethod
    def _each(said: Mapping[str, Any], key: str, change: Any) -> dict[str, Any]:
        items = said.get(key)
        if not isinstance(items, list):
            return {}
        return {key: [change(item) if isinstance(item, Mapping) else item for item in items]}
