# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the aggregate: all live notebooks as one server."""
