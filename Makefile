# SPDX-License-Identifier: BSD-3-Clause
# `make demo` shows what this is, `make test` checks it. Both need Python 3.11 or later, and nothing else.

VENV ?= .venv
PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))

# Tests wait for other processes half of their time: two cores have work for three.
JOBS ?= 3

# What `make hosts` runs.
HOSTS ?= all

# What `make unit` runs: no kernel, no Jupyter Server and no other front end.
UNIT := tests/test_layers.py tests/test_private_names.py tests/util \
	tests/types tests/protocol tests/engine tests/ipc tests/server tests/client
QUICK := not alone and not slow

BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
PANEL_SOURCES := $(wildcard labextension/src/*.ts labextension/style/* labextension/*.json \
	labextension/yarn.lock labextension/.yarnrc.yml)
PANEL := mcp_jupyter/labextension/package.json
INSTALLED_FROM := pyproject.toml $(wildcard mcp_jupyter/etc/*/*.json) $(PANEL)

# What one test needs to be installed.
FOR_ONE := $(if $(filter $(addsuffix %,$(UNIT)),$(T)),check,test)

.DEFAULT_GOAL := help
.PHONY: help demo check lint types unit one test hosts bench coverage clean

help:
	@echo "make demo         serve the quickstart notebook over MCP, call it once, and go on until Ctrl-C"
	@echo "make demo ONCE=1  the same, but end after the round"
	@echo "make check        style, types, layers and unit tests, in two minutes; installs no npm and no browser"
	@echo "make lint         check style and format"
	@echo "make types        check types"
	@echo "make unit         run the unit tests"
	@echo "make one T=PATH   run one test, as in T=tests/engine/test_connection.py::test_name"
	@echo "make test         check style, types and layers, and run all tests"
	@echo "make hosts        see what eight real hosts hand to a scripted model; installs them from npm"
	@echo "make bench        compare with the official SDK; CASES=... chooses cases"
	@echo "make coverage     show which lines the unit tests do not reach"
	@echo "make clean        remove what was built (the virtual environment stays)"
	@echo ""
	@echo "JOBS=1 runs one test at a time. HOSTS=claude,codex@http chooses hosts, and transports (attach, run, http)."
	@echo "VENV=DIR uses another virtual environment than .venv, PYTHON=python3.13 another Python to make it."

demo: $(VENV)/.demo-installed
	$(BIN)/jupyter mcp demo $(if $(filter 1,$(ONCE)),--once)

check: lint types unit

lint: $(VENV)/.check-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.check-installed
	$(BIN)/mypy

unit: $(VENV)/.check-installed
	$(PYTEST) $(UNIT) -m "$(QUICK)" --numprocesses $(JOBS) --dist loadfile

one: $(VENV)/.$(FOR_ONE)-installed
	@test -n "$(T)" || { echo "Which test? make one T=tests/engine/test_connection.py::test_name" >&2; exit 1; }
	$(PYTEST) $(T)

test: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -m "not alone" --numprocesses $(JOBS) --dist loadfile
	$(PYTEST) -m alone

# Into this virtual environment, at exact versions, with a Node of its own: about 2 GB.
hosts: $(VENV)/.test-installed
	MCP_JUPYTER_REQUIRE_ALL=1 MCP_JUPYTER_HOSTS=$(HOSTS) $(PYTEST) tests/hosts

bench: $(VENV)/.test-installed
	$(BIN)/python -m benchmarks $(CASES)

coverage: $(VENV)/.check-installed
	$(BIN)/coverage erase
	-$(BIN)/coverage run -m pytest $(UNIT) -m "$(QUICK)"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

clean:
	rm -rf mcp_jupyter/labextension labextension/lib labextension/node_modules labextension/.yarn
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
	rm -f $(VENV)/.demo-installed $(VENV)/.check-installed $(VENV)/.test-installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# An editable install puts panel and configuration in place like a regular one, and one environment serves
# all targets: a changed .py file needs no new install.
$(VENV)/.demo-installed: $(INSTALLED_FROM) | $(BIN)/python
	@echo "Installing into $(VENV), which takes a minute or two the first time ..."
	$(BIN)/python -m pip install --quiet --editable '.[lab]'
	@touch $@

$(VENV)/.test-installed: $(INSTALLED_FROM) | $(BIN)/python
	@echo "Installing into $(VENV), which takes a minute or two the first time ..."
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.demo-installed $(VENV)/.check-installed

# Without the panel, whose build would fetch Node and npm packages: an empty folder stands for it.
$(VENV)/.check-installed: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV), which takes about a minute the first time ..."
	@mkdir -p mcp_jupyter/labextension
	$(BIN)/python -m pip install --quiet editables hatchling hatch-jupyter-builder
	SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[check]'
	@touch $@

# The install builds the panel; it looks for changes in labextension/src alone, so an old build has to go.
$(PANEL): $(PANEL_SOURCES)
	@rm -rf mcp_jupyter/labextension
