# SPDX-License-Identifier: BSD-3-Clause
"""The pytest plugin: fixtures that run notebooks and call servers, and the option `--mcp-cassettes`.

Every run of pytest in the environment loads this module, so the code that runs kernels and opens connections
is imported when a test uses it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from ..client.cassettes import Track
    from ..client.config.targets import Target
    from ..notebook_client.connected_server import ConnectedServer
    from .recordings import Recordings

__all__ = [
    "mcp_cassette",
    "mcp_client",
    "mcp_notebook",
    "pytest_addoption",
    "pytest_configure",
    "pytest_runtest_protocol",
]

CASSETTES: Final = "MCP_JUPYTER_CASSETTES"
"""Environment variable with the mode; kernels and clients read it (`mcp_jupyter.client.cassettes`)."""

SESSION_NAME: Final = "JPY_SESSION_NAME"
"""Environment variable that tells a kernel which notebook it runs; Jupyter Server sets it too."""

_HOW: Final = "For a test that is: pytest --mcp-cassettes=record"


# -- the run -----------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--mcp-cassettes``."""
    parser.getgroup("mcp_jupyter", "Model Context Protocol").addoption(
        "--mcp-cassettes",
        choices=("record", "replay", "off"),
        default=None,
        help=(
            "Record the calls to MCP servers, replay them, or do neither, in notebooks and fixtures. By "
            f"default as {CASSETTES} says; without it fixtures replay, and notebooks call their servers."
        ),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Pass the option on to kernels, which are other processes, in the environment."""
    mode = config.getoption("--mcp-cassettes")
    if mode is not None:
        stack = ExitStack()
        stack.enter_context(_environ(CASSETTES, mode))
        config.add_cleanup(stack.close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tell the kernel of nbval or nbmake which notebook it runs, so that it finds the recording."""
    if item.path.suffix != ".ipynb":
        return (yield)
    with _environ(SESSION_NAME, str(item.path)):
        return (yield)


@contextmanager
def _environ(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


# -- fixtures ----------------------------------------------------------------------------------------------


@pytest.fixture
def mcp_notebook(request: pytest.FixtureRequest) -> Iterator[Callable[..., ConnectedServer]]:
    """Run a notebook in its own kernel and return a connection to it.

    ``mcp_notebook(path, *, parameters=None, kernel=None, timeout=300.0)``. The kernel ends with the test.

    Parameters
    ----------
    path : path
        Relative to the folder of the test's file, or else to pytest's root folder.
    parameters : mapping, optional
        Variables for the notebook; they override those in the cell tagged "parameters".
    kernel : str, optional
        A kernel's name, instead of the notebook's own.
    timeout : float
        Seconds for the notebook to run.

    Returns
    -------
    mcp_jupyter.notebook_client.connected_server.ConnectedServer
        As `%mcp_connect` makes it: ``.tools.total(year=2026).df()``, ``.read(uri)``, ``.prompt(name)``.

    Examples
    --------
    >>> def test_revenue(mcp_notebook):
    ...     sales = mcp_notebook("analysis.ipynb", parameters={"year": 2026})
    ...     assert sales.tools.top_customers(n=3).df().revenue.is_monotonic_decreasing

    Notes
    -----
    To share one run among the tests of a module, write a fixture of that scope around
    `mcp_jupyter.testing.notebooks.running_notebook`.
    """
    with ExitStack() as stack:

        def run(path: str | os.PathLike[str], **options: Any) -> ConnectedServer:
            __tracebackhide__ = True
            from ..headless.export import HeadlessError
            from .notebooks import running_notebook

            found = _notebook(path, request)
            try:
                return stack.enter_context(running_notebook(found, **options))
            except HeadlessError as exc:
                account = getattr(exc, "account", "")
                failure = f"{exc}\n\n{account}" if account else str(exc)
            pytest.fail(failure, pytrace=False)

        yield run


def _notebook(path: str | os.PathLike[str], request: pytest.FixtureRequest) -> Path:
    __tracebackhide__ = True
    folders = dict.fromkeys((request.path.parent, request.config.rootpath))
    for folder in folders:
        if (folder / path).is_file():
            return folder / path
    pytest.fail(f"Notebook not found in {' or '.join(map(str, folders))}: {os.fspath(path)}.", pytrace=False)


@pytest.fixture
def mcp_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., ConnectedServer]]:
    """Connect to a server from a plain test function; the end of the test disconnects it.

    ``mcp_client(target, *, cassette=None, redact=(), no_redact=(), **options)``.

    Parameters
    ----------
    target
        As for `mcp_jupyter.Client`: a URL, a command, a server object such as `FastMCP`, a file of servers.
    cassette : str, optional
        A name for the server. With a name, calls are replayed from the recording of this test (see
        `mcp_cassette`) or recorded; without one they go to the server.
    redact : sequence of str
        Regular expressions of text that must not be recorded, besides known secrets.
    no_redact : sequence of str
        Names of parameters to record although they sound like a secret, such as `tokens`.
    **options
        Options of `mcp_jupyter.Client`, such as `headers`, `env` and `elicitation_callback`. Without a
        callback the client does not declare the capability to ask the user.

    Returns
    -------
    mcp_jupyter.notebook_client.connected_server.ConnectedServer
        As `%mcp_connect` makes it.

    Examples
    --------
    >>> def test_forecast(mcp_client):
    ...     weather = mcp_client("https://example.com/mcp", cassette="weather")
    ...     assert weather.tools.forecast(city="Paris").data["celsius"] > -90
    """
    from .servers import Servers

    servers, recordings = Servers(), _recordings(request)

    def connect(
        target: Target,
        *,
        cassette: str | None = None,
        redact: tuple[str, ...] = (),
        no_redact: tuple[str, ...] = (),
        **options: Any,
    ) -> ConnectedServer:
        __tracebackhide__ = True

        def track() -> Track | None:
            return None if cassette is None else recordings.track(cassette, redact, no_redact)

        with _one_line():
            return servers.connect(cassette or "server", target, track=track, **options)

    try:
        yield connect
    finally:
        servers.close()


@pytest.fixture
def mcp_cassette(request: pytest.FixtureRequest) -> Callable[..., Track]:
    """Return a recording for a `Client` that an async test opens itself.

    ``mcp_cassette(name, *, redact=(), no_redact=())``.

    The calls of each test are recorded under the test's name, in `test_weather.cassette.json` beside
    `test_weather.py`. They are replayed from there, and a test without a recording fails, so that no test
    calls a server by accident. ``pytest --mcp-cassettes=record`` makes the calls and records them; ``off``
    makes them without recording.

    Parameters
    ----------
    name : str
        A name for the server; the servers of a test have different names.
    redact, no_redact : sequence of str
        See `mcp_client`.

    Returns
    -------
    mcp_jupyter.client.cassettes.Track

    Examples
    --------
    >>> async def test_forecast(mcp_cassette):
    ...     async with Client("https://example.com/mcp", cassette=mcp_cassette("weather")) as client:
    ...         result = await client.call_tool("forecast", {"city": "Paris"})
    """
    recordings = _recordings(request)

    def track(name: str, *, redact: tuple[str, ...] = (), no_redact: tuple[str, ...] = ()) -> Track:
        __tracebackhide__ = True
        with _one_line():
            return recordings.track(name, redact, no_redact)

    return track


@contextmanager
def _one_line() -> Iterator[None]:
    """Fail the test with the message alone if a recording or an option cannot be used."""
    __tracebackhide__ = True
    from ..errors import CassetteError, ConfigError

    try:
        yield
    except (CassetteError, ConfigError) as exc:
        how = f" {_HOW}." if isinstance(exc, CassetteError) else ""
        raise pytest.fail.Exception(f"{exc}{how}", pytrace=False) from None


def _recordings(request: pytest.FixtureRequest) -> Recordings:
    from .recordings import Recordings

    test = request.node.nodeid.partition("::")[2]
    return Recordings(request.path, test)
