# One file for every command; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo up down status secrets test lint check bench profile reliability fetchdata.pyz wheel

PYTHON3 ?= python3
PYTHON := .venv/bin/python

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z.]+:.*## / {printf "  make %-14s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/ready ## Make .venv with everything in it

.venv/ready: pyproject.toml requirements.lock
	@$(PYTHON3) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo 'Python 3.11 or newer with its venv module is needed: apt install python3-venv'; exit 2; }
	$(PYTHON3) -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Start everything, push two customers' files, count their rows; the system stays up
	$(PYTHON) -m demo

up: setup ## Start servers and services that do not run yet
	$(PYTHON) -m servers up

down: setup ## Stop them; the data stays in .local
	$(PYTHON) -m servers down

status: setup ## Show what runs and where
	@$(PYTHON) -m servers status

secrets: setup ## Write passwords, once, and configuration for compose.yaml into ./secrets
	$(PYTHON) -m servers secrets

test: setup ## Run every test, on real servers of their own
	$(PYTHON) -m servers install
	$(PYTHON) -m pytest

lint: setup ## Run linters and type checks
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	$(PYTHON) -m mypy

check: lint ## Run linters, type checks and unit tests: minutes, no servers
	$(PYTHON) -m pytest tests/unit

bench: setup ## Load beside the best loaders and the servers' own ceiling: an hour and more, see docs/performance.md
	$(PYTHON) -m servers install
	$(PYTHON) -m benchmarks

profile: setup ## Write a flame graph of one load to benchmarks/results/profile.svg: some minutes
	$(PYTHON) -m servers install
	$(PYTHON) -m benchmarks.profile

reliability: setup ## Load 10,000 bad files and compare with slow references: ten minutes, no servers
	$(PYTHON) -m benchmarks.reliability

fetchdata.pyz: setup ## Make the one file to hand to customers
	$(PYTHON) -m release

wheel: setup ## Make the package for those who want to check before they send, in ./dist
	$(PYTHON) -m release.wheel
