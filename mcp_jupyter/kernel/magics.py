# SPDX-License-Identifier: BSD-3-Clause
"""The magics that serve tools, resources and prompts from cells.

Each magic parses its line, runs its cell, registers the result with the engine's server and shows a card. A
cell that fails registers nothing, so earlier registrations stay.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Any, Final, TypeVar

from IPython.core.completer import CompletionContext, SimpleMatcherResult
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_cell_magic, line_magic, magics_class
from IPython.display import DisplayHandle, display
from traitlets import Bool

from .._ipython.arguments import (
    ASKING,
    BUDGET,
    CALLING,
    CONSTANT_TOOLS,
    FAILED,
    HELP,
    HINTS,
    HTTP,
    INSPECT,
    INSTRUCTIONS,
    JOURNAL,
    LAST,
    MIME_TYPE,
    NAMES,
    PATHS,
    PROMPT,
    SERVED_NAME,
    WATCH,
    WHAT,
    describing,
    magic,
    parse,
    tool_hints,
    unknown_name,
)
from .._ipython.cards import Card, Row, counted, show
from .._ipython.completion import completions, matcher_of, no_completions
from .._ipython.identity import is_interactive
from .._ipython.private import flags_of, user_variables
from ..errors import LinkError
from ..server.fastmcp.prompts import Prompt
from ..server.fastmcp.resources import Resource
from ..server.fastmcp.tools import Tool
from .answers import AnswerFormat
from .calls import CURRENT
from .cells import Cell, CellTransformer, is_code, run_cell
from .engine import Engine
from .status import CANNOT_SERVE, calls_card, item_card, shown_resources, status_card

__all__ = [
    "Completion",
    "McpMagics",
    "text_prompt",
]


F = TypeVar("F", bound=Callable[..., Any])

TOOL_EXAMPLE: Final = '''%%mcp_tool --read-only
def count_rows(region: str) -> int:
    """How many sales a region has right now."""
    return int((sales.region == region).sum())'''

RESOURCE_EXAMPLE: Final = """%mcp_resource sales --description "Revenue by customer"

%%mcp_resource report://today --mime-type text/markdown
f"{len(sales)} sales until now"
"""


@magics_class
class McpMagics(Magics):
    """The magics of one shell.

    Attributes
    ----------
    running : Engine or None
        The kernel's engine; None in plain IPython.
    completion : Completion or None
        The completer that was registered for the magics.
    transformer : CellTransformer or None
        The input transformer that was registered for the magics.
    answers : AnswerFormat or None
        Shows the values of cells as a host gets them, since `notebook.show_answers`.
    """

    shell: InteractiveShell

    load_card = Bool(True, help="Whether loading the extension shows a card with the notebook's name.").tag(
        config=True
    )

    def __init__(
        self, shell: InteractiveShell, engine: Engine | None, servers: Callable[[], Iterable[Row]]
    ) -> None:
        super().__init__(shell, parent=shell)
        self.running = engine
        self._servers = servers  # those that the notebook is connected to
        self.completion: Completion | None = None
        self.transformer: CellTransformer | None = None
        self.answers: AnswerFormat | None = None
        self._news: list[tuple[DisplayHandle, Card]] = []
        shell.events.register("pre_run_cell", self._before_cell)

    @property
    def engine(self) -> Engine:
        """The kernel's engine.

        Raises
        ------
        UsageError
            This is plain IPython, which has no engine.
        """
        if self.running is None:
            raise UsageError(CANNOT_SERVE)
        return self.running

    def _parsed(self, magic: Callable[..., Any], line: str) -> argparse.Namespace | None:
        """Return the options of a magic that needs the engine (see `parse`)."""
        args = parse(magic, line)
        if args is not None:
            _ = self.engine  # plain IPython is refused before the cell runs
        return args

    # -- tools -----------------------------------------------------------------------------------

    @magic(
        cell_magic,
        describing("that of the function"),
        CALLING,
        HINTS,
        ASKING,
        HELP,
        usage="%%mcp_tool [OPTIONS]",
        example=TOOL_EXAMPLE,
    )
    def mcp_tool(self, line: str, cell: str) -> Any:
        """Run the cell and serve every public function it defines as an MCP tool."""
        __tracebackhide__ = True
        args = self._parsed(self.mcp_tool, line)
        if args is None:
            return None
        done = self._run("%%mcp_tool", line, cell)
        functions = self._functions("%%mcp_tool", done, args.name)
        hints = tool_hints(args)
        preview = self._preview(args.preview)
        tools = [
            self._made(
                "%%mcp_tool",
                Tool.of,
                function,
                name=args.name or name,
                title=args.title,
                description=args.description,
                annotations=hints,
                concurrent=args.concurrent,
                executor=args.executor,
                timeout=args.timeout,
                ask=args.ask,
                preview=preview,
            )
            for name, function in functions.items()
        ]
        self._serve("tool", {tool.name: tool for tool in tools})
        return done.value if done.has_value else None

    def _preview(self, name: str | None) -> Callable[..., Any] | None:
        if name is None:
            return None
        function = self.shell.user_ns.get(name)
        if not callable(function):
            known = [each for each in user_variables(self.shell) if callable(self.shell.user_ns[each])]
            raise UsageError(f"%%mcp_tool: {unknown_name('function for --preview', name, known)}")
        return function  # type: ignore[no-any-return] # any callable

    # -- resources -------------------------------------------------------------------------------

    @magic(
        line_cell_magic,
        (WHAT,),
        describing("that of the variable or function, or the URI", "the docstring of the function"),
        (MIME_TYPE, PATHS, WATCH),
        HELP,
        usage="%mcp_resource NAME [OPTIONS]\n%%mcp_resource URI [OPTIONS]",
        example=RESOURCE_EXAMPLE,
    )
    def mcp_resource(self, line: str, cell: str | None = None) -> Any:
        """Serve a variable as an MCP resource; or, over a cell, its function or last value under a URI."""
        __tracebackhide__ = True
        args = self._parsed(self.mcp_resource, line)
        if args is None:
            return None
        if cell is None:
            return self._serve_variable(args)
        if args.watch:
            raise UsageError("%%mcp_resource: --watch is for variables: %mcp_resource NAME --watch")
        if args.what is None:
            raise UsageError(
                "%%mcp_resource: Give the URI to serve it under, as in %%mcp_resource data://report"
            )
        done = self._run("%%mcp_resource", line, cell)
        if done.has_value:
            function = _constant(done.value)
        else:
            functions = self._functions("%%mcp_resource", done, args.what)
            function = next(iter(functions.values()))
        resource = self._made(
            "%%mcp_resource",
            Resource.of,
            args.what,
            function,
            name=args.name or (None if not done.has_value else args.what),
            title=args.title,
            description=args.description,
            mime_type=args.mime_type,
            paths=args.paths,
        )
        self._serve("resource", {resource.uri: resource})
        self.engine.server.resource_updated(resource.uri)
        return None

    def _serve_variable(self, args: argparse.Namespace) -> None:
        if args.what is None:
            raise UsageError("%mcp_resource: Give the name of a variable, as in %mcp_resource sales")
        if args.paths:
            raise UsageError("%mcp_resource: --paths is for a cell: %%mcp_resource files://{path*} --paths")
        if args.what not in self.shell.user_ns:
            said = unknown_name("variable", args.what, user_variables(self.shell))
            raise UsageError(f"%mcp_resource: {said}")
        resource = self.engine.variables.serve(
            args.what,
            name=args.name,
            title=args.title,
            description=args.description,
            mime_type=args.mime_type,
            watch=args.watch,
        )
        card = item_card(resource, self.shell.user_ns, self.engine.name)
        show(replace(card, marks=[type(self.shell.user_ns[args.what]).__name__]))

    # -- prompts ---------------------------------------------------------------------------------

    @magic(
        cell_magic,
        (PROMPT,),
        describing("NAME, or that of the function"),
        HELP,
        usage="%%mcp_prompt [NAME] [OPTIONS]",
        example="%%mcp_prompt summarise\nSummarise the sales of the region {region} in three sentences.",
    )
    def mcp_prompt(self, line: str, cell: str) -> None:
        """Serve the cell's function, or its plain text with {placeholders}, as an MCP prompt."""
        __tracebackhide__ = True
        args = self._parsed(self.mcp_prompt, line)
        if args is None:
            return
        wanted = args.name or args.prompt
        if is_code(cell):
            functions = self._functions("%%mcp_prompt", self._run("%%mcp_prompt", line, cell), wanted)
        elif wanted:
            functions = {wanted: self._made("%%mcp_prompt", text_prompt, cell)}
        else:
            raise UsageError(
                "%%mcp_prompt: A prompt in plain text needs a name, as in %%mcp_prompt summarise"
            )
        prompts = [
            self._made(
                "%%mcp_prompt",
                Prompt.of,
                function,
                name=wanted or name,
                title=args.title,
                description=args.description,
            )
            for name, function in functions.items()
        ]
        self._serve("prompt", {prompt.name: prompt for prompt in prompts})

    # -- instructions, status, options -----------------------------------------------------------

    @magic(
        cell_magic,
        HELP,
        usage="%%mcp_instructions",
        example="%%mcp_instructions\nSales of 2026. Ask for a region before you call top_customers.",
    )
    def mcp_instructions(self, line: str, cell: str) -> None:
        """Tell assistants the text of the cell about this notebook, instead of what is told by default."""
        if self._parsed(self.mcp_instructions, line) is not None:
            self.engine.instructions.own = cell.strip() or None
            print(self.engine.instructions.shown())

    @magic(line_magic, (INSTRUCTIONS,), HELP, usage="%mcp_status [OPTIONS]", example="%mcp_status")
    def mcp_status(self, line: str) -> None:
        """Show what this notebook serves, and which servers it is connected to."""
        args = parse(self.mcp_status, line)
        if args is None:
            return
        if args.instructions:
            print(self.engine.instructions.shown())
            return
        show(status_card(self.running, self._servers(), is_interactive=is_interactive(self.shell)))

    @magic(
        line_magic, (FAILED, LAST), HELP, usage="%mcp_calls [OPTIONS]", example="%mcp_calls --failed --last 5"
    )
    def mcp_calls(self, line: str) -> None:
        """Show what assistants had this notebook do: calls, reads, prompts and questions."""
        args = self._parsed(self.mcp_calls, line)
        if args is None:
            return
        entries = [each for each in self.engine.journal.entries() if not args.failed or each.has_failed]
        show(calls_card(entries[-args.last :], self.engine.variables.versions))

    @magic(line_magic, (NAMES,), HELP, usage="%mcp_remove NAME...", example="%mcp_remove top_customers sales")
    def mcp_remove(self, line: str) -> None:
        """Stop serving tools, resources and prompts."""
        args = self._parsed(self.mcp_remove, line)
        if args is None:
            return
        if not args.names:
            raise UsageError("%mcp_remove: Say what to remove, as in %mcp_remove top_customers")
        known = self.served_names()
        for name in args.names:
            if name not in known:
                raise UsageError(f"%mcp_remove: {unknown_name('tool, resource or prompt', name, known)}")
        removed = [(name, ", ".join(self.engine.remove(name))) for name in args.names]
        show(Card("No longer served", {"": [Row(*each) for each in removed]}))

    def served_names(self) -> set[str]:
        """Return all names and URIs that `%mcp_remove` takes."""
        if self.running is None:
            return set()
        server = self.running.server
        resources = shown_resources(server)
        return {*server.tools, *server.prompts, *resources} | {
            server.resources[uri].definition.name for uri in resources
        }

    @magic(
        line_magic,
        (SERVED_NAME, INSPECT, JOURNAL, BUDGET, CONSTANT_TOOLS),
        HTTP,
        HELP,
        usage="%mcp_serve [OPTIONS]",
        example="%mcp_serve --name sales-report",
    )
    def mcp_serve(self, line: str) -> None:
        """Change how this notebook is served: its name, over HTTP, what clients may see."""
        args = self._parsed(self.mcp_serve, line)
        if args is None:
            return
        if args.port is not None and not args.http:
            raise UsageError("%mcp_serve: --port goes with --http")
        try:
            if args.name:
                self.engine.rename(args.name)
            if args.http:
                self.engine.serve_http(args.port or 0)
        except LinkError as exc:
            raise UsageError(f"%mcp_serve: {exc}") from None
        self._show_more(args)
        card = status_card(self.engine)
        if args.http:  # a cell's output must not hold the address with its port and token
            note = f"Also over HTTP: `jupyter mcp connect {self.engine.name}` in a terminal says how."
            card = replace(card, note=" ".join(filter(None, (self.engine.name_note, note))))
        show(card)

    def _show_more(self, args: argparse.Namespace) -> None:
        """Change what clients and the user see of the notebook."""
        server = self.engine.server
        if args.inspect:
            self.engine.inspect()
        if args.journal:
            self._write_journal(args.journal)
        if args.budget is not None:
            server.result_budget = args.budget
        if args.constant_tools is not None:
            server.constant_tools.mode = args.constant_tools
            server.announce(["tools"])

    def _write_journal(self, file: str) -> None:
        try:
            self.engine.write_journal(Path(file))
        except OSError as exc:
            raise UsageError(f"%mcp_serve: {file} cannot be the journal: {exc.strerror}.") from None

    # -- registration ----------------------------------------------------------------------------

    def _run(self, who: str, line: str, cell: str) -> Cell:
        __tracebackhide__ = True
        return run_cell(self.shell, cell, who, line)

    @staticmethod
    def _functions(who: str, cell: Cell, name: str | None) -> Mapping[str, Callable[..., Any]]:
        if not cell.functions:
            found = " ".join(cell.unserved)
            raise UsageError(f"{who}: The cell defines no public function at its top level. {found}".rstrip())
        if name and len(cell.functions) > 1:
            raise UsageError(
                f"{who}: The cell defines {', '.join(cell.functions)}, but there is one name, {name!r}; "
                "use one cell for each, or begin the names of helpers with an underscore."
            )
        return cell.functions

    @staticmethod
    def _made(who: str, make: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return make(*args, **options)
        except ValueError as exc:
            raise UsageError(f"{who}: {exc}") from None

    def _serve(self, kind: str, items: Mapping[str, Any]) -> None:
        """Register the items that a cell made, by name or URI, and show their cards."""
        known = self._served(kind)
        self.engine.server.add(*items.values())
        self._show(kind, items, known)

    def shown(self, kind: str, register: Callable[[F], F]) -> Callable[[F], F]:
        """Wrap a decorator of the server so that it also shows a card, as the magics do.

        Parameters
        ----------
        kind : {"tool", "resource", "prompt"}
            The kind of item that the decorator registers.
        register : callable
            The server's decorator.

        Returns
        -------
        callable
            The decorator. It returns the function unchanged.
        """

        def decorate(function: F) -> F:
            known = self._served(kind)
            register(function)
            made = {name: item for name, item in self._served(kind).items() if known.get(name) is not item}
            if CURRENT.get() is None:  # a card that a call displays would become part of its result
                self._show(kind, made, known)
            return function

        return decorate

    def _served(self, kind: str) -> Mapping[str, Any]:
        server = self.engine.server
        return {"tool": server.tools, "resource": server.resources, "prompt": server.prompts}[kind]

    def _show(self, kind: str, items: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Show the cards of the registered items.

        Whether an item replaced another, and how many assistants were told, differs from run to run, and
        saved outputs are compared in tests. A headless run does not show it, and a card for a user has it
        until the next cell runs: a notebook that is saved after Run All has the outputs of a headless run.
        """
        for name, item in items.items():
            card = item_card(item, self.shell.user_ns, self.engine.name)
            news = self._caused(kind, name in known) if is_interactive(self.shell) else ""
            if news:
                shown = replace(card, note=f"{news} {card.note}".strip())
                self._news.append((display(shown, display_id=True), card))
            else:
                show(card)

    def _caused(self, kind: str, is_replaced: bool) -> str:
        told = len(self.engine.server.clients(f"{kind}s"))
        said = f"{counted(told, 'assistant')} {'was' if told == 1 else 'were'} told." if told else ""
        return " ".join(filter(None, ("Replaces the earlier version." if is_replaced else "", said)))

    def _before_cell(self, _: object) -> None:
        news, self._news = self._news, []
        for shown, card in news:
            shown.update(card)

    def close(self) -> None:
        """Unregister what the magics registered."""
        self.shell.events.unregister("pre_run_cell", self._before_cell)


def _constant(value: Any) -> Callable[[], Any]:
    def read() -> Any:
        return value

    read.__doc__ = ""
    return read


# -- templates -----------------------------------------------------------------------------------
#
# Prompts that are written as plain text with `{placeholders}` become functions.


def text_prompt(text: str) -> Callable[..., str]:
    """Make a function that fills in the text's placeholders. It has one `str` parameter for each.

    `{{` and `}}` stand for braces.

    Raises
    ------
    ValueError
        A placeholder is not a plain name, or a brace is not closed.
    """
    text = text.strip("\n")
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise ValueError(_unbalanced(text)) from None
    names: list[str] = []
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if not field.isidentifier() or spec or conversion:
            shown = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(
                f"The placeholder {{{shown}}} is not a plain name; write {{name}}, or {{{{ and "
                "}} for braces"
            )
        if field not in names:
            names.append(field)

    def prompt(**values: str) -> str:
        return "".join(literal + (values[field] if field else "") for literal, field, _, _ in parts)

    prompt.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str) for name in names],
        return_annotation=str,
    )
    prompt.__doc__ = ""
    return prompt


def _unbalanced(text: str) -> str:
    """Say which brace is not closed or not opened; the message quotes its line."""
    opened = None
    for match in re.finditer(r"\{\{|\}\}|[{}]", text):
        if opened is None and match[0] in "{}":
            opened = match
            if match[0] == "}":
                break
        elif opened is not None and match[0][0] == "}":
            opened = None
    brace, at = (opened[0], opened.start()) if opened else ("{", 0)
    line = text[text.rfind("\n", 0, at) + 1 :].partition("\n")[0]
    what = "Unclosed {" if brace == "{" else "Unopened }"
    return f"{what} in the line {line!r}. Write {brace * 2} for a literal brace."


# -- completion ----------------------------------------------------------------------------------
#
# Completion on the lines of our magics: options, and the names that they take.


class Completion:
    """The completer of one shell's magics."""

    def __init__(self, magics: McpMagics) -> None:
        self._magics = magics
        self.matcher = matcher_of(self._match)

    def _match(self, context: CompletionContext) -> SimpleMatcherResult:
        head, space, rest = context.line_with_cursor.lstrip().partition(" ")
        magic = self._magic(head)
        if magic is None or not space:
            return no_completions()
        word = rest.rpartition(" ")[2]
        return completions(word, sorted(self._candidates(head, magic, word)), context.token, "magic")

    def _magic(self, head: str) -> Any:
        name = head.lstrip("%")
        kind = "cell" if head.startswith("%%") else "line"
        known = head.startswith("%") and name in self._magics.magics[kind]
        return getattr(self._magics, name) if known else None

    def _candidates(self, head: str, magic: Any, word: str) -> Iterable[str]:
        if word.startswith("-"):
            return flags_of(magic.parser)
        if head == "%mcp_remove":
            return self._magics.served_names()
        if head == "%mcp_resource":
            return user_variables(self._magics.shell)
        return ()
