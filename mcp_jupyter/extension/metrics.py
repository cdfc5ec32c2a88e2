# SPDX-License-Identifier: BSD-3-Clause
"""Prometheus metrics of this extension, on Jupyter Server's own `/metrics` (which asks for a login).

No label has a client's own words: methods that the protocol does not have are "other".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import REGISTRY, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..ipc.files import default_runtime_dir, scan
from ..ipc.questions import APPROVALS
from ..protocol.methods import METHODS
from ..server.http.base_handler import BaseHandler
from .manager import NotebookManager

__all__ = ["Gauges", "observe"]

_METHODS: Final = frozenset(method.name for method in METHODS)

_REQUESTS: Final = Counter(
    "mcp_jupyter_requests", "HTTP requests of MCP clients.", ["era", "method", "status"]
)
_CALLS: Final = Histogram(
    "mcp_jupyter_call_seconds",
    "Seconds from the headers of a tools/call over HTTP to its answer.",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300),
)
_REFUSALS: Final = Counter("mcp_jupyter_refusals", "Refused requests of MCP clients.", ["status"])

_REFUSED: Final = 400
"""The lowest status of a refusal."""


def observe(handler: BaseHandler) -> None:
    """Count a request that has been answered."""
    status, method = handler.get_status(), handler.method
    known = method if method in _METHODS else "other" if method else "none"
    _REQUESTS.labels(handler.era or "none", known, status).inc()
    if status >= _REFUSED:
        _REFUSALS.labels(status).inc()
    elif method == "tools/call":
        _CALLS.observe(handler.request.request_time())


class Gauges(Collector):
    """What there is now, counted when Prometheus asks.

    Parameters
    ----------
    notebooks : NotebookManager
        The notebooks of this server.
    """

    def __init__(self, notebooks: NotebookManager) -> None:
        self._notebooks = notebooks

    def start(self) -> None:
        """Answer Prometheus from now on."""
        REGISTRY.register(self)

    def stop(self) -> None:
        """Answer no more."""
        REGISTRY.unregister(self)

    def describe(self) -> Iterable[Metric]:
        """Return nothing: counting at registration would read files."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Count sessions, streams, links, notebooks and open approvals."""
        endpoints, directory = self._notebooks.endpoints, default_runtime_dir()
        for name, about, number in (
            ("sessions", "Open sessions.", sum(len(each.sessions) for each in endpoints)),
            ("streams", "Modern requests under way.", sum(each.requests_under_way for each in endpoints)),
            ("links", "Kernels that are linked to.", len(endpoints)),
            ("notebooks_live", "Notebooks that serve.", len(scan(directory))),
            ("approvals_waiting", "Calls that wait for a user.", len(APPROVALS.waiting(directory))),
        ):
            yield GaugeMetricFamily(f"mcp_jupyter_{name}", about, number)
