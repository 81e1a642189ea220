# The commands of the project. `make help` lists them. Everything runs from .venv, which sets itself up when needed: a
# Python of at least 3.11 with venv is all that must be there.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The Python that .venv is made with: the first that is new enough, or what you name: make PYTHON=python3.12 setup
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Written last, so that an interrupted setup starts again.
READY := $(VENV)/.ready
# Options for the command that a target runs: make demo ARGS=--keep
ARGS ?=
# Without cached bytecode, each process of the tests and of the benchmarks would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE
# Each pytest worker has its own PostgreSQL and Temporal. Three keep two cores busy, as much of their time is waiting.
WORKERS ?= 3

.PHONY: help
help: ## List the commands
	@echo 'Care. `make up` runs the whole system, `make demo` plays one ticket through it.'
	@echo
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'Options go in ARGS: make up ARGS="--home DIR --first-port N", make test ARGS="-k recovery"'

.PHONY: setup
setup: $(READY) ## Make .venv with the locked dependencies (every other target does this first)

$(READY): pyproject.toml requirements.lock
	@test -n "$(PYTHON)" || { echo 'No Python of at least 3.11 found: install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo '$(PYTHON) is not a Python of at least 3.11: install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Setting up $(VENV) (a minute, the first time)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: up
up: $(READY) ## Run the whole system on embedded parts, print its URLs; Ctrl-C stops it
	@$(BIN)/care up $(ARGS)

.PHONY: demo
demo: $(READY) ## Play one ticket from a bad review to CLOSED, on a running stack or one of its own
	@$(BIN)/care demo $(ARGS)

.PHONY: compose-env
compose-env: $(READY) ## Write .env with fresh keys, once, for docker compose up
	@test ! -e .env || { echo 'There is an .env already, and the containers use its keys. To start over, run docker compose down --volumes and delete .env' >&2; exit 1; }
	@umask 077 && $(BIN)/care keys >.env || { rm -f .env; exit 1; }

.PHONY: test
test: $(READY) ## Run the tests
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

.PHONY: test-long
test-long: $(READY) ## Run the heavy forms of the tests, with a line when each begins and ends
	$(BIN)/pytest -m long -n $(WORKERS) --dist loadgroup --timeout 3600 -v --durations=20 $(ARGS)

.PHONY: mutants
mutants: $(READY) ## Make small edits that a test or the type checker must notice (ARGS=--short)
	@$(BIN)/python -m tools.mutants $(ARGS)

.PHONY: model
model: $(READY) ## Explore the model of the lifecycle (ARGS="--without RULE": the counterexample without a rule)
	@$(BIN)/python -m tests.model $(ARGS)

.PHONY: bench
bench: $(READY) ## Run the benchmarks, write benchmarks/results.json and its picture (ARGS="--only ROW", ARGS=--quick)
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-picture
bench-picture: $(READY) ## Draw docs/images/bench.svg from benchmarks/results.json
	$(BIN)/python -m benchmarks.picture

.PHONY: bench-peers
bench-peers: $(READY) ## Measure django-helpdesk, which is installed for the run only (needs a package index)
	@$(BIN)/python -m benchmarks.peers.django_helpdesk

.PHONY: check
check: check-style check-types check-imports check-protos check-diagrams check-api-docs check-bench-picture check-lock ## Run every check that is not a test

.PHONY: check-style
check-style: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: check-types
check-types: $(READY)
	$(BIN)/mypy

.PHONY: check-imports
check-imports: $(READY)
	$(BIN)/lint-imports

.PHONY: check-protos
check-protos: $(READY)
	$(BIN)/python -m tools.buf_checks
	$(BIN)/python protos/generate.py --check

.PHONY: check-diagrams
check-diagrams: $(READY)
	$(BIN)/python -m tools.diagrams --check

.PHONY: check-api-docs
check-api-docs: $(READY)
	$(BIN)/python -m tools.api_docs --check

.PHONY: check-bench-picture
check-bench-picture: $(READY)
	$(BIN)/python -m benchmarks.picture --check

.PHONY: check-lock
check-lock: $(READY)
	$(BIN)/python -m tools.lock --check

.PHONY: format
format: $(READY) ## Format the code and repair what can be repaired
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: proto
proto: $(READY) ## Generate protos/python from protos/care
	$(BIN)/python protos/generate.py

.PHONY: proto-baseline
proto-baseline: $(READY) ## Make the current contract the one that later changes may not break
	$(BIN)/python -m tools.buf_checks --write-baseline

.PHONY: diagrams
diagrams: $(READY) ## Draw the README's state diagrams
	$(BIN)/python -m tools.diagrams

.PHONY: trace
trace: $(READY) ## Print the trace of one recovery, through all processes, as a tree (ARGS=--write: into docs/operating.md)
	@$(BIN)/python -m tools.trace $(ARGS)

.PHONY: sql
sql: $(READY) ## List the service's SQL statements, or print some whole (ARGS=outbox.CLAIM)
	@$(BIN)/python -m tools.sql $(ARGS)

.PHONY: screenshots
screenshots: $(READY) ## Take the screenshots of docs/runbook.md from a running system (needs a Chromium)
	@$(BIN)/python -m tools.screenshots

.PHONY: histories
histories: $(READY) ## Record the workflows' paths that have no history yet (ARGS=--help), and what each costs
	@$(BIN)/python -m tests.workflows.recording $(ARGS)

.PHONY: counts
counts: $(READY) ## Print what each path of the workflows costs (ARGS=--write: into docs/operating.md)
	@$(BIN)/python -m tests.workflows.recording.table $(ARGS)

.PHONY: api-docs
api-docs: $(READY) ## Write docs/api from protos/care
	$(BIN)/python -m tools.api_docs

.PHONY: migration
migration: $(READY) ## Write a migration for the differences between the tables and the last migration: make migration M="add labels"
	$(BIN)/python -m tools.migration "$(M)"

.PHONY: lock
lock: $(READY) ## Update the locks from pyproject.toml (ARGS=--upgrade: newest versions)
	$(BIN)/python -m tools.lock $(ARGS)

.PHONY: clean
clean: ## Remove .venv and caches; the data in .care stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name .git -prune -o -name __pycache__ -type d -exec rm -rf {} +
