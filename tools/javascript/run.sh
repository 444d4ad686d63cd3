#!/usr/bin/env bash
# Checks the scripts of the pages, or puts them into their form: run.sh lint|format.
# Users never need this: Python joins the scripts as they are.
set -eu
cd "$(dirname "$0")"

if ! command -v npm >/dev/null; then
    if [ -n "${CI:-}" ]; then
        echo "error: the scripts of the pages cannot be checked: node and npm are missing" >&2
        exit 1
    fi
    echo "skipped: the scripts of the pages are checked with node and npm, which are missing here"
    exit 0
fi

# npm leaves this file behind when it is done.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
fi
npm run --silent "$1"
