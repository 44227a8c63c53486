#!/usr/bin/env bash
# Rolling updates of four local nodes behind Debian's HAProxy under constant load: one that is
# fine, two that break on node 3, and the way back the next day; then backup with rotation, and the
# disaster drill. Only what reaches a machine and what starts a unit is replaced (ops.sh). $1 is
# the node's program, $2 the tests' Python.
set -euo pipefail
program=$(realpath "$1") python=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=$PWD/tests/peers/ops
work=$(mktemp -d)
haproxy="" load=""
cleanup() {
    touch "$work/stop"
    for file in "$work"/*/pid; do
        [ ! -f "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    for pid in $haproxy $load; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    sleep 0.3
    rm -rf "$work"
}
trap cleanup EXIT
fail() {
    echo "$*" >&2
    [ ! -f "$work/said" ] || tail -n 30 "$work/said" >&2
    tail -n 4 "$work"/*.log >&2
    exit 1
}
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
base=$((20000 + RANDOM % 300 * 100))
export WORK=$work BASE=$base PATH="$work/tools:$PATH" FORTHCOIN_LOOK_EVERY=0.2
export FORTHCOIN_HOOKS=$here/hooks.sh

mkdir "$work/tools"
for n in 1 2 3 4; do
    mkdir -p "$work/node$n/bin" "$work/node$n/lib/1"
    ln "$program" "$work/node$n/lib/1/forthcoin" 2>/dev/null || cp "$program" "$work/node$n/lib/1/forthcoin"
    ln -s "$work/node$n/lib/1/forthcoin" "$work/node$n/bin/forthcoin"
    servers=reads/node$n
    [ "$n" -gt 2 ] || servers+=,pair/node$n
    echo "node$n host=machine$n network=regtest datadir=$work/node$n unit=node$n user=" \
        "program=$work/node$n/bin/forthcoin library=$work/node$n/lib server=$servers" >>"$work/nodes"
done
console() {
    local n=$1
    shift
    "$work/node$n/bin/forthcoin" regtest --datadir "$work/node$n" --json -e "init-storage $* bye"
}
for n in 1 2 3 4; do "$here/unit.sh" start "node$n"; done
console 1 "mine-blocks 30 $payee" >/dev/null

export NODE1=127.0.0.1:$((base + 11)) NODE2=127.0.0.1:$((base + 12)) NODE3=127.0.0.1:$((base + 13))
export NODE4=127.0.0.1:$((base + 14)) ADMIN_SOCKET=$work/admin.sock
export BIND_PAIR=127.0.0.1:$((base + 20)) BIND_READS=127.0.0.1:$((base + 21)) BIND_STATS=127.0.0.1:$((base + 22))
haproxy -db -f deploy/haproxy/haproxy.cfg >"$work/haproxy.log" 2>&1 &
haproxy=$!
for _ in $(seq 150); do
    said=$(scripts/health_check.sh --nodes="$work/nodes" 2>&1) && break
    sleep 0.2
done
scripts/health_check.sh --nodes="$work/nodes" >"$work/said" || fail "the nodes are not well: $said"
up=no
for _ in $(seq 100); do
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://$BIND_READS/ready")" != 200 ] || { up=yes && break; }
    sleep 0.1
done
[ "$up" = yes ] || fail "HAProxy has no node"

# Blocks come all the while, from whichever node is there to make one.
mine() {
    local n=1 cookie
    while [ ! -e "$work/stop" ]; do
        n=$((n % 4 + 1))
        cookie=$(cat "$work/node$n/regtest/.cookie" 2>/dev/null) || continue
        curl -s -m 2 -o /dev/null -u "$cookie" \
            -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"generatetoaddress\",\"params\":[1,\"$payee\"]}" \
            "http://127.0.0.1:$((base + 10 + n))/" || true
        sleep 1
    done
}
begin_load() {
    rm -f "$work/stop"
    mine &
    mining=$!
    "$python" "$here/load.py" "$1" 8 "$work/stop" >"$work/load" 2>"$work/load.log" &
    load=$!
}
end_load() {
    touch "$work/stop"
    wait "$load" || fail "the load broke off"
    load=""
    wait "$mining"
    "$python" - "$work/load" "$1" <<'P' || fail "requests failed"
import json, sys
count = json.load(open(sys.argv[1]))
print(f"  load meanwhile (height {count['heights'][0]} to {count['heights'][1]}): {count['answered']} of {count['asked']} answered, {count['http']} of them over HTTP, "
      f"{count['again']} sent again after a node's goodbye, {count['failed']} failed, longest {count['longest_ms']} ms")
assert count["failed"] == 0 and count["answered"] == count["asked"], count["reasons"]
assert count["asked"] > 200, "this was no load"
P
}
versions() { for n in 1 2 3 4; do basename "$(dirname "$(readlink "$work/node$n/bin/forthcoin")")"; done | tr '\n' ' '; }
roll() {
    scripts/rolling_update.sh --nodes="$work/nodes" --backups="$work/backups" \
        --balancer="balancer:$ADMIN_SOCKET" --timeout=60 "$@" >"$work/said" 2>&1
}

echo "-- a rolling update of four nodes under load, through HAProxy"
begin_load "$BIND_READS"
roll --program="$program" --version=2 || fail "the update failed"
end_load reads
[ "$(versions)" = "2 2 2 2 " ] || fail "versions are $(versions)"
label=$(sed -n 's/.*--backup=//p' "$work/said")
echo "  four nodes run version 2; its backup is called before-2-TIME"

echo "-- the same through the active and passive pair"
begin_load "$BIND_PAIR"
roll --program="$program" --version=3 --only=node1,node2 || fail "the update failed"
end_load pair

echo "-- an update whose program does not start on node 3"
cat >"$work/broken" <<B
#!/bin/sh
case "\$*" in *" -e "*) exec $program "\$@" ;; *$work/node3*) echo "a fault" >&2; exit 1 ;; esac
exec $program "\$@"
B
chmod +x "$work/broken"
begin_load "$BIND_READS"
if roll --program="$work/broken" --version=4; then fail "a broken update went through"; fi
end_load reads
[ "$(versions)" = "3 3 2 2 " ] || fail "versions are $(versions)"
grep -q 'node3 *FAILED at: start' "$work/said" || fail "it does not say where it failed"
scripts/health_check.sh --nodes="$work/nodes" >"$work/said" || fail "not well after the way back"
echo "  taken back by itself on nodes 3, 2 and 1; all are well"

echo "-- an update that ruins the folder of node 3"
cat >"$work/ruinous" <<B
#!/bin/sh
case "\$*" in *" -e "*) ;; *$work/node3*) truncate -s 1000 $work/node3/regtest/chain.redb; exit 1 ;; esac
exec $program "\$@"
B
chmod +x "$work/ruinous"
before=$(console 3 "get-best-hash type")  # nothing mines now
if roll --program="$work/ruinous" --version=5 --only=node3 --keep-updated; then fail "a ruinous update went through"; fi
grep -q 'restoring the backup' "$work/said" || fail "the backup was not needed"
[ "$(console 3 "get-best-hash type")" = "$before" ] || fail "node 3 has another chain"
scripts/health_check.sh --nodes="$work/nodes" >"$work/said" || fail "not well after the way back"
echo "  its backup was restored by itself, the chain is the same"

echo "-- the way back the next day"
# Every backup of today has a newer name by then; the one that is named is taken.
console 1 "mine-blocks 20 $payee" >/dev/null
tip=$(console 1 "get-best-hash type")
scripts/rollback.sh --nodes="$work/nodes" --backups="$work/backups" --list >"$work/said"
[ "$(grep -c "$label" "$work/said")" = 4 ] || fail "the backup is not listed for each node"
if scripts/rollback.sh --nodes="$work/nodes" --backups="$work/backups" --backup=before-2-19990101T000000Z >"$work/said" 2>&1; then
    fail "a backup that is not there was restored"
fi
grep -q 'nothing was touched' "$work/said" || fail "it does not say that nothing was touched"
begin_load "$BIND_READS"
scripts/rollback.sh --nodes="$work/nodes" --backups="$work/backups" --backup="$label" --timeout=60 \
    --balancer="balancer:$ADMIN_SOCKET" >"$work/said" 2>&1 || fail "the rollback failed"
end_load reads
[ "$(versions)" = "1 1 1 1 " ] || fail "versions are $(versions)"
for n in 1 2 3 4; do console "$n" "s\" $tip\" get-header type" | grep -q '"confirmations":[1-9]' || fail "node $n lacks blocks"; done
[ "$(find "$work" -maxdepth 2 -name 'regtest.rolled-back-*' | wc -l)" = 4 ] || fail "today's folders were not kept"
echo "  four nodes run version 1 on that day's backup and have caught up with today's tip"
