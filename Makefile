# Everything a machine needs besides Python 3.11+, pip and make is installed from here. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCALE ?= full
DATA ?= var
# Where bytecode is not kept, each of the many processes that tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test check proof bench bench-edge bench-launch bench-outbox bench-pages lint types format lock messages proto client reference database clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.run ## Install what is needed, then start everything with sample data in ./var
	@LOAD_SEED_DATA=$${LOAD_SEED_DATA:-true} exec $(BIN)/ecatalog serve --data $(DATA)

test: $(VENV)/.dev ## Install what the tests need, then run them (the slow proofs apart)
	@scripts/need-chromium.sh || echo "Going on without a browser: only the proofs need one." >&2
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not proof" --ignore tests/proofs

check: $(VENV)/.dev lint types test ## Format, lint, types and tests: about a minute

lint: $(VENV)/.dev ## Look at format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/shellcheck -x scripts/*.sh database/*.sh database/sqlite3 deploy/*.sh deploy/k8s/*.sh .ci/run
	$(BIN)/hadolint samples/*/Dockerfile database/Dockerfile deploy/Dockerfile

types: $(VENV)/.dev ## Check the types, strictly
	$(BIN)/mypy

proof: $(VENV)/.dev ## The slow proofs: crashes, the browser story, real containers. SCALE=ci for small counts
	scripts/need-chromium.sh
	scripts/need-registry.sh
	scripts/need.sh systemd-analyze systemd age age zstd zstd fuser psmisc curl curl
	scripts/need-prometheus.sh
	scripts/need-checkov.sh >/dev/null
	DOCKER_HOST=$$(scripts/need-docker.sh) && export DOCKER_HOST && \
	  SCALE=$(SCALE) $(BIN)/python -m pytest -q -m proof -s

bench: $(VENV)/.dev ## Measure against the peers, in one run, and write docs/reference/benchmarks.md
	scripts/need-bench.sh
	$(BIN)/python -m bench --write

bench-edge: $(VENV)/.dev ## Measure the edge against other proxies, in one run, and write docs/reference/benchmarks-edge.md
	scripts/need-bench.sh
	$(BIN)/python -m bench_edge --write

bench-launch: $(VENV)/.dev ## Measure opening a demo on a real Docker engine, beside others, and write docs/reference/benchmarks-launch.md
	scripts/need-bench.sh
	DOCKER_HOST=$$(scripts/need-docker.sh) && export DOCKER_HOST && $(BIN)/python -m bench_launch --write

bench-outbox: $(VENV)/.dev ## Measure messages through the outbox beside sending them straight, and write docs/reference/benchmarks-outbox.md
	$(BIN)/python -m bench_outbox --write

bench-pages: $(VENV)/.dev ## Measure every page in a catalog of 10,000 clients and 5 million events, and write docs/reference/benchmarks-pages.md
	$(BIN)/python -m bench_pages --write

format: $(VENV)/.dev ## Put the code into its format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(VENV)/.dev ## Generate docs/reference/ from the tables in the code
	$(BIN)/python scripts/write_reference.py

messages: $(VENV)/.dev ## Gather the messages of pages for translation, and compile them
	$(BIN)/python scripts/gather_messages.py

database: $(VENV)/.dev ## Generate database/schema.sql and seed_data.sql from the migrations and the samples
	$(BIN)/python scripts/write_database.py

proto: $(VENV)/.dev ## Generate the gRPC stubs from proto/
	$(BIN)/python scripts/generate_stubs.py

client: $(VENV)/.dev ## Generate the typed operations of the client package from the gateway's list
	$(BIN)/python scripts/generate_client.py

lock: ## Choose the versions of all dependencies anew (scripts/lock.sh alone adds what is new)
	scripts/lock.sh --upgrade

clean: ## Remove what can be made again (not ./var)
	rm -rf $(VENV) artifacts .mypy_cache .ruff_cache .pytest_cache .hypothesis node_modules docs/guide/node/node_modules bench/peers/*/node_modules bench_edge/peers/*/node_modules bench_launch/peers/*/node_modules bench_launch/peers/*/.venv

$(VENV)/.run: requirements/run.lock pyproject.toml packages/ecatalog-client/pyproject.toml
	scripts/install.sh $(PYTHON) $(VENV) requirements/run.lock
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml packages/ecatalog-client/pyproject.toml
	scripts/install.sh $(PYTHON) $(VENV) requirements/dev.lock
	@touch $@ $(VENV)/.run
