# SPDX-License-Identifier: BSD-3-Clause
"""Keep a journal of the requests of clients: calls, reads, prompts and questions.

Theory of operation. The server opens an `Entry` for each request that runs one of the user's functions. The
journal keeps the last entries in memory, within `MAX_ENTRIES` and `MAX_BYTES`; `%mcp_calls`, observers and
`notebook://calls` read them, and `--journal FILE` has each finished entry written to a file. Arguments and
answers are redacted by the rules of cassettes before they are kept.

An entry names the cell that defined its function, and the versions of the served variables that the
function's code mentions. A variable gets a new version when its fingerprint changes (`Variables`). An entry
with an older version of a variable has an answer that may be different now.

Who may touch what: entries are opened and ended on the engine's thread; `Entry.began` runs on the thread of
the function. The lock guards the list of entries. Any thread may read a snapshot.
"""

from __future__ import annotations

import hashlib
import linecache
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, TracebackType
from typing import Any, Final, Literal
from weakref import WeakKeyDictionary

from .. import types
from .._util.json_schema import branches, is_secret, members
from .._util.private_files import open_private_append
from .._util.text import safe_line, shorten
from ..client.cassettes.redaction import Redactor, SecretNames, TooDeep
from ..protocol.frames import Serialised, dumps
from ..server.context import RequestContext
from ..server.fastmcp.signatures import plain_function
from ..server.oversight import Denied, Record
from ..server.runner import Outcome

__all__ = ["MAX_ENTRIES", "Entry", "Journal", "JournalFile"]

log = logging.getLogger(__name__)

MAX_ENTRIES: Final = 1_000
MAX_BYTES: Final = 4 * 2**20
"""Bytes of all entries, about: the oldest finished ones are dropped."""

MAX_TEXT_CHARS: Final = 16_000
"""Characters of one text in an entry: arguments, answer, printed text."""

ENTRY_BYTES: Final = 600
"""Bytes of an entry without its texts, about."""

MAX_ARGUMENT_CHARS: Final = 1_000
"""Characters of one argument in an entry whose arguments are too long to be kept."""

MAX_HELPERS: Final = 50
"""Functions of the notebook that are searched for names of variables, from a tool's function on."""

CHARS_PER_TOKEN: Final = 4
"""For the estimate of tokens: the mean of English text with the tokenizers in use."""

OWN_PROGRAM: Final = "a program of yours"
"""The principal of a link without a token: only this user's programs can open one."""

State = Literal["waiting", "asking", "running", "done"]
Result = Literal["ok", "error", "denied", "cancelled"]
Listener = Callable[["Entry", str], None]
"""Called on the engine's thread with an entry and what became of it: "arrived", "asking", "running" or
"done"."""


class Entry(Record):
    """One request in the journal.

    Attributes
    ----------
    id : int
        Its number in this kernel's life.
    kind : str
        "tool", "resource", "prompt", or "question" for what a function asked its client or the user.
    name : str
        The tool's or prompt's name, or the resource's URI.
    arguments : dict
        Redacted.
    argument_bytes : int
        About how many bytes they take.
    is_whole : bool
        Whether `arguments` are the client's own: nothing was redacted or left out.
    host, version, principal : str
        Who asked: the client's `clientInfo`, and the label of its token.
    time : float
        When the request arrived (seconds since the epoch).
    state, result : str
        Where it is, and how it ended.
    waited, ran : float
        Seconds before and within the function.
    characters : int
        Characters of the answer, as the client gets it.
    answer, printed : str or None
        The answer's text, and what the function printed. Each may be cut.
    is_cut : bool
        Whether the answer's text does not have all that the function returned, printed and displayed.
    cell, source : int or None, str
        The cell that defined the function, and a digest of its source.
    variables : mapping
        The served variables that the function can read, with their versions when it began.
    """

    __slots__ = (
        "_began",
        "_journal",
        "_opened",
        "answer",
        "argument_bytes",
        "arguments",
        "cell",
        "characters",
        "function",
        "host",
        "id",
        "is_cut",
        "is_whole",
        "kind",
        "name",
        "principal",
        "printed",
        "provenance",
        "ran",
        "result",
        "source",
        "state",
        "time",
        "variables",
        "version",
        "waited",
    )

    def __init__(
        self,
        journal: Journal,
        number: int,
        kind: str,
        name: str,
        function: Callable[..., Any] | None,
        *who: str,
    ) -> None:
        self._journal = journal
        self._opened = time.monotonic()
        self._began: float | None = None
        self.id = number
        self.kind, self.name, self.function = kind, name, function
        self.arguments: Mapping[str, Any] = {}
        self.argument_bytes = 0
        self.is_whole = True
        self.is_cut = False
        self.host, self.version, self.principal = who
        self.time = time.time()
        self.state: State = "waiting"
        self.result: Result | None = None
        self.waited = self.ran = 0.0
        self.characters = 0
        self.answer: str | None = None
        self.printed: str | None = None
        self.cell: int | None = None
        self.source = ""
        self.variables: Mapping[str, int] = {}
        self.provenance: Mapping[str, Any] | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.state != "done":  # the request ended with a JSON-RPC error, or was cancelled
            said = None if error is None else str(error) if isinstance(error, Exception) else "cancelled"
            self._end("cancelled" if not isinstance(error, Exception) else "error", said)

    def asks(self) -> None:
        self._move("asking")

    def began(self) -> None:
        self._began = time.monotonic()
        self.waited = self._began - self._opened
        if self.function is not None:
            self._journal.describe(self)
        self._move("running")

    def ended(self, answer: Any, outcome: Outcome | None = None) -> None:
        if outcome is not None:
            self.printed = self._kept(outcome.printed or None)
            self.is_cut |= bool(outcome.displayed)  # pictures, perhaps
        text, self.characters = _read(answer)
        self._end("error" if getattr(answer, "isError", None) else "ok", text)

    def failed(self, error: Exception, answer: types.CallToolResult) -> None:
        text, self.characters = _read(answer)
        self._end("denied" if isinstance(error, Denied) else "error", text)

    def questioned(self, method: str, params: Mapping[str, Any], answer: Any) -> None:
        self._journal.question(self, method, params, answer)

    def _end(self, result: Result, answer: str | None) -> None:
        now = time.monotonic()
        if self._began is None:
            self.waited = now - self._opened
        else:
            self.ran = now - self._began
        self.answer, self.result = self._kept(answer), result
        self._move("done")

    def _kept(self, text: str | None) -> str | None:
        if text is None:
            return None
        self.is_cut |= len(text) > MAX_TEXT_CHARS
        return self._journal.redactor.text(shorten(text, MAX_TEXT_CHARS))

    def _move(self, state: State) -> None:
        self.state = state
        self._journal.moved(self, state)

    @property
    def has_failed(self) -> bool:
        """Whether it ended, and not well."""
        return self.result not in (None, "ok")

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return ENTRY_BYTES + self.argument_bytes + len(self.answer or "") + len(self.printed or "")

    def changed(self, versions: Mapping[str, int]) -> list[str]:
        """Return the names of the variables that have changed since, given the present versions."""
        return [name for name, version in self.variables.items() if versions.get(name) != version]

    def to_json(self, versions: Mapping[str, int], code: str | None = None) -> dict[str, Any]:
        """Return the entry for observers and files.

        Parameters
        ----------
        versions : mapping
            The present versions of the variables.
        code : str, optional
            The call as a line of code, if it has one.
        """
        said: dict[str, Any] = {
            "id": self.id,
            "time": datetime.fromtimestamp(self.time, UTC).isoformat(timespec="milliseconds"),
            "kind": self.kind,
            "name": self.name,
            "arguments": self.arguments,
            "whole": self.is_whole,
            "host": {"name": self.host, "version": self.version},
            "principal": self.principal,
            "state": self.state,
            "result": self.result,
            "waited": round(self.waited, 4),
            "ran": round(self._running_for(), 4),
            "characters": self.characters,
            "tokens": -(-self.characters // CHARS_PER_TOKEN),
            "answer": self.answer,
            "printed": self.printed,
            "cut": self.is_cut,
            "cell": self.cell,
            "source": self.source,
            "variables": self.variables,
            "changed": self.changed(versions),
            "code": code,
        }
        return said

    def _running_for(self) -> float:
        if self.state == "running" and self._began is not None:
            return time.monotonic() - self._began
        return self.ran


class Journal:
    """The entries of a kernel; the server's `Journal` (see `server.oversight`).

    Parameters
    ----------
    notebook : callable
        Returns the notebook's path or name.
    versions : callable
        Returns the present versions of the served variables.
    cell_label : callable
        Takes the file name of a function's code; returns a pair whose second text is "In[3]" for cell 3, and
        None for code that is not a cell's (IPython's `CachingCompiler.format_code_name`).
    post : callable
        Calls a function on the engine's thread, from any thread.

    Attributes
    ----------
    redactor : Redactor
        Replaces secrets.
    listeners : set of Listener
        Are told of each step of an entry. Engine's thread.
    file : JournalFile or None
        Where finished entries are written.
    """

    def __init__(
        self,
        notebook: Callable[[], str],
        versions: Callable[[], Mapping[str, int]],
        cell_label: Callable[[str], tuple[str, str] | None],
        post: Callable[..., None],
    ) -> None:
        self.redactor = Redactor()
        self.listeners: set[Listener] = set()
        self.file: JournalFile | None = None
        self._notebook = notebook
        self.versions = versions
        self._cell_label = cell_label
        self._post = post
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._sources: WeakKeyDictionary[Any, tuple[int | None, str]] = WeakKeyDictionary()
        self._names: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()
        self._made_of: WeakKeyDictionary[Any, tuple[Any, str, Mapping[str, Any]]] = WeakKeyDictionary()
        self._plain_names: WeakKeyDictionary[Any, frozenset[str]] = WeakKeyDictionary()

    # -- the engine's thread ---------------------------------------------------------------------

    def __call__(
        self,
        request: RequestContext,
        kind: str,
        name: str,
        arguments: Mapping[str, Any],
        schema: Mapping[str, Any],
        function: Callable[..., Any],
    ) -> Entry:
        """Open an entry (see `server.oversight.Journal`)."""
        info = request.client_info
        who = _line_of(info.get("name")), _line_of(info.get("version")), request.label or OWN_PROGRAM
        entry = Entry(self, next(self._numbers), kind, name, function, *who)
        if arguments and self._is_harmless(arguments, schema, function):
            entry.arguments = arguments
        elif arguments:
            self._keep_arguments(entry, arguments, schema)
        self._add(entry)
        return entry

    def _keep_arguments(self, entry: Entry, arguments: Mapping[str, Any], schema: Any) -> None:
        """Keep arguments without secrets, and not more of them than the journal can hold."""
        try:
            kept = self.redactor.sent(dict(arguments), schema)
        except TooDeep:
            kept = {name: "(too deep to be kept)" for name in arguments}
        size = len(dumps(kept))
        if size > MAX_TEXT_CHARS:
            kept = {name: _shortened(value) for name, value in kept.items()}
        entry.arguments, entry.is_whole = kept, kept == arguments
        entry.argument_bytes = min(size, MAX_TEXT_CHARS)

    def _is_harmless(self, arguments: Mapping[str, Any], schema: Any, function: Any) -> bool:
        """Whether no argument can be a secret: most calls have a few short numbers.

        What the names and the schema say is looked up once for each function.
        """
        try:
            plain = self._plain_names[function]
        except (KeyError, TypeError):
            described, names = branches(schema, schema), SecretNames()
            plain = frozenset(
                name
                for name in schema.get("properties", ())
                if not names.tell(name, "a text")
                and not any(map(is_secret, members(described, name, schema)))
            )
            with suppress(TypeError):  # an object of a class with slots
                self._plain_names[function] = plain
        return all(name in plain and _is_short_number(value) for name, value in arguments.items())

    def question(self, asker: Entry, method: str, params: Mapping[str, Any], answer: Any) -> None:
        """Add an entry for a question that a function asked."""
        who = asker.host, asker.version, asker.principal
        entry = Entry(self, next(self._numbers), "question", asker.name, None, *who)
        message = params.get("message") or params.get("messages") or method
        self._keep_arguments(entry, {"method": method, "message": message}, {})
        self._add(entry)
        if answer is None:
            entry._end("error", "Nobody answered.")
            return
        said = self.redactor.sent(answer.model_dump(mode="json", exclude_none=True), params)
        text = dumps(said).decode()
        entry.characters = len(text)
        entry._end("ok", text)

    def _add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)
        for listener in tuple(self.listeners):
            listener(entry, "arrived")

    # -- any thread ------------------------------------------------------------------------------

    def moved(self, entry: Entry, state: State) -> None:
        """Tell listeners about an entry, and keep to the limits."""
        if state == "done":
            entry.function = None if entry.kind != "tool" else entry.function
            self._make_room(entry)
            if self.file is not None:
                self.file.write(entry.to_json(self.versions()))
        if self.listeners:
            self._post(self._tell, entry, state)

    def _tell(self, entry: Entry, state: State) -> None:
        for listener in tuple(self.listeners):
            listener(entry, state)

    def _make_room(self, entry: Entry) -> None:
        with self._lock:
            self._bytes += entry.size
            while len(self._entries) > MAX_ENTRIES or self._bytes > MAX_BYTES:
                # What still runs stays; usually the first entry is done.
                oldest = next((each for each in self._entries if each.state == "done"), None)
                if oldest is None:
                    return
                self._entries.remove(oldest)
                self._bytes -= oldest.size

    def entries(self) -> list[Entry]:
        """Return the entries, the oldest first."""
        with self._lock:
            return list(self._entries)

    def entry(self, number: int) -> Entry | None:
        """Return one entry; None when there is none of this number, or none any more."""
        return next((entry for entry in self.entries() if entry.id == number), None)

    def count_of(self, tool: str) -> int:
        """Return how many calls of a tool the journal has."""
        return sum(entry.kind == "tool" and entry.name == tool for entry in self.entries())

    def cell_of(self, function: Callable[..., Any]) -> int | None:
        """Return the number of the cell that defined a function; None for a function from elsewhere."""
        return self._source_of(plain_function(function))[0]

    def clear(self) -> None:
        """Drop the finished entries."""
        with self._lock:
            self._entries = deque(entry for entry in self._entries if entry.state != "done")
            self._bytes = 0

    def describe(self, entry: Entry) -> None:
        """Note what an entry's answer is made of. On the thread that runs the function, as it begins."""
        function = plain_function(entry.function) if entry.function is not None else None
        versions, notebook = self.versions(), self._notebook()
        is_read = entry.kind == "resource"
        kept = None if is_read else self._made_of.get(function)
        if kept is None or kept[0] is not versions or kept[1] != notebook:
            names = [each for each in versions if _is_read(each, entry.name)] if is_read else ()
            kept = versions, notebook, self._provenance(function, notebook, names or self._names_in(function))
            if isinstance(function, FunctionType) and not is_read:
                self._made_of[function] = kept
        said = entry.provenance = kept[2]
        entry.cell, entry.source, entry.variables = said["cell"], said["source"], said["variables"]

    def _provenance(self, function: Any, notebook: str, names: Collection[str]) -> Mapping[str, Any]:
        cell, source = self._source_of(function)
        versions = self.versions()
        return {
            "notebook": notebook,
            "kernelStarted": self._started,
            "cell": cell,
            "source": source,
            "variables": {name: version for name, version in versions.items() if name in names},
        }

    def _source_of(self, function: Any) -> tuple[int | None, str]:
        """Return the number of the cell that defined a function, and a digest of the cell's source."""
        code = getattr(function, "__code__", None)
        if not isinstance(code, CodeType):
            return None, ""
        with suppress(KeyError):
            return self._sources[function]
        source = "".join(linecache.getlines(code.co_filename))
        label = self._cell_label(code.co_filename)
        number = label[1].removeprefix("In[").removesuffix("]") if label else ""
        digest = hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:16]
        found = int(number) if number.isdecimal() else None, digest
        self._sources[function] = found
        return found

    def _names_in(self, function: Any) -> frozenset[str]:
        """Return the names in a function's code, and in that of the notebook's functions that it can call."""
        if not isinstance(function, FunctionType):
            return frozenset()
        with suppress(KeyError):
            return self._names[function]
        found: set[str] = set()
        waiting, seen = deque([function]), {function}
        while waiting and len(seen) <= MAX_HELPERS:
            part = waiting.popleft()
            names = set(_names_of(part.__code__))
            found |= names
            for name in names:
                helper: Any = part.__globals__.get(name)
                is_ours = isinstance(helper, FunctionType) and helper.__globals__ is part.__globals__
                if is_ours and helper not in seen:
                    seen.add(helper)
                    waiting.append(helper)
        self._names[function] = frozenset(found)
        return self._names[function]

    def after_cell(self) -> None:
        """Forget which functions call which: a cell may have defined them anew."""
        self._names.clear()
        self._made_of.clear()


def _is_short_number(value: Any) -> bool:
    return value is None or type(value) is bool or (type(value) in (int, float) and abs(value) < 1e7)


def _names_of(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_of(constant)


def _is_read(variable: str, uri: str) -> bool:
    """Whether a resource's URI is that of a variable, or of a part of it."""
    path = uri.partition("?")[0].removeprefix("notebook://variables/")
    return path == variable or path.startswith(f"{variable}/")


def _line_of(text: Any) -> str:
    return _safe_line(text) if isinstance(text, str) else ""


_safe_line = lru_cache(maxsize=64)(safe_line)  # each call names its client


def _shortened(value: Any) -> Any:
    text = value if isinstance(value, str) else dumps(value).decode()
    if len(text) <= MAX_ARGUMENT_CHARS:
        return value
    return f"{text[:MAX_ARGUMENT_CHARS]}… ({len(text):,} characters)"


def _read(answer: Any) -> tuple[str, int]:
    """Return an answer's text, and the number of characters of all that the client gets of it."""
    if isinstance(answer, types.CallToolResult):
        texts = [block.text for block in answer.content if isinstance(block, types.TextContent)]
        others = sum(_size(block) for block in answer.content if not isinstance(block, types.TextContent))
        return "\n".join(texts), sum(map(len, texts)) + others + _structure_size(answer.structuredContent)
    if isinstance(answer, types.ReadResourceResult):
        parts: list[str] = [
            getattr(item, "text", "") or getattr(item, "blob", "") for item in answer.contents
        ]
        return "\n".join(parts), sum(map(len, parts))
    text = dumps(answer).decode()
    return text, len(text)


def _size(block: Any) -> int:
    return len(getattr(block, "data", "")) or len(dumps(block))


def _structure_size(structure: Any) -> int:
    if structure is None:
        return 0
    if isinstance(structure, Serialised):
        return len(structure.text)
    if isinstance(structure, dict) and len(structure) == 1:
        ((name, value),) = structure.items()
        if isinstance(value, Serialised):
            return len(name) + len(value.text) + len('{"":}')
    return len(dumps(structure, lambda value: value.text.decode() if isinstance(value, Serialised) else ""))


class JournalFile:
    """A file to which finished entries are appended, one JSON object a line, on a thread of its own.

    The engine's thread never waits for the disk. If the disk is slower than the calls, entries beyond
    `MAX_WAITING` are left out, and a line says how many.

    Parameters
    ----------
    path : Path
        The file; it is made if there is none, and readable only by this user (0600).

    Raises
    ------
    OSError
        It cannot be opened, belongs to another user, or is open to others.
    """

    MAX_WAITING: Final = 1_000

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open_private_append(path)
        self._lines: queue.Queue[bytes | None] = queue.Queue(self.MAX_WAITING)
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="mcp-journal", daemon=True)
        self._thread.start()

    def write(self, entry: Mapping[str, Any]) -> None:
        """Queue an entry. Engine's thread."""
        if self._lost:
            entry = {**entry, "lost": self._lost}
        try:
            self._lines.put_nowait(dumps(entry) + b"\n")
            self._lost = 0
        except queue.Full:
            self._lost += 1

    def close(self, seconds: float = 2.0) -> None:
        """Write what is queued, for up to `seconds`, and close the file."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=seconds)
        self._thread.join(seconds)

    def _write(self) -> None:
        with self._file:
            while (line := self._lines.get()) is not None:
                try:
                    self._file.write(line)
                    if self._lines.empty():
                        self._file.flush()
                        os.fsync(self._file.fileno())
                except OSError as exc:
                    log.warning("The journal %s cannot be written: %s", self.path, exc.strerror or exc)
