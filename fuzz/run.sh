#!/usr/bin/env bash
# Fuzzes every target for SECONDS each (default 20, --nightly an hour; Forth's sources six times as
# long), as many at once as there are processors, on the stable toolchain: the coverage
# instrumentation is asked of LLVM directly. What was found is kept for the next run.
#   fuzz/run.sh [SECONDS | --nightly | --build] [TARGET…]
# --build makes the programs and runs none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-20} longer=6
case "$seconds" in
    --nightly) seconds=3600 longer=1 ;;
    --build) seconds=0 ;;
    '' | *[!0-9]*) echo "usage: fuzz/run.sh [SECONDS | --nightly | --build] [TARGET…]" >&2 && exit 2 ;;
esac
shift || true
targets=("$@")
[ "${#targets[@]}" -gt 0 ] ||
    targets=(forth transaction block script sighash mempool wire checks)
base=${CARGO_TARGET_DIR:-target}
case "$base" in /*) ;; *) base="$PWD/$base" ;; esac
export CARGO_TARGET_DIR="$base/fuzz"
export RUSTFLAGS="--cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
-C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
-C llvm-args=-sanitizer-coverage-trace-compares -C codegen-units=1"
host=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --quiet --manifest-path fuzz/Cargo.toml --target "$host"
[ "$seconds" != 0 ] || exit 0
fuzz() {
    local target=$1 for=$2 corpus="$CARGO_TARGET_DIR/corpus/$1" log="$CARGO_TARGET_DIR/$1.log"
    mkdir -p "$corpus"
    if ! "$CARGO_TARGET_DIR/$host/release/$target" "$corpus" \
        -max_total_time="$for" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$CARGO_TARGET_DIR/$target-" -print_final_stats=1 >"$log" 2>&1; then
        tail -n 40 "$log"
        return 1
    fi
    echo "-- fuzz $target for $for s: $(sed -n 's/.*number_of_executed_units: */runs /p' "$log")," \
        "$(sed -n 's/.*peak_rss_mb: */MiB /p' "$log")"
}
processors=$(getconf _NPROCESSORS_ONLN)
failed=0
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$processors" ]; do wait -n || failed=1; done
    case "$target" in
        forth) fuzz "$target" $((seconds * longer)) & ;;
        *) fuzz "$target" "$seconds" & ;;
    esac
done
while [ "$(jobs -p | wc -l)" -gt 0 ]; do wait -n || failed=1; done
exit "$failed"
