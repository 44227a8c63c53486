#!/usr/bin/env bash
# Transactions through a node's port: a burst as fast as it takes them, then a steady load over
# the given seconds; both are mined, and every node must agree.
# The options' variables are made by the library:
# shellcheck source=/dev/null disable=SC2154
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
lib_options "Sends --txs transactions as fast as the first node takes them, and as many again spread
over --duration seconds, by --clients connections at once; --nodes nodes must all get and
confirm them. Thresholds of 0 are none." \
    txs=1000 duration=60 nodes=1 clients=4 min-accepted=0 max-latency-ms=0 max-relay-s=120 -- "$@"
here=$lib_root/tests/load
total=$((opt_txs * 2))
if [ "$opt_clients" -lt 1 ] || [ "$opt_txs" -lt "$opt_clients" ] || [ "$opt_nodes" -lt 1 ]; then
    lib_usage >&2
    exit 2
fi

lib_progress "signing $total transactions"
lib_console maker \
    -e "$total constant wanted : chain-file\$ s\" $lib_work/chain\" ; : txs-file\$ s\" $lib_work/txs\" ;" \
    "$here/prepare.fs" -e 'init-storage new-wallet 2drop prepare bye' >"$lib_work/made" 2>&1 ||
    { cat "$lib_work/made" >&2; lib_fail "the transactions could not be made"; }
[ "$(wc -l <"$lib_work/txs")" = "$total" ] || lib_fail "not all transactions were made"
head -n "$opt_txs" "$lib_work/txs" >"$lib_work/burst"
tail -n "$opt_txs" "$lib_work/txs" >"$lib_work/steady"

lib_progress "starting $opt_nodes nodes"
lib_console n1 -e "init-storage import-blocks $lib_work/chain bye" >/dev/null
lib_node n1 --websocket=127.0.0.1:0 --listen=127.0.0.1:0
url=ws://$(lib_port n1)
peer=$(lib_listens n1)
for number in $(seq 2 "$opt_nodes"); do
    lib_console "n$number" -e "init-storage import-blocks $lib_work/chain bye" >/dev/null
    lib_node "n$number" "--peer=$peer"
done
peers() { [ "$(lib_console n1 -e 'init-storage peer-count . bye')" -ge $((opt_nodes - 1)) ]; }
lib_wait 60 "the peers" peers

# Sends a file of transactions over all clients: the file, microseconds between two of one client.
send() {
    local file=$1 apart=$2 client clients=()
    rm -f "$lib_work"/part.* "$lib_work"/took.*
    split --number="l/$opt_clients" --numeric-suffixes=1 --suffix-length=3 "$file" "$lib_work/part."
    for part in "$lib_work"/part.*; do
        "$opt_program" regtest --attach "$url" --token-file "${lib_folder[n1]}/regtest/.cookie" \
            -e "$apart constant apart : txs-file\$ s\" $part\" ; : took-file\$ s\" ${part/part./took.}\" ;" \
            "$here/send.fs" -e 'init-storage send-all bye' &
        clients+=($!)
    done
    for client in "${clients[@]}"; do wait "$client" || lib_fail "a client failed"; done
    cat "$lib_work"/took.* >"$lib_work/took"
    refused=$(grep -c '^refused' "$lib_work/took" || true)
    [ "$(wc -l <"$lib_work/took")" = "$opt_txs" ] || lib_fail "not every transaction was sent"
    grep -v '^refused' "$lib_work/took" >"$lib_work/times" || true
}

pooled() {
    local number
    for number in $(seq "$opt_nodes"); do
        [ "$(lib_console "n$number" -e 'init-storage get-pool-info type bye' |
            sed -n 's/.*"size": *\([0-9]*\).*/\1/p')" = "$1" ] || return 1
    done
}

confirmed() {
    local number
    for number in $(seq "$opt_nodes"); do
        [ "$(lib_console "n$number" -e 'init-storage get-best-hash type bye')" = "$tip" ] || return 1
    done
}

# Waits for all pools to hold what was accepted, mines it, waits for all nodes; then a row of each.
settle() {
    local what=$1 begun
    begun=$(lib_now_ms)
    lib_wait "$opt_max_relay_s" "the transactions in every pool" pooled $((opt_txs - refused))
    relay_ms=$(($(lib_now_ms) - begun))
    begun=$(lib_now_ms)
    lib_console n1 -e 'init-storage mine-blocks 1 bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080 bye' \
        >/dev/null
    tip=$(lib_console n1 -e 'init-storage get-best-hash type bye')
    lib_wait 60 "the block on every node" confirmed
    lib_wait 60 "an empty pool on every node" pooled 0
    confirm_ms=$(($(lib_now_ms) - begun))
    lib_result "$what: to every pool after the last" "$(lib_math "$relay_ms / 1000")" s \
        max "$opt_max_relay_s"
    lib_result "$what: mined and confirmed everywhere" "$(lib_math "$confirm_ms / 1000")" s
}

lib_progress "a burst of $opt_txs"
begun=$(lib_now_ms)
send "$lib_work/burst" 0
burst_ms=$(($(lib_now_ms) - begun + 1))
accepted=$(lib_math "($opt_txs - $refused) / $burst_ms * 1000")
lib_result "burst: accepted" "$accepted" tx/s min "$opt_min_accepted"
lib_result "burst: refused" "$refused" tx max 0.5
lib_result "burst: latency, median" "$(lib_math "$(lib_percentile 50 <"$lib_work/times") / 1000")" ms
lib_result "burst: latency, 99 %" "$(lib_math "$(lib_percentile 99 <"$lib_work/times") / 1000")" ms
settle burst
lib_result "burst: accepted to confirmed" \
    "$(lib_math "($opt_txs - $refused) / ($burst_ms + $relay_ms + $confirm_ms) * 1000")" tx/s

lib_progress "$opt_txs over $opt_duration s"
begun=$(lib_now_ms)
send "$lib_work/steady" $((opt_duration * 1000000 * opt_clients / opt_txs))
steady_ms=$(($(lib_now_ms) - begun + 1))
lib_result "steady: accepted" "$(lib_math "($opt_txs - $refused) / $steady_ms * 1000")" tx/s
lib_result "steady: refused" "$refused" tx max 0.5
lib_result "steady: latency, median" "$(lib_math "$(lib_percentile 50 <"$lib_work/times") / 1000")" ms
lib_result "steady: latency, 99 %" "$(lib_math "$(lib_percentile 99 <"$lib_work/times") / 1000")" ms \
    max "$opt_max_latency_ms"
settle steady

for number in $(seq "$opt_nodes"); do lib_stop "n$number"; done
lib_console n1 -e 'init-storage verify-chain bye' >/dev/null ||
    lib_fail "the chain does not verify after the load"
lib_finish
