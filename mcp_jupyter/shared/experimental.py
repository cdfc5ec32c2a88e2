# SPDX-License-Identifier: BSD-3-Clause
"""Say what replaces the first-generation SDK's experimental tasks, which this package does not have."""

from .._util.absent import TASKS

__all__ = ()

raise ImportError(TASKS, name=__name__)
