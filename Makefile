# Everything a developer needs, from python3 (3.11 or newer) and make alone. `make` lists the targets.

PYTHON ?= python3
VENV_PYTHON := .venv/bin/python
PIP := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check
CITIZEN := $(VENV_PYTHON) -m server.cli
# What is in a lock, by its hashes and never built from source: by uv in seconds, and by pip where uv does not get through.
INSTALL = { $(PIP) --require-hashes --only-binary :all: -r requirements/uv.txt && \
	UV_HTTP_RETRIES=1 $(VENV_PYTHON) -m uv pip install --quiet --python $(VENV_PYTHON) --system-certs --require-hashes --no-build -r $(1); } \
	>/dev/null 2>&1 || { echo '… by pip, which takes some time'; $(PIP) --require-hashes --only-binary :all: -r $(1); }
COMPILE := $(VENV_PYTHON) -m uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

# How many processes the tests share; more than there are cores, because some of them wait.
WORKERS ?= 3
# Which PostgreSQL the tests use: the one from the wheel, or PG=system for the newest one installed on this machine.
PG ?= wheel
ifeq ($(filter wheel system,$(PG)),)
$(error PG is either wheel or system, not "$(PG)")
endif
PG_OPTION_wheel :=
PG_OPTION_system := --pg=system

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help run test check check-code check-api fix bench demo-journey lock clean

# Each of the many processes of a demo or a test would compile the whole application anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' Makefile | while IFS='#' read -r target words; do printf '%-22s %s\n' "$$target" "$$words"; done

run: .venv/run.ok ## Run everything: database, sandbox, worker and web; Ctrl-C ends it all
	@$(CITIZEN) demo

demo-journey: .venv/run.ok ## Pay a bill over HTTP, on the demo that runs or on one of its own
	@$(VENV_PYTHON) -c 'import sys; from server.demo import run_journey; sys.exit(run_journey())'

test: .venv/test.ok ## Run the tests (LONG=1: the long ones, too; PG=system: on the installed PostgreSQL; ARGS="…": more for pytest)
	$(VENV_PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(if $(LONG),,-m "not long") $(PG_OPTION_$(PG)) $(ARGS)

check: check-code check-api ## Run every check that is not a test (-j2: both halves at once)

check-code: .venv/test.ok
	@echo '== ruff: rules'
	@$(VENV_PYTHON) -m ruff check
	@echo '== ruff: format'
	@$(VENV_PYTHON) -m ruff format --check
	@echo '== mypy: types'
	@$(VENV_PYTHON) -m mypy
	@echo '== import-linter: layers'
	@.venv/bin/lint-imports
	@echo '== deptry: dependencies'
	@$(VENV_PYTHON) -m deptry .

check-api: .venv/test.ok
	@echo '== citizen spec: openapi.yaml is what the code says'
	@$(CITIZEN) spec --check
	@echo '== citizen migrate: the migrations are what the models say'
	@$(CITIZEN) migrate --check
	@echo '== schemathesis: the running application is what openapi.yaml says'
	@$(VENV_PYTHON) -m tests.run_schemathesis

fix: .venv/test.ok ## Apply what the tools can repair, and write openapi.yaml anew
	$(VENV_PYTHON) -m ruff check --fix
	$(VENV_PYTHON) -m ruff format
	$(CITIZEN) spec

bench: .venv/run.ok ## Measure
	$(VENV_PYTHON) -m benchmarks $(ARGS)

lock: .venv/uv.ok ## Compile requirements/*.txt from pyproject.toml and requirements/*.in (UPGRADE=1: newest versions)
	$(COMPILE) pyproject.toml requirements/build.in -o requirements/run.txt
	$(COMPILE) requirements/test.in -o requirements/test.txt
	$(COMPILE) requirements/uv.in -o requirements/uv.txt

clean: ## Remove the virtual environment and all caches; var/ with its data stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each set of packages is installed once, and again when its lock changes. Every file must have the hash in the lock,
# and nothing is built from source: a build would fetch tools that no lock knows.
.venv/run.ok: requirements/run.txt pyproject.toml | .venv/bin/python
	@echo 'Installing what the application needs …'
	@$(call INSTALL,requirements/run.txt)
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/test.ok: requirements/test.txt .venv/run.ok
	@echo 'Installing what tests and checks need …'
	@$(call INSTALL,requirements/test.txt)
	@touch $@

.venv/uv.ok: requirements/uv.txt | .venv/bin/python
	@$(PIP) --require-hashes --only-binary :all: -r requirements/uv.txt
	@touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Python 3.11 or newer is needed, and $(PYTHON) is %d.%d: try make PYTHON=python3.11" % v[:2])' \
		|| { command -v $(PYTHON) >/dev/null || echo 'There is no $(PYTHON): install Python 3.11 or newer, or name it: make PYTHON=…'; exit 1; } >&2
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo '$(PYTHON) cannot make virtual environments: install its venv package (Debian, Ubuntu: python3-venv)' >&2; exit 1; }
