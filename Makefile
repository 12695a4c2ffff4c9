# The two commands of the README, and what they are made of.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: tools setup demo up bench bench-cases bench-signing bench-growth test format lint types imports generated tests contract-table shows-tools mutation docs pictures lock

# tools of Debian that some tests hold our work against; without one its tests are skipped, but in CI
tools:
	apt-get update -q && apt-get install -qy chromium xmlsec1 softhsm2 openssl poppler-utils unzip

setup: $(STAMP)

$(STAMP): requirements/dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m gateway demo

up: $(STAMP)
	$(BIN)/python -m gateway up

bench: $(STAMP)
	$(BIN)/python -m bench

# receipts made and signed, leaves sealed, containers checked
bench-signing: $(STAMP)
	$(BIN)/python -m bench signing

# fills three databases, the largest with ten million payments: 45 GB in the temporary folder, and most of an hour
bench-growth: $(STAMP)
	$(BIN)/python -m bench growth --rows 10000000

# a drawing of 2 GB over a line that is cut three times: 6 GB in the temporary folder; then cases filed and tracked with
# ten thousand and a million stored: 4 GB. `python -m bench cases --rows 10000000` tracks them in ten million too: 40 GB
bench-cases: $(STAMP)
	$(BIN)/python -m bench upload cases --rows 1000000

test: format lint types imports generated tests

format: $(STAMP)
	$(BIN)/ruff format --check .

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

generated: $(STAMP)
	$(BIN)/python -m gateway docs --check

# two halves beside each other; `pytest` alone runs one after the other
tests: $(STAMP)
	$(BIN)/python -m tests.halves

# adapters across, questions down: each cell is really asked, exit code 1 when one fails
contract-table: $(STAMP)
	PYTHONPATH=. $(BIN)/python tests/contract/table.py

# five minutes: each public tool asked of each thing that we sign and of altered copies, exit code 1 when one does not hold
shows-tools: $(STAMP)
	$(BIN)/python -m tests.shows tools

# twenty minutes: small faults in the code of the money, and which of them the tests let live; NAMES=vnpay for some
mutation: $(STAMP)
	$(BIN)/python tests/mutation $(NAMES)

docs: $(STAMP)
	$(BIN)/python -m gateway docs

# needs Graphviz; each picture ends with the hash of what it was drawn from, so that a test can tell an old one
pictures: docs
	for dot in docs/flow.dot docs/states/*.dot; do dot -Tsvg "$$dot" -o "$${dot%.dot}.svg" && echo "<!-- drawn from $$(sha256sum < "$$dot" | cut -c 1-64) -->" >> "$${dot%.dot}.svg" || exit 1; done

lock: $(STAMP)
	for kind in runtime dev; do $(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras requirements/$$kind.in -o requirements/$$kind.txt; done
