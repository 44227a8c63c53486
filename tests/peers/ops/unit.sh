#!/usr/bin/env bash
# Starts and stops a local node as its unit would: `unit.sh start|stop nodeN`, in the folder WORK,
# with ports from BASE on. Like Type=notify, a start returns when the node says that it is ready.
set -euo pipefail
name=$2
number=${name#node}
folder=$WORK/$name
case "$1" in
    start)
        peers=()
        for other in 1 2 3 4; do
            [ "$other" = "$number" ] || peers+=("--peer=127.0.0.1:$((BASE + other))")
        done
        rm -f "$folder/notify"
        : >"$folder/told"
        socat -u "UNIX-RECV:$folder/notify" "OPEN:$folder/told,append" &
        listener=$!
        trap 'kill "$listener" 2>/dev/null || true' EXIT
        for _ in $(seq 100); do [ -S "$folder/notify" ] && break; sleep 0.02; done
        NOTIFY_SOCKET=$folder/notify setsid "$folder/bin/forthcoin" regtest --datadir "$folder" \
            --listen="127.0.0.1:$((BASE + number))" "${peers[@]}" --websocket="127.0.0.1:$((BASE + 10 + number))" \
            </dev/null >>"$WORK/$name.log" 2>&1 &
        pid=$!
        echo "$pid" >"$folder/pid"
        for _ in $(seq 300); do
            if grep -q READY=1 "$folder/told"; then exit 0; fi
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        rm -f "$folder/pid"
        echo "unit $name did not start" >&2
        exit 1
        ;;
    stop)
        [ -f "$folder/pid" ] || exit 0
        pid=$(cat "$folder/pid")
        kill "$pid" 2>/dev/null || true
        for _ in $(seq 600); do
            if ! kill -0 "$pid" 2>/dev/null; then
                rm -f "$folder/pid"
                exit 0
            fi
            sleep 0.05
        done
        echo "unit $name does not stop" >&2
        exit 1
        ;;
esac
