# Everything a fresh machine needs is set up by the first target that needs it: Python 3.11 or newer and make suffice.
#
#   make demo       the whole pipeline against the local sandbox, on the embedded database
#   make test       every test
#   make up         Dagster on this machine's loopback
#   make lint types contracts    what .ci/run checks besides

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := headway_pipeline headway_pipeline_tests benchmarks training

.PHONY: demo test up lint types contracts format pins clean

demo: $(VENV)/.runtime
	$(BIN)/headway demo

up: $(VENV)/.runtime
	$(BIN)/headway up

# Three files at a time on two cores, for a good part of the tests waits for daemons, browsers and clocks; in the order
# of `headway_pipeline_tests/conftest.py`, so that what waits longest comes first.
test: $(VENV)/.development
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.development
	$(BIN)/ruff check $(PACKAGES)
	$(BIN)/ruff format --check $(PACKAGES)

types: $(VENV)/.development
	$(BIN)/mypy

contracts: $(VENV)/.development
	$(BIN)/lint-imports

format: $(VENV)/.development
	$(BIN)/ruff check --fix $(PACKAGES)
	$(BIN)/ruff format $(PACKAGES)

# Pins of the whole resolved set, for every platform, without the options that write addresses into the file.
pins: $(VENV)/.python
	$(BIN)/python -m pip install -qq uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --all-extras \
		--no-annotate --no-header pyproject.toml --output-file constraints.txt

# The stamps make the second call of a target quick.
$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer found: install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.python pyproject.toml constraints.txt
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
