# SPDX-License-Identifier: BSD-3-Clause
"""Who may say what, and when: one conversation over one channel. Not aware of tools or transports."""
