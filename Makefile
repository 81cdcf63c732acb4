# Set-up, training and checks. `make run` and `make test` do everything on a fresh machine.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test test-slow coverage soak check install install-dev clean

run: install ## train on the built-in data and show the result
	$(BIN)/python -m src.run $(ARGS)

test: install-dev check ## lint, type-check and run the whole suite
	$(BIN)/python -m pytest -n auto --dist worksteal --durations=15 -m "not slow" $(ARGS)

test-slow: install-dev ## the soak tests
	$(BIN)/python -m pytest -m slow --timeout=3600 $(ARGS)

coverage: ## the whole suite, and the lines that no test reaches; takes twice as long
	$(MAKE) test ARGS="--cov=sweepformer --cov-report=term:skip-covered $(ARGS)"

soak: install-dev ## kill, mislead and overwork runs thousands of times, and record what was lost (hours; ARGS="--parts kills" for a part)
	$(BIN)/python -m benchmarks.reliability $(ARGS)

check: install-dev ## ruff and mypy
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

install: .venv/installed
install-dev: .venv/installed-dev

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@ .venv/installed

clean: ## remove the environment and caches, never runs
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache
