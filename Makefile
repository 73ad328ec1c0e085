# kalshi-ext: `make help` lists the targets. Needs Python >= 3.11 and make, nothing else.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
JOBS ?= 2
UPSTREAM ?=
BASE ?= openapi/upstream.yaml
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types derived spec generate check-generated drift adopt \
        record bench faults simulate conformance witnesses invariants mutation package clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found: install it, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# The demo needs the library and its sandbox; everything else needs the tools as well.
$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "installing the library and its sandbox into $(VENV)"
	@$(PIP) --editable '.[sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "installing the library and its tools into $(VENV)"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.dev ## make the environment with every tool

demo: $(VENV)/.demo ## trade on the embedded sandbox: every operation of both contracts
	@$(PY) examples/demo.py

test: $(VENV)/.dev ## run the tests
	$(PY) -m pytest -n $(JOBS) --dist worksteal -q

check: lint types check-generated derived ## linters, both type checkers, generated and derived files

lint: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/.dev
	$(PY) -m mypy
	$(BIN)/pyright

derived: $(VENV)/.dev
	$(PY) scripts/unasync.py --check

spec: $(VENV)/.dev ## take in the exchange's contract: make spec UPSTREAM=<file or URL>
	$(PY) scripts/spec.py --upstream "$(UPSTREAM)"

generate: $(VENV)/.dev ## regenerate generated/ and the types derived from the contract
	$(PY) scripts/generate.py

check-generated: $(VENV)/.dev ## compare generated/ with a fresh regeneration
	$(PY) scripts/generate.py --check

drift: $(VENV)/.dev ## judge a new contract: make drift UPSTREAM=<file or URL>
	@$(PY) scripts/drift.py "$(BASE)" "$(UPSTREAM)"

package: $(VENV)/.dev ## build the wheel, install it elsewhere, trade with it
	$(PY) scripts/package_check.py

clean: ## remove environments and caches
	rm -rf $(VENV) .venv-generator .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
