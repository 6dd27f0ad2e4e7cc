# The commands a person types. Each works from a fresh clone: what it needs, it installs first.
SHELL := /bin/sh
# The pinned Node, whatever Node the machine has; its children find it too.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
BIN := node_modules/.bin
NODE := $(BIN)/node

.DEFAULT_GOAL := help
.PHONY: help install assets wasm bpf bundle build test chaos e2e check fmt vet generate manifests demo dev bench bench-ebpf install-crd uninstall-crd run clean

help: ## This list
	@awk -F':.*## ' '/^[a-z0-9 -]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm writes this file last, so it says whether the installation is of the lock file's state.
node_modules/.package-lock.json: package-lock.json package.json $(wildcard packages/*/package.json)
	@npm ci
	@touch $@

install: node_modules/.package-lock.json

assets: install ## Fetch or build the binaries of the local Kubernetes (once a machine)
	@packages/devcluster/bin/pcmc-devcluster assets

# Kept in the user's cache too: a clean checkout of the same sources has it at once.
wasm: install ## Build the template engine's WebAssembly module with Go
	@$(NODE) packages/gotemplate/scripts/build.ts

# Kept there like the module.
bpf: install ## Build the programs for the kernel with clang
	@$(NODE) scripts/bpf.ts

bundle: wasm bpf ## The program as it is shipped: dist/pcmc, without node_modules
	@$(NODE) scripts/bundle.ts

build: generate bundle ## Everything that is made from source

test: assets wasm bpf ## Unit, property and API-server tests
	@$(NODE) $(BIN)/vitest run

# CHAOS_SEEDS=1-200 for others than 1-20; CHAOS_STORY=FILE for one story that a failure has printed.
chaos: assets wasm ## Stories of faults against the manager, one for each seed; about five minutes
	@$(NODE) $(BIN)/vitest run --config packages/operator/test/chaos/vitest.config.ts

e2e: bundle ## Everything on a real node with real containers; Linux and root, installs Debian packages
	@packages/devcluster/bin/pcmc-devcluster install-packages
	@packages/devcluster/bin/pcmc-devcluster assets --node real
	@$(NODE) $(BIN)/vitest run --config e2e/vitest.config.ts

check: install ## Format, lint, types, generated files up to date
	@$(NODE) $(BIN)/biome ci .
	@$(NODE) $(BIN)/tsc --noEmit -p .
	@$(NODE) scripts/generate.ts --check

fmt: install ## Format and fix what can be fixed
	@$(NODE) $(BIN)/biome check --write .

vet: install ## Lint and types only
	@$(NODE) $(BIN)/biome lint .
	@$(NODE) $(BIN)/tsc --noEmit -p .

generate manifests: install ## Write crd/ and docs/settings.md anew
	@$(NODE) scripts/generate.ts

demo: assets wasm ## Cluster, manager, examples: see it work, about 20 s
	@$(NODE) scripts/demo.ts

dev: assets wasm ## The same, left running; prints the kubeconfig
	@$(NODE) scripts/demo.ts --keep

bench: assets bundle ## Speed beside the raw create rate, latency, memory, restarts: under 10 minutes
	@$(NODE) bench/main.ts

bench-ebpf: assets bundle ## What the programs in the kernel and the agent cost: about five minutes; Linux and root
	@$(NODE) bench/ebpf.ts

install-crd: ## Put the CRD into the cluster of your kubeconfig
	@kubectl apply -f crd/

uninstall-crd: ## Take it out again, and every PodConfigMapConfig with it
	@kubectl delete --ignore-not-found -f crd/

run: install wasm ## Run the manager here, against the cluster of your kubeconfig
	@bin/pcmc manager

clean: ## Remove what make installed here
	@rm -rf node_modules packages/*/node_modules packages/*/dist dist
