#!/usr/bin/env bash
# Reads while blocks of 2,000 signed inputs connect: round trips of a hundred WebSocket clients at
# rest, and again while such blocks come in without a pause. Reads must not wait for a block.
# shellcheck source=/dev/null disable=SC2154
. "$(dirname "${BASH_SOURCE[0]}")/../tests/lib.sh"
lib_options "Asks one call by --clients WebSockets at once, first at rest, then while --blocks blocks of
2,000 inputs are imported over and over for --duration seconds." \
    clients=100 duration=10 blocks=60 method=getblockcount -- "$@"
lib_progress "building the load and the chain"
lib_build_load
(cd "$lib_root" && cargo bench --quiet --profile quick --bench dense -- \
    --generate "$lib_work/blocks" "$opt_blocks" 200)

lib_node one --websocket=127.0.0.1:0
load() {
    "$lib_load" "--address=$(lib_port one)" "--clients=$opt_clients" \
        "--duration=$opt_duration" "--method=$opt_method" --rounds=1 >"$lib_work/$1"
}
lib_progress "at rest"
load rest
lib_progress "while blocks connect"
load busy &
loading=$!
sleep 1
began=$(lib_now_ms)
lib_console one -e "init-storage import-blocks $lib_work/blocks bye" >/dev/null
took=$(($(lib_now_ms) - began))
# From the first one on the blocks are undone and connected anew until the clients are done.
first=$(lib_console one -e 'init-storage 102 get-block-hash type bye')
rounds=1
while kill -0 "$loading" 2>/dev/null; do
    lib_console one -e "init-storage s\" $first\" invalidate-block bye" >/dev/null
    lib_console one -e "init-storage s\" $first\" reconsider-block bye" >/dev/null
    rounds=$((rounds + 1))
done
wait "$loading"
lib_result "blocks of 2,000 inputs" "$(lib_math "1000 * $opt_blocks / $took")" 1/s
lib_result "times connected" "$rounds" rounds min 1
for when in rest busy; do
    lib_result "$when: requests" "$(lib_load_said $when per_second)" 1/s
    lib_result "$when: round trip, p50" "$(lib_math "$(lib_load_said $when p50_us) / 1000")" ms
    lib_result "$when: round trip, p99" "$(lib_math "$(lib_load_said $when p99_us) / 1000")" ms
done
lib_finish
