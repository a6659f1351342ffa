# Every target works on a clean checkout. `make test` is what CI runs.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0

GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs a C compiler, and makes everything several times
# slower: packages that judge the time between packets run without it.
LIGHT = $$($(GO) list ./... | grep -v -e /internal/interop -e /internal/conftest)

# Tests that need more than the running kernel may have, and skip without it.
VMTESTS    = TestKinds|TestIPVLAN|TestStackVRF
VMPACKAGES = ./cmd/holdfast ./internal/kernel

FUZZTIME ?= 5m
WORLDS   ?= 10000
CHAOS    ?= 20m
FORGER   ?= 60s
FLOOD    ?= 10s

.PHONY: build packages demo test setup lint race interop test-vm test-system test-image bench fuzz sim mutate chaos forger flood docs clean

build: ## bin/holdfast and bin/holdfastctl
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/holdfast ./cmd/holdfastctl

packages: ## build/packages: .deb and .rpm, the same bytes for the same commit
	scripts/packages build/packages

demo: build ## a pair, a client and six hand-overs, in networks of their own
	$(GO) run ./scripts/demo -holdfast bin/holdfast

test: setup build lint race interop test-vm test-system ## all that CI runs

setup: ## what the tests use of Debian, when root
	scripts/setup

lint:
	@out=$$($(GOFUMPT) -l cmd internal scripts); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...

race: ## everything but the packages below, with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $(LIGHT)

interop: build ## beside Debian's keepalived and FRR, hostile packets, tshark
	HOLDFAST_BIN=$(CURDIR)/bin/holdfast $(GO) test -timeout 15m -p 1 ./internal/interop/... ./internal/conftest/...
	$(GO) test -timeout 15m -run 'Hostile|Changing|Corpus|OrdinaryUser|RootKeeps|LeastPrivilege|UpgradeOfMany|RestartOfMany' ./cmd/holdfast
	$(GO) test ./internal/privilege ./internal/spawn -run 'Shrink|Lock|NothingLeaks'

test-vm: ## on kinds of links that the running kernel lacks, in a virtual machine
	$(GO) build -o bin/vm ./scripts/vm
	@if bin/vm -check; then $(GO) test -timeout 15m -p 1 -exec '$(CURDIR)/bin/vm' -run '$(VMTESTS)' $(VMPACKAGES); \
	else echo "test-vm: skipped"; fi

test-system: packages ## the packages and the unit, on nodes with systemd in namespaces
	$(GO) build -o bin/node ./scripts/node
	@export HOLDFAST_PACKAGES='$(CURDIR)/build/packages'; \
	why=$$(bin/node && scripts/rootfs build/rootfs); status=$$?; \
	case $$status in \
	0) export HOLDFAST_ROOTFS='$(CURDIR)/build/rootfs' HOLDFAST_REQUIRE_NETNS=1 ;; \
	77) echo "test-system: skipped, but for what needs no node: $$why" ;; \
	*) echo "test-system: no nodes, though there should be: $$why"; exit 1 ;; \
	esac; \
	$(GO) test -count=1 -timeout 15m ./internal/system

test-image: ## the container image, built by podman as the recipe says and run
	$(GO) build -o bin/node ./scripts/node
	@why=$$(bin/node && scripts/rootfs build/rootfs-image podman crun busybox-static); status=$$?; \
	case $$status in 0) ;; 77) echo "test-image: skipped: $$why"; exit 0 ;; *) echo "test-image: no nodes, though there should be: $$why"; exit 1 ;; esac; \
	HOLDFAST_ROOTFS='$(CURDIR)/build/rootfs-image' HOLDFAST_IMAGE=1 HOLDFAST_REQUIRE_NETNS=1 \
		$(GO) test -count=1 -timeout 20m -v -run TestImage ./internal/system

bench: build ## figures beside Debian's keepalived
	$(GO) run ./scripts/bench -holdfast bin/holdfast
	$(GO) test -run '^$$' -bench . ./internal/fsm ./internal/advert

sim: ## many worlds of the simulator
	$(GO) test ./internal/sim -run TestWorlds -timeout 4h -sim.worlds=$(WORLDS)

mutate: ## faults in the state machine, one at a time: are they noticed?
	$(GO) test ./internal/mutation -timeout 4h -v -mutation.all

chaos: build ## three nodes, one of them keepalived, disturbed at random for CHAOS
	HOLDFAST_BIN=$(CURDIR)/bin/holdfast $(GO) test ./internal/interop -run TestChaos -count=1 -v -timeout 4h -chaos.for=$(CHAOS)

forger: ## everything that can be forged without the key, for FORGER in each mode
	$(GO) test ./cmd/holdfast -run TestForger -count=1 -v -timeout 4h -forger.for=$(FORGER)

flood: build ## floods of forged packets and slow poison, beside Debian's keepalived
	HOLDFAST_BIN=$(CURDIR)/bin/holdfast $(GO) test ./internal/interop -run 'TestFlood|TestSlowPoison' -count=1 -v -timeout 1h \
		-flood.for=$(FLOOD) -slow.for=30s -flood.compare

fuzz: ## every fuzz target, FUZZTIME each
	@set -e; grep -rl '^func Fuzz' --include='*_test.go' cmd internal | while read -r f; do \
		for t in $$(grep -o '^func Fuzz[A-Za-z0-9]*' "$$f" | cut -d' ' -f2); do \
			echo "== $$f $$t"; $(GO) test ./$$(dirname "$$f") -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME); \
		done; \
	done

docs: ## the pages, manual pages and completions that are made from the tables
	$(GO) test ./internal/reference -update
	$(GO) test ./cmd/holdfast -run 'TestManual|TestCompletions' -update

clean:
	rm -rf bin build
