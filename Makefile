# What people type. The steps themselves are scripts, so that they can be read and run alone.

.PHONY: run test lint schema bench

# The server with the demo, on http://127.0.0.1:8000.
run:
	cargo run

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
