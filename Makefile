PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EMULATORS := tests/emulators/node_modules

.PHONY: setup demo test check docs fuzz bench format clean

# Set up once, and again whenever the dependencies change.
setup: $(VENV)/.done
$(VENV)/.done: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: setup ## two scans of 178 images, tickets and a summary in demo/
	$(BIN)/triagebot demo

test: setup $(EMULATORS)/.done ## all tests
	$(BIN)/python -m pytest

# The servers that the tests talk to. Where they cannot be had their tests are skipped, and fail in CI.
$(EMULATORS)/.done: tests/emulators/package-lock.json
	@if command -v npm >/dev/null 2>&1 && npm ci --prefix tests/emulators --ignore-scripts --silent --no-audit --no-fund; \
	then touch $@; else echo "SKIPPED: the tests against the emulated GitHub need npm and its registry" >&2; fi

check: setup ## format, lint, types, layers, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet .github action.yml examples/workflows/*.yml
	sh .ci/actionlint

docs: setup ## the pages of docs/ as a site in build/docs; a broken link is a fault
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs

fuzz: setup ## the readers on damaged files, for longer
	TRIAGEBOT_FUZZ=2000 $(BIN)/python -m pytest tests/test_formats_hostile.py -n 2 --dist load

bench: setup ## speed and memory, as ratios
	$(BIN)/python benchmarks/bench.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(EMULATORS) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
