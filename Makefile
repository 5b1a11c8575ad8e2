# `make run` starts the service, `make test` runs the tests; both set everything up themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
TORCH := 2.13.0

.PHONY: help install train dev run test check format audit bench experiments clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'scantrail needs Python 3.11 or newer; set PYTHON=python3.x'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo 'python3-venv is missing: sudo apt-get install python3-venv'; exit 1; }

$(VENV)/.installed: $(BIN)/python pyproject.toml
	@echo 'installing scantrail into $(VENV) …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# torch by its exact version first: what the extra then finds is that one.
$(VENV)/.train: $(VENV)/.installed
	@echo 'installing what training needs …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==$(TORCH)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@echo 'installing the tools for tests …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev 2>/dev/null || \
	  { $(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev; }
	@touch $@

install: $(VENV)/.installed ## Set up .venv with what serving needs

train: $(VENV)/.train ## … and with what training needs

dev: $(VENV)/.dev ## … and with what tests need

run: install ## Start the service for this machine alone, on 127.0.0.1:8000, with the demo chain
	@$(BIN)/scantrail serve --insecure-local --port $(PORT)

test: dev ## Run every test, with coverage
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term --cov-report=xml

check: dev ## Lint, types, import layers, doctests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -W error -m pytest --doctest-modules --no-header -q src

format: dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

audit: dev ## Look for known faults of what is installed (needs the advisory service)
	@$(BIN)/python scripts/audit.py

bench: dev ## Measure speed as ratios and write docs/benchmarks.md
	$(BIN)/python benchmarks/run.py

# The event logs and the one-class sets are other people's: fetch them yourself and name the folders.
experiments: dev ## Reproduce docs/experiments.md (an hour or two; LOGS=dir SETS=dir add public data)
	$(BIN)/python experiments/run.py --work out/experiments $(if $(LOGS),--logs $(LOGS)) \
	  $(if $(SETS),--sets $(SETS))

clean: ## Remove everything that was set up
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage coverage.xml
