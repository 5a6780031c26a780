# make run     start everything on this machine; open the address it prints
# make test    all tests, browser tests too, on all cores
# make bench   the measurements, about an hour; they write docs/benchmarks.md
# make faults  bad days played against real processes, half an hour, ten minutes of it at random: docs/faults.md
# make fuzz    a hundred thousand random answers, cut anywhere, through the renderer; half an hour
# make audit   known holes in what we pin, as far as the registry tells
# make messages  take new words into the translations in locale/, and name those that have none yet
# make check   what must be green before a change lands: linters, types, rooms, known holes, then the tests
#
# It needs a Python of 3.12 or later, or uv, and the package registries. Everything it installs is in .venv and .uv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
.DELETE_ON_ERROR:

PYTHON := .venv/bin/python
INSTALLED := .venv/.installed

# uv is tried by running it: a pyenv shim may be on the PATH without a uv behind it. Without one we bring our own.
FIND_UV = uv=; for it in uv .uv/bin/uv; do if "$$it" --version >/dev/null 2>&1; then uv=$$it; break; fi; done; \
  if [ -z "$$uv" ]; then \
    for it in python3 python3.14 python3.13 python3.12; do \
      if "$$it" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then python=$$it; break; fi; done; \
    if [ -z "$${python:-}" ]; then echo "Install Python 3.12 or later, or uv." >&2; exit 1; fi; \
    "$$python" -m venv --clear .uv; .uv/bin/python -m pip install --quiet --disable-pip-version-check uv; uv=.uv/bin/uv; \
  fi
INSTALL = $(FIND_UV); VIRTUAL_ENV=.venv "$$uv" pip install --quiet --no-deps --require-hashes

.PHONY: run test bench faults fuzz audit check install requirements messages

run: $(INSTALLED)-runtime
	@exec $(PYTHON) manage.py up

test: $(INSTALLED)-dev
	$(PYTHON) -m pytest -n auto

faults: $(INSTALLED)-dev
	$(PYTHON) -m tests.faults

# Whole rounds are handed out, not the file; CI is unset because there Hypothesis would take the same examples each time.
fuzz: $(INSTALLED)-dev
	env -u CI FUZZ_EXAMPLES=$(or $(FUZZ_EXAMPLES),100000) $(PYTHON) -m pytest -n auto --dist load -k any_cut \
	  -o faulthandler_timeout=3600 tests/attacks/test_renderer_fuzz.py

bench: $(INSTALLED)-dev
	$(PYTHON) -m bench

check: $(INSTALLED)-dev
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy --strict .
	.venv/bin/lint-imports
	@$(MAKE) --no-print-directory audit
	$(MAKE) test

audit: .venv/bin/python
	@$(FIND_UV); $(PYTHON) .ci/audit.py "$$uv" requirements/dev.txt

install: $(INSTALLED)-dev

messages: $(INSTALLED)-dev
	$(PYTHON) -m tests.languages

# Pins what requirements/*.in ask for, the same on every machine. UPGRADE=--upgrade takes newer versions.
PIN = "$$uv" pip compile --quiet $(UPGRADE) --generate-hashes --universal --python-version 3.12 \
  --override requirements/overrides.txt --no-header --no-emit-index-url

requirements: .venv/bin/python
	@$(FIND_UV); $(PIN) requirements/runtime.in -o requirements/runtime.txt; \
	$(PIN) requirements/dev.in --constraint requirements/runtime.txt -o requirements/dev.txt

# Both add to the same .venv and take nothing away, so that `make run` after `make test` has nothing to do: dev.txt
# holds all of runtime.txt in the same versions.
$(INSTALLED)-runtime: requirements/runtime.txt | .venv/bin/python
	@if ! cmp -s requirements/dev.txt $(INSTALLED)-dev; then $(INSTALL) -r requirements/runtime.txt; fi
	@cp requirements/runtime.txt $@

$(INSTALLED)-dev: requirements/dev.txt | .venv/bin/python
	@$(INSTALL) -r requirements/dev.txt
	@cp requirements/dev.txt $@

# The Python of .python-version, or any that will do, or one that uv brings.
.venv/bin/python:
	@$(FIND_UV); venv="$$uv venv --quiet --clear .venv"; \
	$$venv --no-python-downloads --python 3.13 2>/dev/null || \
	$$venv --no-python-downloads --python '>=3.12' 2>/dev/null || $$venv --python 3.13
