# SPDX-License-Identifier: BSD-3-Clause
"""Map a notebook's names, URIs and task ids to those of the aggregate, and back. Pure text."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, unquote

from .._util.names import MAX_NAME_CHARS, marked_name, plain_name

__all__ = [
    "NameTable",
    "Rewriting",
    "aggregate_uri",
    "labels",
    "split_task",
    "split_uri",
]


_LABEL_DIGEST_CHARS: Final = 6
_URI: Final = re.compile(r"hub://([^/]+)/(.+)", re.DOTALL)


def labels(notebooks: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the label of each notebook, by kernel id.

    Parameters
    ----------
    notebooks : iterable of (name, kernel id)
        Two notebooks that claimed one name at the same moment both get the beginning of their kernel's id.
    """
    found = sorted(notebooks)
    count = Counter(name for name, _ in found)
    return {id_: name if count[name] == 1 else f"{name}-{id_[:8]}" for name, id_ in found}


def _joined(label: str, name: str) -> str:
    return plain_name(f"{_ascii(label)}_{name}")


def _ascii(label: str) -> str:
    """Return a label for names that hosts accept: without accents, made unique by a digest."""
    if label.isascii():
        return label
    letters = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().strip("_.-")
    return f"{letters or 'notebook'}_{hashlib.sha256(label.encode()).hexdigest()[:_LABEL_DIGEST_CHARS]}"


class NameTable:
    """The names of all notebooks' tools, or of their prompts.

    Parameters
    ----------
    notebooks : mapping of str to sequence of str
        The notebook's own names, by its label.
    """

    def __init__(self, notebooks: Mapping[str, Sequence[str]]) -> None:
        own = [(label, name) for label, names in notebooks.items() for name in dict.fromkeys(names)]
        count = Counter(_joined(*pair) for pair in own)
        self._clashes = {joined for joined, owners in count.items() if owners > 1}
        self._prefixes = sorted(((_joined(label, ""), label) for label in notebooks), key=_longest_first)
        self._outside = {pair: self._name(pair) for pair in own}
        self._inside = {outside: pair for pair, outside in self._outside.items()}

    def _name(self, pair: tuple[str, str]) -> str:
        joined = _joined(*pair)
        fits = len(joined) <= MAX_NAME_CHARS and joined not in self._clashes
        return joined if fits else marked_name(joined, "\0".join(pair))

    def outside(self, label: str, name: str) -> str:
        """Return the name here of a notebook's tool or prompt, whether the notebook has it or not."""
        return self._outside.get((label, name)) or self._name((label, name))

    def inside(self, outside: str) -> tuple[str, str] | None:
        """Return the notebook's label and its own name of the tool or prompt.

        A name that is missing in the table but begins with a notebook's label may be newer than the table;
        the notebook then decides. Return None for an unknown notebook, and for a name that several tools
        would have.
        """
        known = self._inside.get(outside)
        if known is not None or outside in self._clashes:
            return known
        for prefix, label in self._prefixes:
            if outside.startswith(prefix) and len(outside) > len(prefix):
                return label, outside[len(prefix) :]
        return None


def _longest_first(item: tuple[str, str]) -> tuple[int, str]:
    return -len(item[0]), item[1]


def aggregate_uri(label: str, uri: str) -> str:
    """Return the `hub://` URI of a notebook's URI, or of its URI template."""
    return f"hub://{quote(label, safe='')}/{uri}"


def split_uri(uri: str) -> tuple[str, str] | None:
    """Split a `hub://` URI into the notebook's label and its own URI; None for any other URI."""
    match = _URI.fullmatch(uri)
    return None if match is None else (unquote(match[1]), match[2])


# -- rewriting -----------------------------------------------------------------------------------
#
# Rewrite URIs and task ids in a notebook's messages for the clients of the aggregate.
#
# The protocol has URIs in lists, contents, links and notifications. A value that does not have the form that
# the protocol demands is left as it is, for the client to judge.


def split_task(task_id: object) -> tuple[str, str] | None:
    """Split a task id of this endpoint into kernel id and the notebook's task id; None for any other."""
    if not isinstance(task_id, str):
        return None
    kernel_id, dot, own = task_id.partition(".")
    return (kernel_id, own) if dot else None


class Rewriting:
    """Rewrites the URIs and task ids in what one notebook sends.

    Parameters
    ----------
    label : str
        The notebook's label.
    kernel_id : str
    """

    def __init__(self, label: str, kernel_id: str) -> None:
        self._label = label
        self._kernel_id = kernel_id

    def result(self, method: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Rewrite the result of a request."""
        if method == "resources/read":
            return {**result, **self._each(result, "contents", self.uri)}
        if method == "prompts/get":
            return {**result, **self._each(result, "messages", self._message)}
        if method == "tools/call":
            return {**result, **self._each(result, "content", self._block), **self._task(result)}
        if method == "tasks/get":
            return self._detailed(result)
        return result

    def notification(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Rewrite the params of a notification."""
        return self._detailed(params) if "taskId" in params else self.uri(params)

    def uri(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Rewrite the `uri` or `uriTemplate` of an object."""
        found = {key: item[key] for key in ("uri", "uriTemplate") if isinstance(item.get(key), str)}
        return {**item, **{key: aggregate_uri(self._label, value) for key, value in found.items()}}

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
