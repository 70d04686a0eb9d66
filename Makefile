# GNU make. `make help` lists the targets; each may be run twice without harm, as root or as an ordinary user.

ONWARD := $(or $(CARGO_TARGET_DIR),target)/release/onward

.PHONY: help build dist migrate status stop test torture lint bench postgres tools

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r target text; do printf '  make %-8s  %s\n' "$$target" "$$text"; done

build: ## build the release binary, target/release/onward
	cargo build --release

dist: ## build the static binary for container images, target/dist/onward
	@scripts/dist

migrate: build ## apply the example to DATABASE_URL, or else to a private server that is started for it
	@scripts/database migrate $(abspath $(ONWARD))

status: build ## show which migrations of the example are applied there
	@scripts/database status $(abspath $(ONWARD))

stop: ## stop the private server and remove its data
	@scripts/database stop

test: tools ## run all tests; ARGS='…' goes to cargo test
	tests/with-postgres cargo test $(ARGS)

torture: tools ## run the fault suite in its long form: thousands of kills, every cut
	TORTURE=1 tests/with-postgres cargo test --release --test faults -- --nocapture

lint: ## check formatting, clippy and, if shellcheck is installed, the shell scripts
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	@if command -v shellcheck >/dev/null; then set -x; shellcheck -x scripts/database scripts/dist scripts/postgres.sh tests/with-postgres .ci/run examples/container/app; \
	else echo 'shellcheck is not installed: the shell scripts were not checked'; fi

bench: build postgres ## measure against psql, on a server with default durability
	ONWARD_DURABLE=1 ONWARD_BIN=$(abspath $(ONWARD)) tests/with-postgres bench/run

postgres:
	@scripts/database install

tools:
	@scripts/database install-tests
