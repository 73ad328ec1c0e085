# kalshi-ext: `make help` lists the targets. Needs Python >= 3.11 and make, nothing else.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
JOBS ?= 2
UPSTREAM ?=

.PHONY: help setup demo test check lint types spec generate check-generated check-derived derive \
        drift adopt record bench faults conformance witnesses invariants mutation postgres-note clean package

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found; install it or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# The demo needs the library and its sandbox; the tests need the tools as well.
$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP) --editable '.[sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.dev ## make the environment with every tool

demo: $(VENV)/.demo ## trade on the embedded sandbox exchange: every operation of both contracts
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -q
