# `make` alone says what there is. PYTHON=/path/to/python3 chooses the interpreter of the virtual environment.

BIN := .venv/bin
# Tests wait for Asterisk, browsers and phones more than they compute.
WORKERS := 3
# For each harness of `make fuzz`.
MINUTES := 2

.DEFAULT_GOAL := help
.PHONY: help run test check bench bench-check bench-profile faults fuzz

help: ## Say what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-13s %s\n", $$1, $$2 }'

run: .venv/.run ## Start the gateway on 127.0.0.1, with a private Asterisk if aribridge.toml names none
	@exec $(BIN)/aribridge run --dev

test: check ## Set up what the tests need (browsers, SIPp, npm packages, two Asterisks), run check, run all tests
	@scripts/test-setup
	@exec $(BIN)/pytest -n $(WORKERS)

check: .venv/.dev ## Lint, check the formatting, the types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: .venv/.dev ## Break links, Asterisk and packets under load for 10 to 15 minutes; count what clients lost
	@scripts/test-setup
	@PYTHONPATH=tests exec $(BIN)/python -m faults

fuzz: .venv/.fuzz ## Feed each parser and state machine hostile input, for MINUTES=2 each
	@PYTHONPATH=tests exec $(BIN)/python -m fuzz --minutes $(MINUTES)

bench: .venv/.dev ## Measure the gateway against a real Asterisk on this machine
	@scripts/test-setup
	@PYTHONPATH=tests exec $(BIN)/python -m bench

bench-check: .venv/.dev ## Measure, and fail where a ratio is worse than the kept ones allow
	@scripts/test-setup
	@PYTHONPATH=tests exec $(BIN)/python -m bench check

bench-profile: .venv/.profile ## Say which part of the gateway takes its CPU time, in the workloads that matter most
	@scripts/test-setup
	@PYTHONPATH=tests exec $(BIN)/python -m bench profile

.venv/.run: pyproject.toml
	@scripts/venv .

.venv/.dev: pyproject.toml
	@scripts/venv '.[dev]'

.venv/.fuzz: pyproject.toml
	@scripts/venv '.[dev,fuzz]'

.venv/.profile: pyproject.toml
	@scripts/venv '.[dev,profile]'
