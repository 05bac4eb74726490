# Needs Go only (and Node.js for the full web pages), except where a target says otherwise.
.DEFAULT_GOAL := help
.SUFFIXES:

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10m
PKG      ?= ./...
FOR      ?= 10m

# The race detector needs cgo, and so a C compiler.
RACE := $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v "$$(go env CC)" >/dev/null 2>&1 && echo -race)

# Packages whose tests watch the clock of the machine.
CLOCK := /(internal/(browsertest|cachetest|catalogtest|pagetest|systemtest|soak)|cmd/schedule)$$

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The pages of both services, from web/ into internal/*/page/dist. Both folders
# are written together; nothing is done where they are newer than their sources.
PAGES := internal/playouthttp/page/dist/index.html.gz

.PHONY: pages
pages: $(PAGES) ## the full web pages, to be built into the programs; needs Node.js 20 and npm
	@: # says nothing where nothing is to be done

$(PAGES): web/node_modules/.package-lock.json $(shell find web \( -path web/node_modules -o -path web/test \) -prune -o -type f -print)
	@cd web && npm run --silent build

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --loglevel=error
	@touch $@

# What needs Go only is built without them, and says so.
.PHONY: try-pages
try-pages:
	@if ! command -v npm >/dev/null; then \
	  echo "*** No npm: building without the full web pages (the plain ones are in). ***" >&2; [ "$(CI)" != true ]; \
	elif ! $(MAKE) --no-print-directory pages; then \
	  echo "*** make pages has failed: going on without the full web pages of now. ***" >&2; [ "$(CI)" != true ]; \
	fi

.PHONY: build
build: try-pages ## bin/schedule, bin/engine and bin/demo
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/schedule ./cmd/engine ./cmd/demo

.PHONY: demo
demo: build ## a channel on air; DEMO="-engine-port 9000" changes a port, -help lists the rest
	@exec bin/demo $(DEMO)

.PHONY: test
test: try-pages ## every test; what a test lacks (ffmpeg, chromium, ...) is listed at the end
ifeq ($(RACE),)
	@echo "*** No C compiler: testing WITHOUT the race detector. ***" >&2
endif
	go run ./scripts/testreport $(RACE) $$(go list $(PKG) | grep -vE '$(CLOCK)')
	@[ "$(PKG)" != ./... ] || go run ./scripts/testreport -C internal/deploytest ./...
	@clocked=$$(go list $(PKG) | grep -E '$(CLOCK)' | tr "\n" " "); [ -z "$$clocked" ] || $(MAKE) --no-print-directory clocked CLOCKED="$$clocked"

# Players and faults in real time: one package at a time, without the race
# detector (the same code runs under it in virtual time), and once more if the
# machine had no time for them.
.PHONY: clocked
clocked:
	go run ./scripts/testreport -count=1 -p 1 -timeout 20m $(CLOCKED) || { \
	  echo "*** These tests watch the clock, and something failed: once more. ***" >&2; \
	  go run ./scripts/testreport -count=1 -p 1 -timeout 20m $(CLOCKED); }

.PHONY: race
race: ## every test with the race detector, uncached; needs a C compiler
	go run ./scripts/testreport -race -count=1 $(PKG)

.PHONY: check
check: ## formatting, vet, go fix, go.mod
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted" >&2; exit 1; }
	go vet ./...
	go fix -diff ./...
	go mod tidy -diff
	cd internal/deploytest && go vet ./... && go fix -diff ./... && go mod tidy -diff

.PHONY: lint
lint: ## golangci-lint where it is installed, staticcheck otherwise
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./...; \
	else echo "golangci-lint is not installed: staticcheck instead" >&2; go tool -modfile=tools/go.mod staticcheck ./...; fi

.PHONY: fix
fix: ## rewrite to current Go and format
	go fix ./...
	gofmt -w .

.PHONY: generate
generate: ## what is committed but made: the OpenAPI document
	go generate ./...

.PHONY: bench
bench: ## benchmarks of PKG
	go test -run '^$$' -bench . -benchmem $(PKG)

.PHONY: fuzz
fuzz: ## every fuzz test of PKG for FUZZTIME (10m)
	@go list $(PKG) | while read -r pkg; do \
	  for f in $$(go test -list '^Fuzz' "$$pkg" | grep '^Fuzz'); do \
	    echo "== $$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x "$$pkg" || exit 1; \
	  done; done

.PHONY: soak
soak: ## engines, schedule and players under faults for FOR (10m), as real processes; SOAK="-seed 7" repeats a run
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/soak
	@exec bin/soak -for $(FOR) $(SOAK)

.PHONY: perf
perf: ## what the engine costs, about 20 minutes on an idle machine: docs/perf, docs/PERFORMANCE.md; PERF="-only flat"
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/schedule ./cmd/engine ./cmd/load ./cmd/perf
	@exec bin/perf $(PERF)

.PHONY: plots
plots: ## plots and tables of docs/PERFORMANCE.md from docs/perf/*.json, without measuring
	go run ./cmd/perf -publish

# The same sources give the same images: what is dated has the commit's date.
BUILD_IMAGE := docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) \
  --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: images
images: ## consuo-schedule:VERSION and consuo-engine:VERSION; needs Docker with BuildKit
	$(BUILD_IMAGE) -f Dockerfile.schedule -t consuo-schedule:$(VERSION) .
	$(BUILD_IMAGE) -f Dockerfile.engine -t consuo-engine:$(VERSION) .
