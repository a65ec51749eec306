# Campaign. `make run` rehearses the campaign, `make test` runs the suite, `make check` is what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PDS := tests/pds/node_modules/.installed

.PHONY: help install run test test-pds check format lint types contracts bench lock clean

help:            ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

install: $(STAMP)  ## set up .venv from the lock file

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Campaign needs Python 3.11 or newer; say PYTHON=/path/to/python3.11 make install" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) from requirements.lock (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: install     ## rehearse this repository's campaign against the sandbox
	@$(BIN)/campaign rehearse

test: install    ## the whole test suite
	@$(BIN)/python -m pytest -n auto --dist loadgroup --cov --cov-report=term:skip-covered -q

test-pds: install  ## hold Bluesky's channel against the AT Protocol's reference server (needs Node 20)
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(PDS); fi
	@$(BIN)/python -m pytest -q -k pds tests/contract

$(PDS): tests/pds/package-lock.json
	@echo "Installing the reference server into tests/pds from its lock file (a minute or two the first time)"
	@cd tests/pds && JOBS=max npm ci --silent
	@touch $@

check: install   ## format, lint, types, import contracts, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

format: install  ## put the code into shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: install   ## a million e-mails against a bare loop and the SDK, an import, events (half an hour)
	@$(BIN)/python -m benchmarks

lock:            ## make requirements.lock anew from pyproject.toml (needs uv)
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --group dev pyproject.toml -o requirements.lock

clean:           ## remove what was made here
	@rm -rf $(VENV) tests/pds/node_modules .campaign .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* build dist
