#!/usr/bin/env bash
# A node's WebSocket port under load while blocks connect: how long replies take, what an idle
# subscriber costs, and that readers who stop reading are dropped while others are served.
# The options' variables are made by the library:
# shellcheck source=/dev/null disable=SC2154
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
lib_options "Asks one call by --clients WebSockets at once for --duration seconds, a block connecting every
second, beside --idle subscribers and --slow readers who read nothing (15 seconds and more, so
that the node may lose patience). Thresholds of 0 are none." \
    clients=100 duration=300 method=getblockcount depth=1 idle=0 slow=2 \
    max-p50-ms=5 max-p99-ms=0 max-idle-kb=0 -- "$@"
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
if [ "$opt_slow" -gt 0 ] && [ "$opt_duration" -lt 15 ]; then
    echo "readers that stop reading are dropped after 10 seconds: say --duration=15 or --slow=0" >&2
    exit 2
fi

lib_progress "building the load"
lib_build_load

# Every socket is a file here and there.
files=$((opt_clients + opt_idle + opt_slow + 200))
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -ge "$files" ] || ulimit -n "$files" ||
    lib_fail "$files open files are not allowed here"
lib_node one --websocket=127.0.0.1:0 "--max-connections=$files"
lib_console one -e "init-storage mine-blocks 20 $payee bye" >/dev/null
address=$(lib_port one)

lib_progress "$opt_clients clients for $opt_duration seconds"
"$lib_load" "--address=$address" "--clients=$opt_clients" "--duration=$opt_duration" \
    "--method=$opt_method" "--depth=$opt_depth" "--idle=$opt_idle" "--slow=$opt_slow" --rounds=1 \
    "--process=${lib_pid[one]}" >"$lib_work/report" 2>"$lib_work/load.log" &
load=$!
mined=0
while kill -0 "$load" 2>/dev/null; do
    lib_console one -e "init-storage mine-blocks 1 $payee bye" >/dev/null && mined=$((mined + 1))
    sleep 1
done
wait "$load" || { cat "$lib_work/load.log" >&2; lib_fail "the load broke off"; }
says() { lib_load_said report "$1"; }
height=$(lib_console one -e 'init-storage get-height . bye')
[ "$((height))" = "$((20 + mined))" ] || lib_fail "the chain ends at $height after $mined blocks"

lib_result "requests" "$(says per_second)" 1/s
lib_result "round trip, p50" "$(lib_math "$(says p50_us) / 1000")" ms max "$opt_max_p50_ms"
lib_result "round trip, p99" "$(lib_math "$(says p99_us) / 1000")" ms max "$opt_max_p99_ms"
lib_result "errors" "$(says errors)" replies max 0.5
lib_result "blocks connected meanwhile" "$mined" blocks min 1
if [ "$opt_idle" -gt 0 ]; then
    lib_result "memory of an idle subscriber" "$(lib_math "$(says idle_bytes_each) / 1024")" KiB \
        max "$opt_max_idle_kb"
    lib_result "idle subscribers still served" "$(says idle_still_open)" sockets min "$opt_idle"
fi
[ "$opt_slow" = 0 ] || lib_result "slow readers dropped" "$(says slow_dropped)" sockets min "$opt_slow"
lib_finish
