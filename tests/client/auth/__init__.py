# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the OAuth client, against servers on the loopback."""
