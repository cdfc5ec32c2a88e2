# SPDX-License-Identifier: BSD-3-Clause
"""The comparisons with the official SDK run; what they find is for a quiet machine, not for a test."""
