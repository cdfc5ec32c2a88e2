# SPDX-License-Identifier: BSD-3-Clause
"""The official conformance suite, run against our servers and clients."""
