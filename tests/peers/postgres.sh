#!/usr/bin/env bash
# Rows of metrics in Debian's PostgreSQL, from a mining regtest node: the dashboard's SQL panels
# return rows, a database that is away for FORTHCOIN_DATABASE_AWAY seconds (10) stops nothing and
# loses nothing, and the password is nowhere to be seen. $1 is a program that was built with
# --features postgres.
# shellcheck source=/dev/null disable=SC2034,SC2154  # the library's names
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
away=${FORTHCOIN_DATABASE_AWAY:-10}
. tests/lib.sh
opt_program=$program

# A cluster of its own, which PostgreSQL runs as root for nobody.
tools=$(dirname "$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)")
[ -x "$tools/initdb" ] || { echo "there is no PostgreSQL: run scripts/install-peers" >&2; exit 2; }
export PGHOST=$lib_work/pg PGUSER=keeper PGDATABASE=metrics PGPORT=5432
port=$((20000 + RANDOM % 20000))
chmod 0711 "$lib_work"
mkdir -p "$PGHOST"
as_keeper=()
if [ "$(id -u)" = 0 ]; then
    chown nobody "$PGHOST"
    as_keeper=(setpriv "--reuid=nobody" "--regid=nogroup" --clear-groups env "HOME=$PGHOST")
fi
cluster() {
    (cd / && "${as_keeper[@]}" "$tools/pg_ctl" -D "$PGHOST/data" -s -w "$@") >>"$lib_work/pg.out" 2>&1
}
start_database() { cluster -l "$PGHOST/log" -o "-k $PGHOST -p $PGPORT" start; }
trap 'cluster -m immediate stop || true; lib_cleanup' EXIT
(cd / && "${as_keeper[@]}" "$tools/initdb" -D "$PGHOST/data" -U keeper -A trust --no-sync) >>"$lib_work/pg.out" 2>&1 ||
    { cat "$lib_work/pg.out"; exit 1; }
# The node comes over the network and with a password, we over the socket.
password=Qu4rrel-anchor
PGPORT=$port
"${as_keeper[@]}" tee "$PGHOST/data/pg_hba.conf" >/dev/null <<<"local all keeper trust
host metrics node 127.0.0.1/32 scram-sha-256"
start_database || { cat "$lib_work/pg.out" "$PGHOST/log"; exit 1; }
PGDATABASE=postgres psql -X -q -v ON_ERROR_STOP=1 <<<"CREATE ROLE node LOGIN PASSWORD '$password';
CREATE DATABASE metrics OWNER node;"
ask() { python3 tests/peers/postgres.py "$@"; }
samples() { [ "$(ask rows | cut -d' ' -f1)" -ge "$1" ]; }
height() { lib_console one -e 'init-storage get-height . bye'; }

umask 077
printf 'postgresql://node:%s@127.0.0.1:%s/metrics?application_name=one\n' "$password" "$port" >"$lib_work/url"
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
lib_node one --metrics-postgres-file "$lib_work/url" --metrics-interval 1 --mine="$payee" --mine-threads 1 \
    --websocket=127.0.0.1:0
lib_wait 30 "the first rows" samples 3
echo "-- the panels, as the dashboard asks"
ask panels deploy/monitoring/grafana/forthcoin.json
ask bucket

echo "-- the password"
ps -ww -e -o args >"$lib_work/processes"
# The names of threads and the environment are the node's own affair; arguments are everybody's.
if grep -F "$password" "$lib_work/processes" "$lib_work/one.log"; then
    echo "the password is there to be read" >&2
    exit 1
fi
echo "neither in ps nor in the log"

echo "-- the database is away for $away s"
before=$(ask rows)
cluster -m fast stop
begun=$(height)
sleep "$away"
now=$(height)
[ "$now" -gt "$begun" ] || { echo "the node stood still at height $now" >&2; exit 1; }
curl -fs "http://$(lib_port one)/metrics" >"$lib_work/metrics"
grep -E '^forthcoin_postgres_rows_(waiting|dropped_total) ' "$lib_work/metrics"
start_database
lib_wait 60 "rows after the database's return" samples $((${before% *} + away))
# All that was sampled meanwhile is there, and each only once.
ask gap 4
[ "$(ask rows | cut -d' ' -f2)" -ge "$now" ] || { echo "the newest rows are old" >&2; exit 1; }
echo "heights $begun to $now meanwhile; samples and height before: $before, now: $(ask rows)"
[ "$(grep -c 'PostgreSQL takes no rows' "$lib_work/one.log")" -le 3 ]
grep -q 'PostgreSQL takes rows again' "$lib_work/one.log"

echo "-- a user that may only insert, a second node, a node that stops"
psql -X -q -v ON_ERROR_STOP=1 <<<"CREATE ROLE writer LOGIN PASSWORD '$password'; REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT INSERT ON blockchain_metrics, peer_metrics, mining_metrics TO writer;"
"${as_keeper[@]}" tee -a "$PGHOST/data/pg_hba.conf" >/dev/null <<<"host metrics writer 127.0.0.1/32 scram-sha-256"
cluster reload
FORTHCOIN_METRICS_POSTGRES="postgresql://writer:$password@127.0.0.1:$port/metrics?application_name=two" \
    lib_node two --metrics-interval 3600
two() { [ "$(psql -X -A -t <<<"SELECT count(*) FROM peer_metrics WHERE node = 'two' AND network = 'regtest';")" -ge 1 ]; }
lib_wait 30 "a row of the second node" two
lib_stop two
lib_stop one
echo "the second node's rows are there"

echo "-- what is refused"
refused() {
    local said code=0
    said=$("$program" regtest --datadir "$lib_work/three" --listen=none "$@" </dev/null 2>&1) || code=$?
    if [ "$code" != 5 ] || [[ $said == *"$password"* ]]; then
        echo "exit code $code: $said" >&2
        exit 1
    fi
    printf '%s\n' "${said##*forthcoin: }"
}
refused --metrics-postgres "postgresql://node:$password@127.0.0.1/metrics?sslmode=require"
refused --metrics-postgres "mysql://node:$password@127.0.0.1/metrics"
