#!/usr/bin/env bash
# Everything that is held against programs that we did not write. Called by scripts/test --all.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target="${CARGO_TARGET_DIR:-target}"
python="$target/peers/bin/python"
binary="$target/release/forthcoin"
blocks="${FORTHCOIN_VECTORS:-../shared/vectors}/blocks/regtest-core-206.hex"
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
say() { echo "-- $* ($SECONDS s)"; }
differential=(--quiet --release --manifest-path tests/differential/Cargo.toml)

# What the last tests need is built in the time that the first ones wait.
build_the_rest() {
    CARGO_TARGET_DIR="$target/differential" nice cargo test --no-run "${differential[@]}"
    nice fuzz/run.sh --build
}
build_the_rest >"$work/builds" 2>&1 &
builds=$!

say "every block hash of the published regtest chain, ours and Core's engine's"
"$binary" regtest --datadir "$work/data" -e "init-storage import-blocks $blocks bye"
"$binary" regtest --datadir "$work/data" \
    -e ": all  get-height 1+ 0 do  i get-block-hash type cr  loop ;  init-storage all bye" >"$work/ours"
"$python" tests/peers/kernel_chain.py hashes "$blocks" >"$work/core"
diff <(grep -oE '[0-9a-f]{64}' "$work/core" | tail -n 206) <(tail -n 206 "$work/ours")
echo "$(wc -l <"$work/ours" | tr -d ' ') hashes are equal"

say "verdicts, tips and reject reasons of random chains, ours and Core's engine's"
# As scripts/test built them: another choice of packages would make everything anew.
tests=$(cargo test --locked --workspace --all-features --lib --no-run --message-format=json 2>/dev/null \
    | sed -n 's|.*"src_path":"[^"]*/crates/chain/src/lib.rs".*"executable":"\([^"]*\)".*|\1|p' | tail -n 1)
FORTHCOIN_KERNEL_CASES="$work/cases" "$tests" --quiet --test-threads 1
"$python" tests/peers/kernel_chain.py compare "$work/cases"
# The random ones in as many processes as there are processors: Core's engine works on one.
trees=${FORTHCOIN_TREES:-2000}
shards=$(nproc)
each=$(((trees + shards - 1) / shards))
compare_trees() {
    FORTHCOIN_KERNEL_CASES="$work/cases$1" FORTHCOIN_FIRST_TREE=$((1000 + each * $1)) \
        FORTHCOIN_TREES="$each" "$tests" --quiet random_trees_end_where_the_model_ends
    "$python" tests/peers/kernel_chain.py compare "$work/cases$1"
    rm "$work/cases$1"
}
running=()
for ((shard = 0; shard < shards; shard++)); do
    compare_trees "$shard" &
    running+=($!)
done
for process in "${running[@]}"; do wait "$process"; done

say "descriptors and PSBTs, ours and embit's"
"$python" tests/peers/wallet_embit.py "$binary"

say "a treasury with a key in softhsm2"
# The program of the tests; a plain build would make all of it anew without their dependencies.
cargo test --quiet --locked --workspace --all-features --no-run --test it
tests/peers/wallet_hsm.sh "$target/debug/forthcoin"
say "rows of metrics in PostgreSQL, which goes away and comes back"
tests/peers/postgres.sh "$target/debug/forthcoin"

say "/metrics, read by promtool"
tests/peers/metrics.sh "$binary"

say "our miner's blocks before Core's engine, miners by getblocktemplate and Stratum"
tests/peers/mining.sh "$binary"

say "the port, asked by Python's clients, by Core's in Rust and by a crowd"
tests/peers/service.sh "$binary" "$python"
CARGO_TARGET_DIR="$target/clients" FORTHCOIN=$(realpath "$binary") \
    cargo test --quiet --locked --manifest-path tests/clients/Cargo.toml

say "the network: simulated, with peers of others, ten processes, hostile sockets"
tests/peers/net.sh "$binary"

say "the explorer in Chromium, on a mining node that is killed and started again"
tests/peers/explorer.sh "$binary"

say "the operations kit on HAProxy, nginx, Prometheus and the rest"
tests/peers/ops.sh "$binary" "$python"

say "the builds of the last tests"
wait "$builds" || { cat "$work/builds"; exit 1; }

say "scripts and transactions, ours and bitcoinconsensus"
CARGO_TARGET_DIR="$target/differential" cargo test "${differential[@]}"

say "fuzz targets of the decoders"
fuzz/run.sh "${FORTHCOIN_FUZZ_SECONDS:-10}"
