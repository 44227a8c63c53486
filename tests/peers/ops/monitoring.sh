#!/usr/bin/env bash
# A real Prometheus with deploy/monitoring's configuration and rules over two nodes: it scrapes
# both, a node whose chain stands still raises ChainStalled, a killed one NodeDown, the other none.
# Times are shortened in a copy of the files. $1 is the node's program, $2 the tests' Python.
set -euo pipefail
program=$(realpath "$1") python=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap cleanup EXIT
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080

fail() {
    echo "$*" >&2
    tail -n 5 "$work"/*.log >&2
    exit 1
}
console() {
    local name=$1
    shift
    "$program" regtest --datadir "$work/$name" --json -e "init-storage $* bye"
}
# Waits up to $1 seconds for a command, $2 says for what.
wait_for() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || fail "$what did not come in time"
        sleep 0.2
    done
}
named() { console "$1" "$2 type" 2>/dev/null | sed -n "s/.*\"$3\": *\"\\([^\"]*\\)\".*/\\1/p" | head -n 1; }
# Before the node has the folder, a console would take it.
has_port() { [ -S "$work/$1/regtest/control.sock" ] && [ -n "$(named "$1" get-ws-status address)" ]; }

"$program" regtest --datadir "$work/a" --websocket=127.0.0.1:0 --listen=127.0.0.1:0 </dev/null >"$work/a.log" 2>&1 &
pids+=($!)
wait_for 20 "the port of a" has_port a
listens() { [ -n "$(named a get-network-info listening)" ]; }
wait_for 20 "a's peer port" listens
"$program" regtest --datadir "$work/b" --websocket=127.0.0.1:0 --listen=none \
    --peer="$(named a get-network-info listening)" </dev/null >"$work/b.log" 2>&1 &
b=$!
pids+=("$b")
wait_for 20 "the port of b" has_port b
a_port=$(named a get-ws-status address)
b_port=$(named b get-ws-status address)

# A block each second; the console ends with the node.
"$program" regtest --datadir "$work/a" -e "init-storage
: go ( -- ) 120 0 do 1 s\" $payee\" generate-to 2drop 1000 ms loop ; go bye" >"$work/mine.log" 2>&1 &
pids+=($!)
follows() { [ "$(console b get-height .)" -ge 2 ]; }
wait_for 30 "a's blocks on b" follows

# The files as they are, but for the addresses and the times.
sed -e 's/for: .*/for: 2s/' -e 's/\[10m\]/[4s]/' -e 's/> 7200/> 12/' deploy/monitoring/alerts.yml >"$work/alerts.yml"
"$python" - deploy/monitoring/prometheus.yml "$work/prometheus.yml" "$a_port" "$b_port" <<'P'
import sys, yaml
config = yaml.safe_load(open(sys.argv[1]))
config["global"].update(scrape_interval="1s", scrape_timeout="1s", evaluation_interval="1s")
[job] = [job for job in config["scrape_configs"] if job["job_name"] == "forthcoin"]
job["static_configs"][0]["targets"] = sys.argv[3:]
config["scrape_configs"] = [job]
del config["alerting"]
yaml.safe_dump(config, open(sys.argv[2], "w"))
P
promtool check config "$work/prometheus.yml" >/dev/null
port=$((20000 + RANDOM % 20000))
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" \
    --web.listen-address="127.0.0.1:$port" --log.level=warn >"$work/prometheus.log" 2>&1 &
pids+=($!)
url=http://127.0.0.1:$port
wait_for 30 "Prometheus" curl -fs -o /dev/null "$url/-/ready"

up() { [ "$(curl -fs "$url/api/v1/query?query=sum(up)" | sed -n 's/.*,"\([0-9]*\)"\].*/\1/p')" = "$1" ]; }
wait_for 30 "a scrape of both nodes" up 2
curl -fs -o /dev/null -w '%{time_total}\n' "http://$a_port/metrics" >"$work/first"
scrapes() { curl -fs -o /dev/null -w '%{time_total} ' "http://$a_port/metrics?[1-30]"; }
middle=$(scrapes | tr ' ' '\n' | grep . | sort -n | sed -n 15p)
echo "two nodes are scraped; a scrape takes $middle s in the middle of 30"

firing() {
    curl -fs "$url/api/v1/alerts" | "$python" -c '
import json, sys
alerts = json.load(sys.stdin)["data"]["alerts"]
print(" ".join(sorted(a["labels"]["alertname"] + "@" + a["labels"]["instance"] for a in alerts if a["state"] == "firing")))'
}
raised() { case " $(firing) " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# The panels ask what this Prometheus has; the dashboard's rates want a few samples.
"$python" tests/peers/ops/dashboard.py ask deploy/monitoring/grafana/forthcoin.json "$url"
case " $(firing) " in *ChainStalled* | *NodeDown*) fail "raised without a reason: $(firing)" ;; esac

console b "false set-network-active" >/dev/null
wait_for 60 "ChainStalled" raised "ChainStalled@$b_port"
case " $(firing) " in *"ChainStalled@$a_port"*) fail "the chain of a does not stand still" ;; esac
echo "a node that hears nothing raises ChainStalled, the one that mines does not"

kill -KILL "$b"
wait_for 60 "NodeDown" raised "NodeDown@$b_port"
case " $(firing) " in *"NodeDown@$a_port"*) fail "a is not down" ;; esac
echo "a killed node raises NodeDown, the other does not"
