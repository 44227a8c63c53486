#!/usr/bin/env bash
# The operations kit on real components: deploy/'s files before the programs that read them, the
# scripts on local nodes, Prometheus, HAProxy and nginx at work, the patterns, the load tests. $1
# is the node's program, $2 the Python of the test environment; more arguments choose parts.
set -euo pipefail
program=$(realpath "$1") python=$2
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
parts=("$@")
[ "${#parts[@]}" -gt 0 ] || parts=(files compose tls monitoring rolling recovery patterns load)
began=$SECONDS

for part in "${parts[@]}"; do
    echo "-- operations: $part ($((SECONDS - began)) s)"
    case "$part" in
        files) tests/peers/ops/files.sh "$program" "$python" ;;
        compose)
            folder=$(mktemp -d)
            payee=$("$program" testnet --offline --datadir "$folder" \
                -e "new-wallet 2drop next-address type bye" 2>/dev/null)
            rm -rf "$folder"
            "$python" tests/peers/ops/compose.py deploy/docker-compose.yml deploy/Dockerfile "$program" "$payee"
            ;;
        tls | monitoring | rolling | recovery) "tests/peers/ops/$part.sh" "$program" "$python" ;;
        patterns)
            for pattern in deploy/patterns/*/start.sh; do
                echo "$pattern"
                "$pattern" --program="$program" --base=$((21000 + RANDOM % 200 * 50)) --check
            done
            ;;
        load)
            tests/load_test.sh --program="$program" --txs=200 --duration=4 --nodes=2 \
                --min-accepted=50 --max-latency-ms=1000
            folder=$(mktemp -d)
            "$program" regtest --websocket=127.0.0.1:0 --datadir "$folder" --json \
                -e "40 constant rounds  true constant quiet" tests/memory_leak_test.fs
            rm -rf "$folder"
            ;;
        *) echo "there is no part $part" >&2; exit 2 ;;
    esac
done
echo "-- operations: done in $((SECONDS - began)) s"
