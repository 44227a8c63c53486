#!/usr/bin/env bash
# The network against peers that we did not write, against hostile sockets, and against ourselves:
# simulated and as processes on loopback. $1 is the program.
#   FORTHCOIN_SIM_SEEDS   how many simulated networks of ten nodes (500)
#   FORTHCOIN_CHURN       seconds that five nodes come and go (60)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
program=$(realpath "$1")
peers=${CARGO_TARGET_DIR:-target}/peers
python="$peers/bin/python"
export FORTHCOIN=$program

# The simulator takes what time the others leave: they mostly wait.
work=$(mktemp -d)
simulated() {
    nice tests/sync_test.sh --nodes=6 --day &&
        nice tests/sync_test.sh --nodes=10 --blocks=12 --faults --seeds="${FORTHCOIN_SIM_SEEDS:-500}"
}
set -m # a process group of its own, to be ended whole
simulated >"$work/simulated" 2>&1 &
simulator=$!
set +m
trap 'kill -- "-$simulator" 2>/dev/null || true; rm -rf "$work"' EXIT

"$python" tests/peers/net_bitcoinlib.py "$program"
"$python" tests/peers/net_bdk.py "$program"
"$python" tests/peers/net_bcoin.py "$program" "$peers/npm"
"$python" tests/peers/net_mesh.py "$program"
"$python" tests/peers/net_mesh.py "$program" "--churn=${FORTHCOIN_CHURN:-60}"
"$python" tests/peers/net_hostile.py "$program"

wait "$simulator" || { cat "$work/simulated"; exit 1; }
cat "$work/simulated"
