#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests. Where there is none, Debian's package is installed; without the
# rights for that, it says what to install. CHROMIUM names another one.
set -euo pipefail

if [ -n "${CHROMIUM:-}" ]; then
    [ -x "$CHROMIUM" ] || {
        echo "chromium: CHROMIUM=$CHROMIUM is not a program" >&2
        exit 1
    }
    echo "$CHROMIUM"
    exit 0
fi

find_one() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

if ! find_one >/dev/null; then
    as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
    echo "chromium: installing Debian's package" >&2
    if ! { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends chromium; } >&2; then
        echo "chromium: could not be installed: install the package chromium, or name one with CHROMIUM=" >&2
        exit 1
    fi
fi
find_one
