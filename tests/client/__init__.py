# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the client: its session over memory, its transports against real and against hostile servers."""
