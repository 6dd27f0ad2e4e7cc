# The commands a person types. Each works from a fresh clone: what it needs, it installs first.
SHELL := /bin/sh
# The pinned Node, whatever Node the machine has; its children find it too.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
BIN := node_modules/.bin
NODE := $(BIN)/node

.DEFAULT_GOAL := help
.PHONY: help install assets wasm bpf bundle image docker-build docker-push build test docs-test test-matrix kubernetes-module chaos e2e check fmt vet generate manifests demo dev bench bench-ebpf bench-image screenshot helm helm-lint install-crd uninstall-crd deploy undeploy run clean

help: ## This list
	@awk -F':.*## ' '/^[a-z0-9 -]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# npm writes this file last, so it says whether the installation is of the lock file's state.
node_modules/.package-lock.json: package-lock.json package.json $(wildcard packages/*/package.json)
	@npm ci
	@touch $@

install: node_modules/.package-lock.json

assets: install ## Fetch or build the binaries of the local Kubernetes (once a machine)
	@packages/devcluster/bin/pcmc-devcluster assets

helm: install ## Build helm with Go, or find it (once a machine)
	@packages/devcluster/bin/pcmc-devcluster assets --only helm >/dev/null

# Expanded where it is used.
HELM = $(shell packages/devcluster/bin/pcmc-devcluster assets --only helm | cut -d' ' -f2)

# Kept in the user's cache too: a clean checkout of the same sources has it at once.
wasm: install ## Build the template engine's WebAssembly module with Go
	@$(NODE) packages/gotemplate/scripts/build.ts

# Kept there like the module.
bpf: install ## Build the programs for the kernel with clang
	@$(NODE) scripts/bpf.ts

bundle: wasm bpf ## The program as it is shipped: dist/pcmc, without node_modules
	@$(NODE) scripts/bundle.ts

# PLATFORM=linux/arm64 for the other one, whose files are downloaded as packages; IMAGE_FLAGS=--check builds it twice.
image: bundle ## Both images from what this machine has, with buildah: dist/images; Linux and root
	@packages/devcluster/bin/pcmc-devcluster install-packages
	@$(NODE) scripts/image.ts build $(if $(PLATFORM),--platform $(PLATFORM)) $(IMAGE_FLAGS)

# IMG=registry.example.com/podconfigmap-controller:0.1.0; the agent's has -agent before the colon. BASE=... for another base image,
# PLATFORM=... for another platform, BUILDER=buildah or podman.
docker-build: bundle ## Both images on a distroless base, with docker: IMG=NAME:TAG [BASE=] [PLATFORM=] [BUILDER=]
	@$(NODE) scripts/image.ts docker-build --builder "$(or $(BUILDER),docker)" $(if $(BASE),--base "$(BASE)") \
	  $(if $(PLATFORM),--platform $(PLATFORM)) $(IMG)

docker-push: install ## Push both: IMG=NAME:TAG [BUILDER=]
	@$(NODE) scripts/image.ts docker-push --builder "$(or $(BUILDER),docker)" $(IMG)

build: generate bundle ## Everything that is made from source

test: assets helm wasm bpf ## Unit, property and API-server tests
	@$(NODE) $(BIN)/vitest run

# PAGE=docs/tutorial/getting-started.md for one page.
docs-test: assets helm wasm ## Run the commands of README and docs as they stand, and make demo beside its recording
	@$(NODE) scripts/docs-test.ts $(PAGE)
	@$(if $(PAGE),,$(NODE) scripts/demo-recording.ts --check)

# VERSIONS="1.29 1.33"; else every one that packages/devcluster/go has besides the default. The first run builds them: 8 to 20 minutes each.
test-matrix: install helm wasm bpf ## The API-server tests against older versions of Kubernetes
	@$(NODE) scripts/test-matrix.ts $(VERSIONS)

# KUBERNETES=1.34 or 1.34.2: packages/devcluster/go/1.34 appears, or is brought to that patch.
kubernetes-module: install ## Pin a version of Kubernetes for the local cluster
	@$(NODE) packages/devcluster/scripts/kubernetes-module.ts $(KUBERNETES)

# CHAOS_SEEDS=1-200 for others than 1-20; CHAOS_STORY=FILE for one story that a failure has printed.
chaos: assets wasm ## Stories of faults against the manager, one for each seed; about five minutes
	@$(NODE) $(BIN)/vitest run --config packages/operator/test/chaos/vitest.config.ts

e2e: image helm ## Everything on a real node with real containers; Linux and root, installs Debian packages
	@packages/devcluster/bin/pcmc-devcluster assets --node real
	@$(NODE) $(BIN)/vitest run --config e2e/vitest.config.ts

check: install helm-lint ## Format, lint, types, generated files up to date
	@$(NODE) $(BIN)/biome ci .
	@$(NODE) $(BIN)/tsc --noEmit -p .
	@$(NODE) scripts/generate.ts --check

fmt: install ## Format and fix what can be fixed
	@$(NODE) $(BIN)/biome check --write .

vet: install ## Lint and types only
	@$(NODE) $(BIN)/biome lint .
	@$(NODE) $(BIN)/tsc --noEmit -p .

helm-lint: helm ## Check the chart, with each of chart/ci's values
	@for values in chart/values.yaml chart/ci/*.yaml; do $(HELM) lint --strict --quiet --values $$values chart || exit 1; done

generate manifests: helm ## Write anew what is made from code: crd/, manifests/, parts of chart/ and docs/reference
	@$(NODE) scripts/generate.ts

demo: assets wasm ## Cluster, manager, examples: see it work, about 20 s
	@$(NODE) scripts/demo.ts

dev: assets wasm ## The same, left running; prints the kubeconfig
	@$(NODE) scripts/demo.ts --keep

bench: assets bundle ## Speed beside the raw create rate, latency, memory, restarts: under 10 minutes
	@$(NODE) bench/main.ts

bench-ebpf: assets bundle ## What the programs in the kernel and the agent cost: about five minutes; Linux and root
	@$(NODE) bench/ebpf.ts

screenshot: assets bundle ## Pictures of the dashboards with real data; root installs prometheus and chromium
	@command -v prometheus >/dev/null && command -v chromium >/dev/null || .ci/install prometheus chromium fonts-dejavu-core
	@$(NODE) scripts/screenshot.ts

bench-image: image assets ## The images on a real node: start to Ready, 10,000 Pods below 256 MiB, helm install to the first ConfigMap; Linux and root
	@packages/devcluster/bin/pcmc-devcluster assets --node real
	@$(NODE) bench/image.ts
	@$(NODE) bench/install.ts

install-crd: ## Put the CRD into the cluster of your kubeconfig
	@kubectl apply -f crd/

uninstall-crd: ## Take it out again, and every PodConfigMapConfig with it
	@kubectl delete --ignore-not-found -f crd/

# IMG=registry.example.com/podconfigmap-controller:0.1.0 for another image than podconfigmap-controller of the chart's appVersion.
deploy: install-crd ## Put the manager into the cluster of your kubeconfig, in the namespace default: [IMG=NAME:TAG]
	@kubectl apply -f manifests/rbac.yaml
	@sed '$(if $(IMG),s|^\( *image: \).*|\1$(IMG)|)' manifests/deployment.yaml | kubectl apply -f -
	@kubectl apply -f manifests/webhooks.yaml

undeploy: ## Take it out again; the CRDs and what users made stay
	@kubectl delete --ignore-not-found -f manifests/webhooks.yaml -f manifests/deployment.yaml -f manifests/rbac.yaml
	@kubectl --namespace default delete --ignore-not-found secret/podconfigmap-controller-webhook-cert lease/podconfigmap-controller-lock

run: install wasm ## Run the manager here, against the cluster of your kubeconfig
	@bin/pcmc manager

clean: ## Remove what make installed here
	@rm -rf node_modules packages/*/node_modules packages/*/dist dist
