# A bare clone needs python3 (3.11 or newer), make, bash and git; everything else goes into .venv here.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint test-slow bench calibrate experiments reference docs docs-test ui screenshots pins clean distclean

STAMP := .venv/.installed
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest

# an editable install knows its clone by absolute path: install again where the clone has been moved
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(STAMP) ## make .venv with the pinned dependencies (every target below does so when needed)

demo: $(STAMP) ## real spectra from instrument files to a verdict, in ./demo
	.venv/bin/offband demo demo

test: $(STAMP) ## the default test suite: all but slow tests, calibration, benchmarks, documents and browser
	OMP_NUM_THREADS=1 $(PYTEST) -m "not calibration and not benchmark and not ui and not docs and not slow" -n 2 --dist loadfile

test-slow: $(STAMP) ## what takes long: whole servers, clusters, kills, a clean clone, strict typing (CI runs it, too)
	OMP_NUM_THREADS=1 $(PYTEST) -m slow -n 2 --dist load

lint: $(STAMP) ## ruff and mypy
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

bench: $(STAMP) ## side-by-side timings
	$(PYTEST) tests/benchmarks tests/flows/test_serve.py -m benchmark --timeout=0 -s

calibrate: $(STAMP) ## hundreds of seeds per check: error rates, coverage (long)
	$(PYTEST) tests/calibration -m calibration --timeout=0

experiments: $(STAMP) ## every experiment behind docs/experiments.md (long; goes on where it stopped), in ./experiments
	.venv/bin/offband experiments --out experiments
	mkdir -p docs/images/experiments
	cp experiments/experiments.md docs/ && cp experiments/images/experiments/*.png docs/images/experiments/

reference: $(STAMP) ## the tables of docs/study.md, from the study's fields
	$(PYTHON) -m spectral_core.study_reference docs/study.md

docs: $(STAMP) ## README and documents as pages, in build/docs
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[docs]'
	$(PYTHON) -m sphinx -q -W --keep-going -b html -c docs -d build/doctrees . build/docs
	@echo "open build/docs/docs/contents.html"

docs-test: docs ## every command and example of the documents, and the tutorial (some minutes)
	$(PYTEST) tests/docs -m docs

ui: $(STAMP) ## the report in a real browser; needs Debian's chromium
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[ui]'
	$(PYTEST) tests/ui -m ui

screenshots: $(STAMP) ## the pictures of docs/watching.md: the demo served, Prefect and MLflow in a browser (some minutes)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input -c constraints.txt -e '.[ui]'
	OFFBAND_SCREENSHOTS=docs/images $(PYTEST) tests/ui/test_dashboards.py -m ui

pins: ## renew constraints.txt from pyproject.toml, in a fresh environment
	@echo "resolving pyproject.toml without pins (some minutes)"
	@rm -rf build/pins && $(call find_python) && "$$python" -m venv build/pins
	@build/pins/bin/python -m pip install --quiet -e '.[vendor,test,docs,ui]'
	@{ sed -n '/^#/p' constraints.txt; build/pins/bin/python -m pip freeze --exclude-editable; } > build/constraints.txt
	@if grep -n '[@/]' build/constraints.txt; then echo "a pin must be name==version" >&2; exit 1; fi
	@mv build/constraints.txt constraints.txt && rm -rf build/pins && git --no-pager diff --stat -- constraints.txt

clean: ## remove the demo, caches and build products (.venv stays)
	rm -rf demo build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## remove .venv too
	rm -rf .venv

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c '' 2>/dev/null || { $(call find_python) && echo "making .venv with $$("$$python" --version)" \
	    && "$$python" -m venv --clear .venv; }
	@echo "installing the pinned dependencies into .venv (some 200, about two minutes the first time)"
	@$(PYTHON) -m pip install --disable-pip-version-check --no-input -c constraints.txt -e '.[vendor,test]' | awk ' \
	    /^Collecting/ {if (++n % 20 == 0) {print "  " n " packages fetched"; fflush()}} \
	    /^Installing collected/ {print "  unpacking " NF - 3; fflush()}'
	@echo '$(CURDIR)' > $@

# sets $$python to the first interpreter that is new enough and can make environments
define find_python
python=$$(for candidate in python3 python3.13 python3.12 python3.11; do \
    if "$$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
    then echo "$$candidate"; break; fi; done); \
if [ -z "$$python" ]; then \
    echo "offband needs Python 3.11 or newer with the venv module. Found:" >&2; \
    for candidate in python3 python3.13 python3.12 python3.11; do \
        if "$$candidate" --version >/dev/null 2>&1; then \
            echo "  $$candidate: $$("$$candidate" --version 2>&1)$$("$$candidate" -c 'import ensurepip, venv' 2>/dev/null \
                || echo ', without the venv module')" >&2; \
        fi; done; \
    echo "Install one, for instance on Debian or Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; fi
endef
