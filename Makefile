# The one door for developers and for the weekly job. `make help` lists what it opens.
#
# Nothing here says where packages come from: uv or pip use whatever the machine is set up with.
# Set on the command line: PYTHON, AS_OF, TARGET, OUT, REPORT, PYTEST_ARGS, WORKERS.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STATE := $(or $(ORESIGHT_HOME),.oresight)
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

# ---- the environment: rebuilt when, and only when, what it is made from changes -----------------
#
# A stamp is named by the contents of the lock and by this folder (a virtual environment copied
# elsewhere still runs the code of its first home). It is written last, so an interrupted set-up
# starts over. Old stamps go first, so switching back to an older lock installs again.
#
# What comes as source is built with the setuptools of the lock, not with whatever is newest: so
# every package that runs here was checked against a hash, and a folder of files is enough offline.

id = $(shell { printf '%s\n' '$(CURDIR)'; cat $(1); } | cksum | cut -d ' ' -f 1)
RUNTIME := $(VENV)/.runtime-$(call id,requirements.lock)
DEV := $(VENV)/.dev-$(call id,requirements.lock requirements-dev.lock)
PACKAGE := $(VENV)/.package-$(call id,pyproject.toml)

ifneq ($(shell command -v uv),)
INSTALLER := uv
MAKE_VENV = UV_PYTHON_DOWNLOADS=never uv venv --quiet --clear --python "$$(command -v $(PYTHON))" $(VENV)
INSTALL = uv pip install --quiet --compile-bytecode --python $(BIN)/python
# uv brings its own list of certificates; where the machine has one, that one knows the house's own too.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS ?= true
export UV_NATIVE_TLS ?= true
endif
else
INSTALLER := pip (some minutes the first time; uv on the PATH does it in seconds)
MAKE_VENV = $(PYTHON) -m venv --clear $(VENV)
# A .venv that uv made has no pip; Python brings one along.
INSTALL = $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
endif

define CHECK_PYTHON
if ! command -v $(PYTHON) >/dev/null; then \
  echo "oresight needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Name one: make setup PYTHON=/path/to/python3.11" >&2; exit 2; \
elif ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
  echo "oresight needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another: make setup PYTHON=/path/to/python3.11" >&2; exit 2; \
fi
endef

$(RUNTIME):
	@$(CHECK_PYTHON)
	@rm -f $(VENV)/.runtime-* $(VENV)/.dev-* $(VENV)/.package-*
	@echo "Building $(VENV) from requirements.lock with $(INSTALLER)"
	@$(MAKE_VENV)
	@awk '/^setuptools==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock >$(VENV)/build-backend.lock
	@$(INSTALL) --require-hashes -r $(VENV)/build-backend.lock
	@$(INSTALL) --require-hashes --no-build-isolation -r requirements.lock
	@touch $@

$(DEV): $(RUNTIME)
	@rm -f $(VENV)/.dev-*
	@echo "Adding the development tools of requirements-dev.lock with $(INSTALLER)"
	@$(INSTALL) --require-hashes --no-build-isolation -r requirements-dev.lock
	@touch $@

$(PACKAGE): $(RUNTIME)
	@rm -f $(VENV)/.package-*
	@echo "Installing oresight itself, editable"
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help setup setup-dev
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(RUNTIME) $(PACKAGE) ## Build .venv from requirements.lock, every package checked against its hash

setup-dev: $(DEV) $(PACKAGE) ## The same, with the development tools of requirements-dev.lock

# ---- running it --------------------------------------------------------------------------------

.PHONY: forecast backtest ablation scorecard train demo bench
forecast: setup ## Write this week's run and print the top of its table (AS_OF=YYYY-MM-DD for another week)
	@$(BIN)/oresight weekly $(if $(AS_OF),--as-of '$(AS_OF)')

backtest: setup ## Score every target over rolling origins (TARGET=supply_drop for one, OUT=folder)
	@$(BIN)/oresight backtest $(if $(TARGET),--target '$(TARGET)') --out '$(or $(OUT),$(STATE)/backtest)'

ablation: setup ## Say what each feature family earns on each target (OUT=folder); an hour on two cores
	@$(BIN)/oresight ablation --out '$(or $(OUT),$(STATE)/ablation)'

scorecard: setup ## Measure all that README and model card say of the forecasts (OUT=folder); nine minutes on two cores
	@$(BIN)/oresight scorecard --out '$(or $(OUT),$(STATE)/scorecard)'

train: setup ## Train and register a model on what is known at the start of this quarter
	@$(BIN)/oresight train

demo: setup ## Replay one past week in a temporary folder and compare it with what happened
	@$(BIN)/oresight demo

bench: setup-dev ## Measure the main steps as ratios within one run, and the service beside Datasette
	@$(BIN)/python -m ml.bench
	@$(BIN)/python -m ml.service.bench

# ---- checking it -------------------------------------------------------------------------------

.PHONY: check test lint format typecheck
check: lint typecheck test ## All that must pass before a commit: lint, types, tests

test: lint typecheck ## What CI runs: ruff, mypy, then tests and notebooks (PYTEST_ARGS='-k store' for a part)
	@# The order is that of tests/conftest.py: what takes longest first, or at the end one worker waits for the other.
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder \
	  $(if $(NOTEBOOKS),--nbmake --nbmake-timeout=900) $(NOTEBOOKS) tests $(PYTEST_ARGS)

lint: setup-dev ## Check style and formatting with ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check . || { echo "Some files are not formatted; run: make format" >&2; exit 1; }

format: setup-dev ## Rewrite the files in the agreed format
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

typecheck: setup-dev ## Check the types with mypy
	@$(BIN)/mypy

# ---- what is generated -------------------------------------------------------------------------

.PHONY: notebooks codebook data-sources model-card screenshot lock clean
notebooks: setup-dev ## Run every notebook; no output is stored
	@$(if $(NOTEBOOKS),,echo "There are no notebooks in notebooks/." >&2; exit 2)
	@$(BIN)/python -m pytest --nbmake --nbmake-timeout=900 $(NOTEBOOKS)

codebook: setup ## Regenerate docs/codebook.md from the feature specifications
	@$(BIN)/python -m features.codebook

data-sources: setup ## Regenerate docs/data-sources.md from what the sources declare
	@$(BIN)/python -m features.collection.source_pages

model-card: setup ## Rewrite model card, README tables and quoted figures after scorecard, ablation and forecast
	@$(BIN)/python -m ml.model_card --scorecard '$(STATE)/scorecard' --ablation '$(STATE)/ablation' --run '$(STATE)/runs/$(RUN)'

model-card screenshot: RUN = $(shell sed -n 's/.*"run_id": "\([^"]*\)".*/\1/p' $(STATE)/runs/current.json 2>/dev/null)
screenshot: REPORT ?= $(STATE)/runs/$(RUN)/report.html
screenshot: ## Take docs/report.png from the newest run's report (REPORT=file.html for another)
	@test -f '$(REPORT)' || { echo "There is no report at $(REPORT). Make one with: make forecast" >&2; exit 2; }
	@test -n '$(CHROMIUM)' || { echo "A Chromium on the PATH takes the picture; there is none." >&2; exit 2; }
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	  $(CHROMIUM) --headless --no-sandbox --disable-gpu --hide-scrollbars --no-first-run --disable-sync \
	    --disable-background-networking --disable-component-update --user-data-dir="$$scratch" \
	    --window-size=1280,1600 --screenshot="$(CURDIR)/docs/report.png" "file://$$(realpath '$(REPORT)')" 2>"$$scratch/log" \
	    || { cat "$$scratch/log" >&2; exit 1; }
	@echo "docs/report.png"

LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --group build
lock: ## Regenerate both lock files with uv (LOCK_ARGS=--upgrade for newer versions)
	@command -v uv >/dev/null || { echo "The locks are made with uv; put it on the PATH." >&2; exit 2; }
	@$(LOCK) $(LOCK_ARGS) pyproject.toml -o requirements.lock
	@$(LOCK) $(LOCK_ARGS) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## Remove .venv, caches and builds; forecasts and data in .oresight stay
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
