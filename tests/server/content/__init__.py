# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the layer that servers are written with, and of how they are served."""
