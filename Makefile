# A virtual environment in .venv and the commands that need it. `make` alone lists them.
# Any Python from 3.10 to 3.13 will do: make PYTHON=python3.12 repro
PYTHON ?= python3
BIN := .venv/bin
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
LOCK := --quiet --universal --python-version 3.10 --no-annotate --upgrade
# A database belongs to the release that made it, so that it changes only when somebody asks for it.
LABEL_STUDIO ?= $(shell sed -n 's/^label-studio==\([^ ]*\).*/\1/p' annotate/server/label-studio.txt)
BASE ?= HEAD
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadgroup
# Columns of `dvc exp show` that only fill the page: when and where, files, single classes, losses, labels.
UNREAD := Created|State|Executor|by_class|labelled|other_classes|.*loss$$|train[.]|params.yaml|(annotate|data)/|train/([^:]*$$|labelled)
# Stages run `python`: that of the environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help env repro check test lint runs summary lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-8s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: .venv/ready ## make the environment, or renew it

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c '$(SUPPORTED)' || { \
		echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); expected Python 3.10 to 3.13" >&2; \
		echo "hint: make PYTHON=python3.12 repro" >&2; exit 1; }
	@test ! -L .venv || { \
		echo "error: .venv is a link, and what it leads to would be emptied; expected a folder or nothing" >&2; \
		echo "hint: rm .venv" >&2; exit 1; }
	@echo "making .venv: 7 GB with PyTorch, a few minutes"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

repro: env ## run the stages that have changed
	@$(BIN)/dvc repro
	@if git diff --quiet HEAD -- params.yaml '*.py' && ! git diff --quiet HEAD -- train/metrics.json train/test.json; then \
		echo 'Same parameters, other figures than committed: weights differ from machine to machine.'; \
		echo 'Commit yours, and dvc metrics diff compares with them: git commit -am "My first run"'; fi

check: lint ## check style and types, and run the quick tests
	@$(TESTS) -m 'not slow and not server and not browser'

test: env ## run all tests; CIFAR10_DIR=... for those on the full set
	@$(TESTS)

lint: env ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

runs: env ## list the experiments of `dvc exp run` on this commit, with what differs among them
	@here=$$($(BIN)/dvc exp list --name-only); \
		test -n "$$here" || \
			echo 'no experiments on this commit: dvc exp run --name NAME -S recipes.quick.train.seed=2'; \
		others=$$($(BIN)/dvc exp list --name-only --all-commits | sort -u | grep -vxF -e "$$here" | tr '\n' ' '); \
		test -z "$$others" || echo "of other commits: $$others(python -m train.compare HEAD NAME)"
	@$(BIN)/dvc exp show --only-changed --hide-workspace --drop '$(UNREAD)'

summary: env ## what changed since BASE, as Markdown: make summary BASE=main
	@echo '## Metrics against $(BASE)'
	@echo
	@table=$$($(BIN)/dvc metrics diff --md $(BASE)) || exit 1; \
		test $$(echo "$$table" | wc -l) -gt 2 && echo "$$table" || echo 'No metric differs.'
	@echo
	@echo '```'
	@$(BIN)/python -m train.compare $(BASE)
	@echo '```'

lock: env ## pin the newest versions, but that of Label Studio: make lock LABEL_STUDIO=1.24.0
	$(BIN)/uv pip compile $(LOCK) --all-extras --no-header pyproject.toml -o constraints.txt
	echo label-studio==$(LABEL_STUDIO) | $(BIN)/uv pip compile - $(LOCK) \
		--custom-compile-command 'make lock LABEL_STUDIO=$(LABEL_STUDIO)' -o annotate/server/label-studio.txt

clean: ## remove the environment, checkpoints, caches; labels and DVC's cache stay
	rm -rf .venv .label-studio/env train/out/checkpoints .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find annotate data train tests -name __pycache__ -prune -exec rm -rf {} +
