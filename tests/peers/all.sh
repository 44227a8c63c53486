#!/usr/bin/env bash
# Everything that is held against programs that we did not write. Called by scripts/test --all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target="${CARGO_TARGET_DIR:-target}"
python="$target/peers/bin/python"
binary="$target/release/forthcoin"
blocks="${FORTHCOIN_VECTORS:-../shared/vectors}/blocks/regtest-core-206.hex"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "-- every block hash of the published regtest chain, ours and Core's engine's"
"$binary" regtest --datadir "$work/data" -e "init-storage import-blocks $blocks bye"
"$binary" regtest --datadir "$work/data" \
    -e ": all  get-height 1+ 0 do  i get-block-hash type cr  loop ;  init-storage all bye" >"$work/ours"
"$python" tests/peers/kernel_chain.py hashes "$blocks" >"$work/core"
diff <(grep -oE '[0-9a-f]{64}' "$work/core" | tail -n 206) <(tail -n 206 "$work/ours")
echo "$(wc -l <"$work/ours" | tr -d ' ') hashes are equal"

echo "-- verdicts, tips and reject reasons of random chains, ours and Core's engine's"
FORTHCOIN_KERNEL_CASES="$work/cases" FORTHCOIN_TREES="${FORTHCOIN_TREES:-100}" \
    cargo test --quiet --locked --lib chain:: -- --test-threads 1
"$python" tests/peers/kernel_chain.py compare "$work/cases"

echo "-- scripts and transactions, ours and bitcoinconsensus"
CARGO_TARGET_DIR="$target/differential" \
    cargo test --release --quiet --manifest-path tests/differential/Cargo.toml

echo "-- descriptors and PSBTs, ours and embit's"
"$python" tests/peers/wallet_embit.py "$binary"

echo "-- a treasury with a key in softhsm2"
cargo build --quiet --locked --features hsm
tests/peers/wallet_hsm.sh "$target/debug/forthcoin"

echo "-- fuzz targets of the decoders"
fuzz/run.sh "${FORTHCOIN_FUZZ_SECONDS:-10}"
