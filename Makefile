# Set-up is part of every target: `make demo` and `make test` work on a fresh clone with make and Python 3.11 or newer.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test test-long bench lint clean

help:
	@echo "make demo       run the whole loop on the example log: verdict, which version is worst at what, where the report lies"
	@echo "make test       the tests, without the long ones"
	@echo "make test-long  all tests"
	@echo "make bench      speed, memory and size, as tables"
	@echo "make lint       ruff, mypy, layers"
	@echo "make clean      remove .venv and caches"

$(READY): pyproject.toml
	@sh .ci/setup

demo: $(READY)
	@cd examples/recipe_bot && ../../$(BIN)/judge run; code=$$?; \
	if [ $$code -eq 1 ]; then echo; echo "A gate failed, as it should: the newest version refuses too much. In CI, exit code 1 stops it there."; else exit $$code; fi
	@echo; echo "A reward model from the users' thumbs, and every answer scored by it:"
	@cd examples/recipe_bot && ../../$(BIN)/judge rm train --labels thumbs --out reward_models/thumbs --quiet && ../../$(BIN)/judge score -s rm:reward_models/thumbs --quiet
	@echo; echo "The report: $(CURDIR)/examples/recipe_bot/recipe-report.html"

# Compiled first: hundreds of tests start `judge`, and where PYTHONDONTWRITEBYTECODE is set each would compile it anew.
test: $(READY)
	@$(BIN)/python -m compileall -q judgecli
	@$(BIN)/python -m pytest -q -n auto -m "not long"

test-long: $(READY)
	@$(BIN)/python -m compileall -q judgecli
	@$(BIN)/python -m pytest -q -n auto

bench: $(READY)
	@for file in $(filter-out benchmarks/generate.py,$(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy judgecli
	@$(BIN)/python -m pytest -q tests/test_layers.py

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build examples/*/.judge examples/*/feedback examples/*/reward_models examples/*/*-report.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
