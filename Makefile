# What people type. The steps themselves are scripts, so that they can be read and run alone.

.PHONY: run web test lint schema bench

# The server with its dashboard and the demo, on http://127.0.0.1:8000.
run: web
	cargo run

# The dashboard, when something that it is made of is newer than it.
web: web/dist/index.html

web/dist/index.html: web/node_modules/.package-lock.json schema.graphql $(shell find web clients/src -type f \
		-not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/src/gql/*')
	@# A release build only follows a folder that was there: the first time it has to be told.
	@[ -d web/dist ] || touch build.rs
	cd web && npm run build
	@touch $@

# npm writes this file when it is done.
web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@# What the tools for development say of newer versions of Node is nothing to act on here.
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# Everything that must hold; installs what it needs and starts a PostgreSQL of its own.
test:
	scripts/with-postgres.sh scripts/test.sh

# What can be said without running anything.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Writes the public schema; a test compares it with the binary's.
schema:
	cargo run --quiet -- schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

# First figures, with the machine's facts and a reference from the same run.
bench:
	scripts/with-postgres.sh scripts/bench.sh
