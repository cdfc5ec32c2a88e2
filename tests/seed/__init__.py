# SPDX-License-Identifier: BSD-3-Clause
"""What the first-generation SDK's README shows, each with the same calls, under our package's name."""
