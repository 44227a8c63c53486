#!/usr/bin/env bash
# Our miner's blocks before Bitcoin Core's engine; miners by getblocktemplate and by Stratum.
#
#   tests/peers/mining.sh BINARY
set -euo pipefail
binary=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
# Not resolved further: the environment is known by the path of its link.
python=$(realpath "${CARGO_TARGET_DIR:-../../target}/peers/bin")/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" mining.py chain "$binary" "$work/chain" "${FORTHCOIN_MINED_BLOCKS:-10000}"
"$python" mining.py template "$binary" "$work/template"
"$python" mining.py stratum "$binary" "$work/stratum"
../mine_benchmark.sh --blocks=2 --json "$binary"
