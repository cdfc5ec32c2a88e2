# SPDX-License-Identifier: BSD-3-Clause
"""What a call costs here, side by side with the official SDK: ``python -m benchmarks``.

Each case has two sides that do the same work, each in processes of its own, driven by the same client in
turns. What counts is the ratio of the processor time of the two sides: drift of the machine cancels, and
the client's own cost is in neither. Needs the `test` extra, and runs from the repository.
"""
