# Two commands are enough to begin with: `make run` and `make test`. `make help` lists the others.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BINARIES := $(or $(CARGO_TARGET_DIR),target)
PROFILE := $(if $(filter true,$(CI)),ci,default)
# How long each fuzz target runs.
FUZZ_SECONDS ?= 60
# How long the simulation runs; SIM_SEED=n runs one seed alone.
export SIM_SECONDS ?= 60

# A step whose tool is missing says so; in CI, where nothing may be left out, it fails.
skip = { echo "SKIPPED: $(1)"; [[ "$${CI:-}" != true ]]; }

.PHONY: help run test lint fmt bench bench-library bench-gateway record-instructions fuzz sim

help: ## Lists what can be made
	@awk -F ': ## ' '/^[a-z-]+: ## / { printf "  make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What builds the console's application, which becomes part of the program that is compiled after it.
console = if command -v npm >/dev/null; then \
		(set -x; cd console; npm ci --loglevel=error --no-audit --no-fund; npm run build --silent -- --logLevel warn); \
	else $(call skip,npm is not installed: $(1)); fi

run: ## Builds Firth and starts it on ./data
	@$(call console,the program has no console)
	cargo build --release --package firth-cli
	@exec $(BINARIES)/release/firth serve --dir ./data

test: ## Installs what the tests need, then checks and tests everything
	tests/setup.sh
	@$(call console,the console is neither checked nor built)
	$(MAKE) --no-print-directory lint
	cargo build --package firth-cli
	python3 tests/clients/run.py
	python3 tests/document/run.py --mode both
	python3 tests/gateway/run.py
	python3 tests/browser/run.py
	python3 tests/instructions/run.py
	cargo test --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --workspace --profile $(PROFILE); \
	else \
		set -x; cargo test --workspace --lib --bins --tests --no-fail-fast; \
	fi

lint: ## Checks formatting, lints, our own rules and what we depend on
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	cargo run --quiet --package xtask -- tidy
	@if cargo deny --version >/dev/null 2>&1; then \
		set -x; cargo deny check --allow unused-wrapper bans licenses sources; \
	else \
		$(call skip,cargo-deny is not installed (cargo install cargo-deny --locked)); \
	fi

fmt: ## Formats all sources
	cargo fmt --all

bench: ## Measures, and writes docs/performance.md
	cargo build --release --package firth-cli
	$(BINARIES)/release/firth bench --markdown docs/performance.md

bench-library: ## Measures the library beside its rivals, and writes docs/performance-library.md
	cargo build --release --package firth-cli
	cargo build --release --manifest-path bench-rivals/Cargo.toml
	bench-rivals/target/release/firth-bench-rivals $(BINARIES)/release/firth docs/performance-library.md

bench-gateway: ## Measures the gateway beside others, and writes docs/performance-gateway.md
	cargo build --release --package firth-cli
	python3 tests/gateway/bench/run.py --markdown docs/performance-gateway.md

record-instructions: ## Counts instructions of the hottest operations, and records them for the tests
	python3 tests/instructions/run.py --record

fuzz: ## Fuzzes every parser of foreign bytes for FUZZ_SECONDS each
	@if cargo fuzz --version >/dev/null 2>&1; then \
		for target in $$(cargo fuzz list); do \
			mkdir -p fuzz/corpus/$$target fuzz/seeds/$$target; \
			(set -x; cargo fuzz run "$$target" fuzz/corpus/$$target fuzz/seeds/$$target -- \
				-max_total_time=$(FUZZ_SECONDS)); \
		done; \
	else \
		$(call skip,cargo-fuzz is not installed (cargo install cargo-fuzz --locked)); \
	fi

sim: ## Simulates the whole server, with faults, for SIM_SECONDS
	cargo run --release --package firth-sim
