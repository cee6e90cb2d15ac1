# `make run` starts the app. `make quick` checks a change, `make test` a commit, `make test-slow` what takes minutes.
# All of them work on a fresh clone with Python 3.11, pip and make.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run quick test test-slow test-arm static lint types contracts unit tests attack snapshots clean
.DELETE_ON_ERROR:

run: $(VENV)/installed
	@$(BIN)/llm-tui $(ARGS)

# The unit tests run beside the type checker: each has a core.
quick: $(VENV)/installed-dev
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target unit static

test: $(VENV)/installed-dev
	@$(MAKE) --no-print-directory static tests

# Real programs killed over and over, logins over slow links, a fleet on Ray, long walks, every instruction set.
test-slow: $(VENV)/installed-dev
	$(BIN)/pytest -m slow $(ARGS)

# The kernels on an emulated ARM CPU: right, and bit for bit what they give here. Needs root, for Debian's packages.
test-arm: $(VENV)/installed-dev
	$(BIN)/python -m tests.emulated_arm $(ARGS)

static: $(VENV)/installed-dev
	@$(MAKE) --no-print-directory lint types contracts

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/installed-dev
	$(BIN)/mypy

contracts: $(VENV)/installed-dev
	$(BIN)/lint-imports

unit: $(VENV)/installed-dev
	$(BIN)/pytest -n 0 -m "not slow" tests/unit $(ARGS)

tests: $(VENV)/installed-dev
	$(BIN)/pytest -m "not slow" $(ARGS)

# What tries to break the program, at many times its usual length.
attack: $(VENV)/installed-dev
	LLM_TUI_ATTACKS=$${LLM_TUI_ATTACKS:-100} $(BIN)/pytest tests/attack $(ARGS)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "llm-tui needs Python 3.11 or newer: install it, or say where it is with 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it first (Debian and Ubuntu: apt-get install python3-venv), then run make again." >&2; exit 1; }
	@echo "llm-tui: making a Python environment in $(VENV), once ..."
	@$(PYTHON) -m venv $(VENV)

# pip's own lines are the progress: each package as it comes, the same on any terminal and in a pipe.
PIP := $(BIN)/python -m pip install --progress-bar off --disable-pip-version-check --editable

$(VENV)/installed: pyproject.toml | $(BIN)/python
	@echo "llm-tui: installing what it needs into $(VENV), once; each package is named as it comes ..."
	@$(PIP) .
	@echo "llm-tui: installed. At the first start it compiles the kernels for this CPU, for a minute or two; it answers meanwhile, slower."
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	@echo "llm-tui: installing what it needs, and what its tests need, into $(VENV), once ..."
	@$(PIP) '.[dev]'
	@touch $@ $(VENV)/installed

# Draw the pictures that tests compare screens with anew; look at them before they are committed.
snapshots: $(VENV)/installed-dev
	$(BIN)/pytest tests/tui/test_snapshots.py --snapshot-update

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
