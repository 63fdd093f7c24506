# Everything here sets up what it needs in the checkout: .venv*, .cache and build. `make` lists the commands.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests that run outside the checkout find the built etcds here too.
export ETCD_ASGI_CACHE ?= $(CURDIR)/.cache

# The first Python that is new enough, or the one given: make PYTHON=python3.13 test
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then echo $$python; break; fi; done)
endif

PIP_FLOOR := pip>=25.1
UV := uv==0.13.9

BIN := .venv/bin
FLOORS := .venv-floors/bin
CLIENTS := .venv-clients/bin
NPM := $(shell command -v npm)
WHEEL := .venv-wheel/bin
WHEEL_DEMO := .venv-wheel-demo/bin
# What is never imported need not be compiled.
PIP_INSTALL := install --quiet --no-compile
PIP := -m pip $(PIP_INSTALL)
# Installs into another environment, which needs no pip of its own then: $(call INTO,.venv-wheel) PACKAGE...
INTO = $(BIN)/python -m pip --python $(1)/bin/python $(PIP_INSTALL)
# Without Debian's python3-venv a new environment is left behind with a Python and without pip: that is made anew.
HAS_PIP := -m pip --version >/dev/null 2>&1
PACKAGE_FILES := $(shell find etcd_asgi examples/fastapi_app -type f -not -path '*/__pycache__/*' 2>/dev/null)

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | while IFS=$$'\t' read -r name text; \
	do printf 'make %-12s %s\n' "$$name" "$$text"; done

# ---- what to run -------------------------------------------------------------------------------------------------

.PHONY: test
test: ## everything that CI runs
	$(MAKE) --no-print-directory -j4 etcds check browser-ready clients-ready \
		.venv-floors/.ready .venv-wheel/.ready .venv-wheel-demo/.ready
	$(MAKE) --no-print-directory -j4 test-rest test-pages test-served test-wheel

# Side by side, as most tests wait more than they work: what serves clients, what people look at, and all others.
SERVED := $(addprefix tests/,clients events hosts streams)
PAGES := $(addprefix tests/,browser cli docs examples)
RUN := $(BIN)/python tools/run_tests.py

.PHONY: test-served
test-served: .venv/.ready
	$(RUN) served $(SERVED)

.PHONY: test-pages
test-pages: .venv/.ready
	$(RUN) pages $(PAGES)

.PHONY: test-rest
test-rest: .venv/.ready
	$(RUN) rest $(addprefix --ignore=,$(SERVED) $(PAGES))

.PHONY: test-wheel
test-wheel:
	$(MAKE) --no-print-directory wheel-test
	$(MAKE) --no-print-directory floors

.PHONY: demo
demo: .venv/.ready ## a FastAPI app with logins and etcd's API, in front of a real etcd
	$(BIN)/python -m examples.fastapi_app.demo

.PHONY: demo-django
demo-django: .venv/.ready ## the same with Django: its users and sessions
	$(BIN)/python -m examples.django_app.demo

.PHONY: check
check: .venv/.ready ## format, lint, types, imports, words, and that the descriptor set is current
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_words.py --check
	$(BIN)/python tools/build_proto.py --check

.PHONY: format
format: .venv/.ready ## format, and fix what lint can fix
	$(BIN)/ruff check --fix-only --exit-zero
	$(BIN)/ruff format

.PHONY: words
words: .venv/.ready ## count the words that the glossary leaves out, file by file
	$(BIN)/python tools/check_words.py

.PHONY: unit
unit: .venv/.ready ## the tests that take seconds
	$(BIN)/pytest tests/unit

.PHONY: conformance
conformance: .venv/.ready etcds ## the stock gateway and ours answer alike
	$(BIN)/pytest tests/conformance

.PHONY: hosts
hosts: .venv/.ready ## mounted in every host, under every server
	$(BIN)/pytest tests/hosts

.PHONY: browser
browser: browser-ready ## the client module and its pages in a real browser
	$(BIN)/pytest tests/browser

.PHONY: browser-ready
browser-ready: .venv/.ready $(if $(NPM),.venv-browser/.ready) ## find a Chromium, or get one
	$(BIN)/python -m tests.browser.chromium

# axe-core is installed and not kept here: its licence is MPL-2.0.
.venv-browser/.ready: tests/browser/npm/package.json
	mkdir -p .venv-browser
	cp $< .venv-browser
	cd .venv-browser && npm install --omit=optional --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

.PHONY: screenshots
screenshots: browser-ready ## draw the pictures of docs/explorer.md again
	$(BIN)/python tools/screenshots.py

.PHONY: examples
examples: .venv/.ready ## log in to both examples and see what each user may do
	$(BIN)/pytest tests/examples

.PHONY: clients
clients: clients-ready ## real clients, with their own tests, through the gateway
	$(BIN)/pytest tests/clients

.PHONY: streams
streams: .venv/.ready ## streams that stall, break off and are left in every way
	$(BIN)/pytest tests/streams

.PHONY: bench
bench: .venv/.ready etcds ## measure the tables of results in docs/performance.md
	$(BIN)/python -m benchmarks

.PHONY: load
load: .venv/.ready ## 2,000 watches on one process: memory of each, delays, nothing lost, beside the stock gateway
	$(BIN)/python -m benchmarks.watches --servers stock uvicorn

.PHONY: etcds
etcds: .venv/.ready ## build the etcd releases of tests/etcds, where Go is installed
	$(BIN)/python tests/etcds/build.py

# ---- the wheel, with the checkout's package out of the way -----------------------------------------------------------

# build/outside holds everything but the package, so the only etcd_asgi to import is the installed one.
OUTSIDE := build/outside
define stage
rm -rf $(OUTSIDE)
mkdir -p $(OUTSIDE)
cp -R $(wildcard tests tools examples benchmarks docs pyproject.toml README.md CHANGELOG.md) $(OUTSIDE)
endef

.PHONY: wheel-test
wheel-test: .venv-wheel/.ready .venv-wheel-demo/.ready ## the wheel alone, with nothing but its own requirements, serves a request
	$(stage)
	cd $(OUTSIDE) && ETCD_ASGI_ETCD="$$(../../$(BIN)/python -c '$(FIND_ETCD)')" \
		../../$(WHEEL)/python -W error tests/wheel/smoke.py
	cd $(OUTSIDE) && ../../$(WHEEL_DEMO)/python tests/wheel/demo.py

.PHONY: floors
floors: .venv-floors/.ready ## the wheel's unit tests on the oldest requirements that pyproject.toml allows
	$(stage)
	cd $(OUTSIDE) && ETCD_ASGI_FEW_EXAMPLES=1 ../../$(FLOORS)/python tools/run_tests.py floors tests/unit
	cd $(OUTSIDE) && PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python \
		../../$(FLOORS)/python tools/run_tests.py floors-python $(IN_PYTHON)

# The protobuf that is Python alone, for systems without a wheel of it: all that reads and writes messages. It takes some
# thirty times as long, so without random examples; and its depth is the interpreter's own.
IN_PYTHON := -m "not hypothesis" -k "not too_deep_for_the_parser and not beyond_the_interpreters_stack" \
	$(addprefix tests/unit/,calls/test_bindings.py calls/watch codec namespace test_gateway.py)

FIND_ETCD := from etcd_asgi.testing import find_etcd; print(find_etcd())

build/wheel/.built: .venv/.ready pyproject.toml LICENSE $(wildcard README.md) $(PACKAGE_FILES)
	rm -rf build/wheel
	$(BIN)/hatchling build -t wheel -d build/wheel
	touch $@

.venv-wheel/.ready: build/wheel/.built requirements/dev.txt
	rm -rf .venv-wheel
	$(PYTHON) -m venv --without-pip .venv-wheel
	$(call INTO,.venv-wheel) -c requirements/dev.txt build/wheel/*.whl
	touch $@

.venv-wheel-demo/.ready: build/wheel/.built requirements/dev.txt
	rm -rf .venv-wheel-demo
	$(PYTHON) -m venv --without-pip .venv-wheel-demo
	$(call INTO,.venv-wheel-demo) -c requirements/dev.txt "$$(ls build/wheel/*.whl)[demo]"
	touch $@

.venv-floors/.deps: requirements/floors.txt | .venv/.pip
	rm -rf .venv-floors
	$(PYTHON) -m venv --without-pip .venv-floors
	$(call INTO,.venv-floors) -r requirements/floors.txt
	touch $@

.venv-floors/.ready: .venv-floors/.deps build/wheel/.built
	$(call INTO,.venv-floors) --no-deps --force-reinstall build/wheel/*.whl
	touch $@

# ---- the clients: packages of their own, some from npm ------------------------------------------------------------------

.PHONY: clients-ready
clients-ready: .venv/.ready .venv-clients/.ready $(if $(NPM),.venv-clients/npm/.ready)

.venv-clients/.ready: requirements/clients.txt | .venv/.pip
	rm -rf .venv-clients
	$(PYTHON) -m venv --without-pip .venv-clients
	$(call INTO,.venv-clients) -r requirements/clients.txt
	touch $@

.venv-clients/npm/.ready: tests/clients/npm/package.json .venv-clients/.ready
	mkdir -p .venv-clients/npm
	cp $< .venv-clients/npm
	cd .venv-clients/npm && npm install --omit=optional --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

# ---- setting up ------------------------------------------------------------------------------------------------------

.PHONY: python
python:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' || { echo >&2 \
		"etcd-asgi needs Python 3.11 or newer, and $(or $(PYTHON),python3) is not. Name one: make PYTHON=/path/to/python3.11"; \
		exit 1; }

.venv/.pip: | python
	$(BIN)/python $(HAS_PIP) || $(PYTHON) -m venv --clear .venv
	$(BIN)/python $(PIP) "$(PIP_FLOOR)"
	touch $@

.venv/.ready: requirements/dev.txt pyproject.toml | .venv/.pip
	$(BIN)/python $(PIP) -r requirements/dev.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	touch $@

.PHONY: proto
proto: .venv/.ready ## rebuild the descriptor set from the .proto sources
	$(BIN)/python tools/build_proto.py

# Exact versions for one Python and all later ones. uv only resolves here; pip installs.
COMPILE := .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--custom-compile-command 'make lock' \
	--no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml
.PHONY: lock
lock: python ## choose the newest development requirements, and the oldest that users may have
	.cache/lock/bin/python $(HAS_PIP) || $(PYTHON) -m venv --clear .cache/lock
	.cache/lock/bin/python $(PIP) "$(UV)"
	$(COMPILE) --upgrade --group dev --output-file requirements/dev.txt
	$(COMPILE) --upgrade --resolution lowest-direct --no-deps --output-file .cache/lock/floors.txt
	$(COMPILE) --upgrade --group test --group etcd --constraint .cache/lock/floors.txt \
		--output-file requirements/floors.txt
	$(patsubst pyproject.toml,requirements/clients.in,$(COMPILE)) --upgrade --output-file requirements/clients.txt

.PHONY: clean
clean: ## remove everything that make has made
	rm -rf .venv .venv-* .cache build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
