# SPDX-License-Identifier: BSD-3-Clause
"""Placeholder for the first SDK's tasks of 2025-11-25: importing it says what to use instead."""

from .._util.absent import TASKS

__all__ = ()

raise ImportError(TASKS, name=__name__)
