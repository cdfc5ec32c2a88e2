# SPDX-License-Identifier: BSD-3-Clause
"""Compare the processor time of calls with the official SDK: ``python -m benchmarks``.

Each case has two sides that do the same work in separate processes and in turns. The result is the ratio of
their processor times: drift of the machine cancels, and the process that drives both sides counts for
neither. Run it from the repository, with the `test` extra installed.
"""
