#!/usr/bin/env bash
# Prometheus's own checker on what a running regtest node gives at /metrics. $1 is the program.
# shellcheck source=/dev/null disable=SC2034,SC2154  # the library's names
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/lib.sh
opt_program=$program work=$lib_work
lib_node one --websocket=127.0.0.1:0
address=$(lib_port one)
python3 - "http://$address/metrics" >"$work/metrics" <<'P'
import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode())
P
# promtool reads the older text format, in which the help of a counter bears its whole name; in
# OpenMetrics, which we write, it does not. Everything else it finds is a failure.
promtool check metrics <"$work/metrics" >"$work/said" 2>&1 || true
if grep -v '_total no help text$' "$work/said"; then exit 1; fi
for name in height headers tip_age_seconds peers mempool_transactions ready synced resident_memory_bytes; do
    grep -q "^forthcoin_$name " "$work/metrics"
done
echo "promtool has nothing to say against $(grep -c '^# TYPE' "$work/metrics") metrics"
