#!/usr/bin/env bash
# The explorer in Debian's Chromium, driven by playwright-core. $1 is the program.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
timeout 300 node tests/peers/explorer.mjs "$program" "$target/peers/npm" "$work" "$target/screenshots"
