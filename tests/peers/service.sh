#!/usr/bin/env bash
# The port of a regtest node asked by clients that we did not write, then under load. $1 is the
# program, $2 the Python of the test environment.
# shellcheck source=/dev/null disable=SC2034,SC2154  # the library's names
set -euo pipefail
program=$(realpath "$1") python=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/lib.sh
opt_program=$program
lib_node one --websocket=127.0.0.1:0
timeout 120 "$python" tests/peers/service.py "$(lib_port one)" "${lib_folder[one]}/regtest/.cookie" \
    "${lib_pid[one]}"
# A machine that is shared with other work promises no 5 ms, which an idle one keeps.
tests/ws_stress.sh --program="$opt_program" --clients=100 --duration=20 --idle=1000 --max-p50-ms=100
