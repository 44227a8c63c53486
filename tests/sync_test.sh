#!/usr/bin/env bash
# A network of whole nodes in one process, simulated from one seed; ends with 6 when they do not
# come to one chain or miss what was asked for.
#   tests/sync_test.sh --nodes=10 --blocks=1000
#   tests/sync_test.sh --nodes=10 --seeds=500 --faults
#   tests/sync_test.sh --nodes=5 --day --seed=7 --json
#   tests/sync_test.sh --blocks=200 --most-seconds=60 --least-blocks-per-second=100
# FORTHCOIN names the program; otherwise the one that was built last, or that of the PATH.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")/..
program=${FORTHCOIN:-}
if [ -z "$program" ]; then
    target=${CARGO_TARGET_DIR:-$here/target}
    for each in "$target/release/forthcoin" "$target/quick/forthcoin" "$target/debug/forthcoin"; do
        if [ -x "$each" ]; then program=$each; break; fi
    done
fi
options=${*:-}
exec "${program:-forthcoin}" --offline -e "simulate $options"
