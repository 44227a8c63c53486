#!/usr/bin/env bash
# The operations kit's figures: transactions a second on one node and on five, a backup beside `cp`
# of the same file, and the time of a scrape of /metrics. $1 is a release program; the machine should
# be idle.
#
#   benches/ops.sh target/release/forthcoin [--blocks=20000] [--rounds=5] [--scrapes=300]
#       [--txs=1000] [--duration=20] [--max-scrape-ms=5] [--json]
#
# shellcheck source=/dev/null disable=SC2034,SC2154  # the library's names
if [ ! -x "${1:-}" ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
program=$(realpath "$1")
shift
. "$(dirname "${BASH_SOURCE[0]}")/../tests/lib.sh"
lib_options "Backup beside cp, scrapes of /metrics, and the load test on one node and on five." \
    blocks=20000 rounds=5 scrapes=300 txs=1000 duration=20 max-scrape-ms=5 -- --program="$program" "$@"

lib_progress "mining $opt_blocks blocks"
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
lib_node one --websocket=127.0.0.1:0
for ((mined = 0; mined < opt_blocks; mined += 10000)); do
    left=$((opt_blocks - mined))
    lib_console one -e "init-storage mine-blocks $((left < 10000 ? left : 10000)) $payee bye" >/dev/null
done
chain=${lib_folder[one]}/regtest/chain.redb
bytes=$(stat -c %s "$chain")

# Microseconds of a command.
timed() {
    local begun
    begun=$(date +%s%N)
    "$@" >/dev/null || lib_fail "failed: $*"
    echo $((($(date +%s%N) - begun) / 1000 + 1))
}
back_up() { lib_console one -e "init-storage backup $1 bye" && sync -f "$1"; }
copy() { cp "$chain" "$1" && sync -f "$1"; }
for round in $(seq "$opt_rounds"); do
    # In turn, so that both meet the same neighbours; the node runs.
    lib_progress "backup and copy $round of $opt_rounds"
    timed back_up "$lib_work/a.backup" >>"$lib_work/backups"
    timed copy "$lib_work/a.copy" >>"$lib_work/copies"
    backup_bytes=$(stat -c %s "$lib_work/a.backup")
    rm "$lib_work/a.backup" "$lib_work/a.copy"
done
rate() { lib_math "$bytes / $(lib_percentile 50 <"$lib_work/$1")"; }
lib_result "chain.redb" "$(lib_math "$bytes / 1e6")" MB
lib_result "its backup, written and read again" "$(lib_math "$backup_bytes / 1e6")" MB
lib_result "backup of it, median" "$(rate backups)" MB/s
lib_result "cp of it, median" "$(rate copies)" MB/s
lib_result "backup beside cp" "$(lib_math "$(rate backups) / $(rate copies)")" times

lib_progress "$opt_scrapes scrapes"
address=$(lib_port one)
curl -fs -o /dev/null "http://$address/metrics" || lib_fail "/metrics does not answer"
# One connection, as Prometheus keeps it; seconds with a point to microseconds.
curl -fs -o /dev/null -w '%{time_total}\n' "http://$address/metrics?[1-$opt_scrapes]" |
    awk '{ printf "%d\n", $1 * 1e6 }' >"$lib_work/scrapes"
lib_result "scrape of /metrics, median" "$(lib_math "$(lib_percentile 50 <"$lib_work/scrapes") / 1000")" ms \
    max "$opt_max_scrape_ms"
lib_result "scrape of /metrics, 99 %" "$(lib_math "$(lib_percentile 99 <"$lib_work/scrapes") / 1000")" ms \
    max "$opt_max_scrape_ms"
lib_stop one

for nodes in 1 5; do
    lib_progress "the load test on $nodes"
    "$lib_root/tests/load_test.sh" --program="$program" --txs="$opt_txs" --duration="$opt_duration" \
        --nodes="$nodes" --json >"$lib_work/load" || lib_missed=1
    for name in "burst: accepted" "burst: accepted to confirmed" "steady: accepted" "steady: latency, median"; do
        row=$(tr '{' '\n' <"$lib_work/load" | grep -F "\"name\":\"$name\"" |
            sed 's/.*"value":\([0-9.]*\),"unit":"\([^"]*\)".*/\1 \2/') || lib_fail "no $name"
        lib_result "$nodes node(s), $name" "${row% *}" "${row#* }"
    done
done
lib_finish
