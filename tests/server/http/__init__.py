# SPDX-License-Identifier: BSD-3-Clause
"""HTTP fronts: tests against a real tornado server on a free port of the loopback interface."""
