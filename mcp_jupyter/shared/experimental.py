# SPDX-License-Identifier: BSD-3-Clause
"""Tasks of 2025-11-25, which are not here."""

from .._util.absent import TASKS

__all__ = ()

raise ImportError(TASKS, name=__name__)
