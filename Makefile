# The two commands of the README, and what they are made of.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo up test format lint types imports tests lock

setup: $(STAMP)

$(STAMP): requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m gateway demo

up: $(STAMP)
	$(BIN)/python -m gateway up

test: format lint types imports tests

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

tests: $(STAMP)
	$(BIN)/python -m pytest

lock: $(STAMP)
	for kind in runtime dev; do $(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url requirements/$$kind.in -o requirements/$$kind.txt; done
