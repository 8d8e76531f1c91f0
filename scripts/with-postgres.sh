#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, made for it and removed after it:
#
#   scripts/with-postgres.sh cargo test
#
# TEST_POSTGRES_URL is then a superuser's connection to the database `postgres`. The server listens
# on a free port of the loopback address alone, trusts everyone there, and does not sync to disk:
# it is for tests and nothing else. Where PostgreSQL is not installed it is installed, or, without
# the rights for that, unpacked under target/.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -eq 0 ]; then
    echo "usage: $0 COMMAND [ARGUMENT]…" >&2
    exit 2
fi

say() { echo "with-postgres: $*" >&2; }

# The newest PostgreSQL below a folder like /usr/lib/postgresql.
newest() {
    local found
    found=$(ls -d "$1"/*/bin/initdb 2>/dev/null | sort -V | tail -n 1) || true
    [ -n "$found" ] && dirname "$found"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

install() {
    as_root apt-get update >&2 &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >&2
}

# Debian's packages and what they need, unpacked where any user may: nothing is configured, no
# service is started.
unpack() {
    local into=$1 server needed
    server=$(apt-cache depends postgresql | awk '/Depends: postgresql-[0-9]+$/ { print $2; exit }')
    [ -n "$server" ] || return 1
    needed=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances "$server" | grep '^[a-z]' | sort -u |
        grep -E "^(postgresql|lib)" | grep -vE '^(libc6|libgcc-s1|libllvm.*|libperl.*)$')
    mkdir -p "$into/packages"
    for package in $needed; do
        # Virtual packages and other alternatives have nothing to download.
        (cd "$into/packages" && apt-get download "$package" >/dev/null 2>&1) || true
    done
    for package in "$into"/packages/*.deb; do
        dpkg -x "$package" "$into"
    done
    rm -rf "$into/packages"
}

bin=$(newest /usr/lib/postgresql || true)
if [ -z "$bin" ]; then
    unpacked=$root/target/postgresql
    bin=$(newest "$unpacked/usr/lib/postgresql" || true)
    if [ -z "$bin" ]; then
        if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then
            say "installing PostgreSQL"
            install
            bin=$(newest /usr/lib/postgresql || true)
        else
            say "no right to install PostgreSQL: unpacking it under target/"
            unpack "$unpacked" || true
            bin=$(newest "$unpacked/usr/lib/postgresql" || true)
        fi
    fi
    if [ -z "$bin" ]; then
        say "PostgreSQL is missing and could not be installed: install the package postgresql"
        exit 1
    fi
fi
libraries=
case $bin in
"$root"/*)
    libraries=$(find "$root/target/postgresql" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
    ;;
esac

# PostgreSQL refuses to run as root; the package makes the user `postgres`.
server_user=$(id -un)
if [ "$(id -u)" = 0 ]; then
    server_user=postgres
    id "$server_user" >/dev/null 2>&1 || useradd --system --no-create-home "$server_user"
fi
as_server() {
    local run=(env LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@")
    # The folder that this was called in may be closed to the server's user.
    if [ "$(id -un)" = "$server_user" ]; then
        (cd "$home" && "${run[@]}")
    elif command -v runuser >/dev/null; then
        (cd "$home" && runuser -u "$server_user" -- "${run[@]}")
    else
        (cd "$home" && su -s /bin/sh "$server_user" -c "$(printf '%q ' "${run[@]}")")
    fi
}

home=$(mktemp -d "${TMPDIR:-/tmp}/agentic-postgres.XXXXXX")
[ "$(id -un)" = "$server_user" ] || chown "$server_user" "$home"
command_id=
clean_up() {
    local code=$?
    trap - EXIT INT TERM HUP
    if [ -n "$command_id" ] && kill -0 "$command_id" 2>/dev/null; then
        kill -TERM "$command_id" 2>/dev/null || true
        wait "$command_id" 2>/dev/null || true
    fi
    if [ -f "$home/data/postmaster.pid" ]; then
        as_server "$bin/pg_ctl" --pgdata="$home/data" --mode=immediate --wait stop >/dev/null 2>&1 || true
    fi
    rm -rf "$home"
    exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

as_server "$bin/initdb" --pgdata="$home/data" --username=postgres --auth=trust --encoding=UTF8 \
    --locale=C --no-sync >"$home/initdb.log" 2>&1 || {
    cat "$home/initdb.log" >&2
    exit 1
}

# Between looking for a free port and taking it another process may take it: then try again.
port=
for _ in 1 2 3 4 5; do
    candidate=$((20000 + RANDOM % 20000))
    if (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
        continue
    fi
    settings="-c listen_addresses=127.0.0.1 -c port=$candidate -c unix_socket_directories=$home"
    settings="$settings -c max_connections=400 -c fsync=off -c synchronous_commit=off"
    settings="$settings -c full_page_writes=off -c shared_buffers=256MB -c logging_collector=off"
    if as_server "$bin/pg_ctl" --pgdata="$home/data" --log="$home/server.log" --wait --timeout=60 \
        --options="$settings" start >/dev/null 2>&1; then
        port=$candidate
        break
    fi
done
if [ -z "$port" ]; then
    say "PostgreSQL does not start:"
    cat "$home/server.log" >&2 || true
    exit 1
fi

export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
# pgbench and psql, for whoever measures.
export TEST_POSTGRES_BIN=$bin
# In the background, so that a signal to this script is handled at once and not after the command.
"$@" <&0 &
command_id=$!
code=0
wait "$command_id" || code=$?
command_id=
exit "$code"
