# kalshi-ext: `make help` lists the targets. Needs Python >= 3.11 and make, nothing else.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
# HASHED=1, as in CI, installs nothing but files whose hashes are in requirements-ci.txt.
HASHED ?=
JOBS ?= 4
UPSTREAM ?=
BASE ?= openapi/upstream.yaml
MAKEFLAGS += --no-print-directory
# Images often set this. Without bytecode every process that is started compiles the library again,
# and every test worker rewrites the tests again: half of the time of `make test`.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types derived spec generate check-generated drift adopt adopt-walks \
        record faults fuzz sweeps hostile simulate mutation drift-mutations invariants conformance witnesses bench \
        bench-rivals bulk stop-times maker package clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found: install it, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# The demo needs the library and its sandbox; everything else needs the tools as well.
$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "installing the library and its sandbox into $(VENV)"
	@$(PIP) --constraint constraints.txt --editable '.[sandbox]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.python
	@echo "installing the library and its tools into $(VENV)"
ifeq ($(HASHED),)
	@$(PIP) --constraint constraints.txt --editable '.[dev]'
else
	@$(PIP) --require-hashes --requirement requirements-ci.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
endif
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
	$(PY) scripts/scan_secrets.py

types: $(VENV)/.dev
	$(PY) -m mypy
	$(BIN)/pyright

derived: $(VENV)/.dev
	$(PY) scripts/unasync.py --check
	$(PY) scripts/contract_types.py --check
	$(PY) scripts/retry_policy.py --check
	$(PY) scripts/operations_table.py --check
	$(PY) scripts/errors_table.py --check
	$(PY) scripts/contract_absence.py --check
	$(PY) scripts/api_text.py --check

spec: $(VENV)/.dev ## take in the exchange's contract: make spec UPSTREAM=<file or URL>
	$(PY) scripts/spec.py --upstream "$(UPSTREAM)"

generate: $(VENV)/.dev ## regenerate generated/ and the types derived from the contract
	$(PY) scripts/generate.py

adopt-walks: $(VENV)/.dev ## add a read, take in the whole document said in other ways (minutes)
	EVERY_WALK=1 $(PY) -m pytest -q tests/contract/adopt tests/contract/test_added_read.py

check-generated: $(VENV)/.dev ## compare generated/ with a fresh regeneration
	$(PY) scripts/generate.py --check

drift: $(VENV)/.dev ## judge a new contract: make drift UPSTREAM=<file or URL> [BASE=<file>]
	@$(PY) scripts/drift.py "$(BASE)" "$(UPSTREAM)"

# Words about what is gone go with it; a correction that no longer fits stops the adoption.
adopt: $(VENV)/.dev ## take a new contract in, step by step: make adopt UPSTREAM=<file or URL>
	@$(PY) scripts/adopt.py --drop-words --upstream "$(UPSTREAM)"

record: $(VENV)/.dev ## record the cassettes again, against the sandbox
	$(PY) scripts/record.py

faults: $(VENV)/.dev ## the full proof of exactly-once: every byte, every kill; writes the figures
	$(PY) scripts/faults.py --write
	$(PY) scripts/kills.py --write
	$(PY) scripts/journal_bench.py --write

hostile: $(VENV)/.dev ## 20,000 hostile worlds on real TCP, a second witness; writes the figures
	$(PY) scripts/hostile.py --write

sweeps: $(VENV)/.dev ## every case of what `make test` samples (minutes)
	EVERY_CASE=1 $(PY) -m pytest -n $(JOBS) --dist worksteal -q $$(grep -rlE 'case_samples|hypothesis' tests --include='test_*.py')

fuzz: $(VENV)/.dev ## attack arguments, answers, secrets and patterns; writes the figures
	$(PY) scripts/fuzz.py --write

simulate: $(VENV)/.dev ## 100,000 lives of a bot in a simulated world; writes the figures
	$(PY) scripts/simulate.py --write

mutation: $(VENV)/.dev ## mutation testing of flow, writes and journal; writes the survivors
	$(PY) scripts/mutation.py --write

drift-mutations: $(VENV)/.dev ## judge every kind of change to both contracts; writes the counts
	$(PY) scripts/drift_mutations.py --write

invariants: $(VENV)/.dev ## 100,000 random operations on the sandbox, books checked after each
	$(PY) scripts/invariants.py --write

conformance: $(VENV)/.dev ## schemathesis against the sandbox, with the contract
	$(PY) scripts/conformance.py --write

witnesses: $(VENV)/.dev ## clients made by others against the sandbox (installs them apart)
	$(PY) scripts/witnesses.py --write

stop-times: $(VENV)/.dev ## measure the stop button behind queues and slow reads; a minute
	$(PY) scripts/stop_times.py --write

maker: $(VENV)/.dev ## the example bot for minutes on exchanges that misbehave, killed again and again
	$(PY) scripts/maker.py --write

bench: $(VENV)/.dev ## speed, as ratios measured in one run; writes them (minutes, quiet machine)
	$(PY) scripts/bench.py --write

bench-rivals: $(VENV)/.dev ## the same of clients made by others (installs them apart)
	$(PY) scripts/bench.py --write --only rivals

bulk: $(VENV)/.dev ## budget and bulk calls against true buckets: 10,000 orders, processes killed
	KALSHI_BULK=1 $(PY) -m pytest -q -n 1 tests/wire/client/test_client_shared_budget.py
	$(PY) scripts/bulk_bench.py --write

package: $(VENV)/.dev ## build the wheel, install it elsewhere, trade with it
	$(PY) scripts/package_check.py

clean: ## remove environments and caches
	rm -rf $(VENV) .venv-generator .venv-conformance .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
