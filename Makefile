# Every target works on a clean checkout. `make test` is what CI runs.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION)
export CGO_ENABLED = 0

GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Packages whose tests build networks or start daemons: one at a time, and
# without the race detector, whose slowness would be measured instead.
HEAVY = ./internal/interop/... ./internal/demo/...

.PHONY: build demo test setup lint unit race heavy fuzz bench sim clean

build: ## bin/holdfast
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/holdfast ./cmd/holdfast

demo: build ## a pair, a client and three hand-overs, in networks of their own
	$(GO) run ./scripts/demo -holdfast bin/holdfast

test: setup build lint race heavy

setup:
	scripts/setup

lint:
	@out=$$($(GOFUMPT) -l cmd internal scripts); test -z "$$out" || { echo "not gofumpt'ed:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(STATICCHECK) ./...

race: ## everything but the heavy packages, with the race detector
	CGO_ENABLED=1 $(GO) test -race -timeout 15m $$($(GO) list ./... | grep -v /internal/interop)

unit: ## the same, quick
	$(GO) test $$($(GO) list ./... | grep -v /internal/interop)

heavy: build
	HOLDFAST_BIN=$(CURDIR)/bin/holdfast $(GO) test -timeout 15m -p 1 ./internal/interop/...

clean:
	rm -rf bin build
