# SPDX-License-Identifier: BSD-3-Clause
"""Tests of what SECURITY asks of the whole, and no layer alone."""
