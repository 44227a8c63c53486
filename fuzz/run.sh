#!/usr/bin/env bash
# Fuzzes every target for SECONDS each (default 20, --nightly an hour), on the stable toolchain: the
# coverage instrumentation is asked of LLVM directly. What was found is kept for the next run.
#   fuzz/run.sh [SECONDS | --nightly] [TARGET…]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-20}
[ "$seconds" != --nightly ] || seconds=3600
case "$seconds" in '' | *[!0-9]*) echo "usage: fuzz/run.sh [SECONDS | --nightly] [TARGET…]" >&2 && exit 2 ;; esac
shift || true
targets=("$@")
[ "${#targets[@]}" -gt 0 ] || targets=(transaction block script wire forth)
base=${CARGO_TARGET_DIR:-target}
case "$base" in /*) ;; *) base="$PWD/$base" ;; esac
export CARGO_TARGET_DIR="$base/fuzz"
export RUSTFLAGS="--cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
-C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
-C llvm-args=-sanitizer-coverage-trace-compares -C codegen-units=1"
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --quiet --manifest-path fuzz/Cargo.toml --target "$host"
for target in "${targets[@]}"; do
    corpus="$CARGO_TARGET_DIR/corpus/$target"
    mkdir -p "$corpus"
    echo "-- fuzz $target for $seconds s"
    log="$CARGO_TARGET_DIR/$target.log"
    if ! "$CARGO_TARGET_DIR/$host/release/$target" "$corpus" \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$CARGO_TARGET_DIR/$target-" -print_final_stats=1 >"$log" 2>&1; then
        tail -n 40 "$log"
        exit 1
    fi
    grep -E 'number_of_executed_units|peak_rss' "$log"
done
