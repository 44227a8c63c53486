#!/usr/bin/env bash
# Everything that is held against programs that we did not write. Called by scripts/test --all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python="${CARGO_TARGET_DIR:-target}/peers/bin/python"
binary="${CARGO_TARGET_DIR:-target}/release/forthcoin"

echo "-- the published regtest chain against Bitcoin Core's engine"
"$python" tests/peers/kernel_chain.py "$binary"
