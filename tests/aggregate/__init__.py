# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the hub: all live notebooks as one server."""
