# SPDX-License-Identifier: BSD-3-Clause
"""What a server answered: its text, its data, its table, and what a notebook shows of it.

`results` is what a call gives, `tables` makes data frames, `showing` and `media` decide what is displayed.
"""
