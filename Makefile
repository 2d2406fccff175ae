# make demo: everything, on videos made here. make test: the tests. Both set up .venv by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=
PYTEST_ARGS ?=

.PHONY: demo test test-slow check docs format soak bench clean

demo: $(VENV)/.ready
	$(BIN)/mvssl demo -o demo $(DEMO_ARGS)

test: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

test-slow: $(VENV)/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow $(PYTEST_ARGS)

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) docs

docs: $(VENV)/.ready  # not --quiet: it hides from --strict what it counts
	$(BIN)/mkdocs build --strict

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

soak: $(VENV)/.ready
	$(BIN)/python tools/soak.py --json benchmarks/results/soak.json

bench: $(VENV)/.ready
	for file in benchmarks/*.py; do $(BIN)/python $$file --quick || exit 1; done

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("mvssl needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[demo,dev]'
	touch $@

clean:
	rm -rf $(VENV) demo site
