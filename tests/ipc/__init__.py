# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the private wire between a kernel and whoever reaches it."""
