# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the low-level server."""
