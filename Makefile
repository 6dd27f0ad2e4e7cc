# The commands a person types. Each works from a fresh clone: what it needs, it installs first.
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help build test check fmt vet generate manifests demo dev bench assets clean install-crd uninstall-crd run

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm writes this file last, so it says whether the installation is of the lock file's state.
node_modules/.package-lock.json: package-lock.json package.json $(wildcard packages/*/package.json)
	@npm ci --no-audit --no-fund
	@touch $@

install: node_modules/.package-lock.json

assets: install ## Fetch or build the binaries of the local Kubernetes (once a machine)
	@packages/devcluster/bin/pcmc-devcluster assets

build: assets ## Everything that is made from source
	@node scripts/generate.ts

test: assets ## Unit, property and API-server tests
	@vitest run

check: install ## Format, lint, types, generated files up to date
	@biome ci .
	@tsc --noEmit -p .
	@node scripts/generate.ts --check

fmt: install ## Format and fix what can be fixed
	@biome check --write .

vet: install ## Lint and types only
	@biome lint .
	@tsc --noEmit -p .

generate manifests: install ## Write crd/ and manifests/ anew
	@node scripts/generate.ts

demo: assets ## Cluster, manager, examples: see it work, about 20 s
	@node scripts/demo.ts

dev: assets ## The same, left running; prints the kubeconfig
	@node scripts/demo.ts --keep

bench: assets ## Convergence beside the raw create rate
	@node bench/convergence.ts

install-crd: ## Put the CRD into the cluster of your kubeconfig
	@kubectl apply -f crd/

uninstall-crd: ## Take it out again, and every PodConfigMapConfig with it
	@kubectl delete --ignore-not-found -f crd/

run: install ## Run the manager here, against the cluster of your kubeconfig
	@bin/pcmc manager

clean: ## Remove what make installed here
	@rm -rf node_modules packages/*/node_modules
