#!/usr/bin/env bash
# Mines blocks of the main network's first difficulty in a folder of its own, without any peer, and
# says what it took.
#
#   tests/mine_benchmark.sh [--blocks=100] [--threads=N] [--json] [--min-mhs=X] [--max-seconds=X] [BINARY]
#
# Exit code 0: done; 1: it failed; 2: usage; 6: slower than --min-mhs, or longer than --max-seconds.
set -euo pipefail
blocks=100 threads=0 json=no min_mhs=0 max_seconds=0
binary="${CARGO_TARGET_DIR:-$(dirname "${BASH_SOURCE[0]}")/../target}/release/forthcoin"
for argument in "$@"; do
    value="${argument#*=}"
    case "$argument" in
    --blocks=*) blocks=$value ;;
    --threads=*) threads=$value ;;
    --min-mhs=*) min_mhs=$value ;;
    --max-seconds=*) max_seconds=$value ;;
    --json) json=yes ;;
    -h | --help)
        sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    -*)
        echo "mine_benchmark.sh: unknown option $argument; see --help" >&2
        exit 2
        ;;
    *) binary=$argument ;;
    esac
done
for number in "$blocks" "$threads" "$min_mhs" "$max_seconds"; do
    if ! [[ "$number" =~ ^[0-9]+(\.[0-9]+)?$ ]]; then
        echo "mine_benchmark.sh: $number is no number" >&2
        exit 2
    fi
done
if ! [ -x "$binary" ]; then
    echo "mine_benchmark.sh: there is no program $binary: build it with scripts/build, or name one" >&2
    exit 2
fi
[ "$threads" != 0 ] || threads=$(nproc)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Coins of the benchmark go to the key of BIP173's example; the chain is thrown away.
script=0014751e76e8199196d454941c45d1b3a323f1433bd6
address=$("$binary" main --datadir "$work" -e "init-storage s\" $script\" decode-script type bye" |
    grep -o '"address": *"[^"]*"' | head -n 1 | cut -d '"' -f 4)

# Energy of the processor packages, in microjoules, where the system lets us read it.
energy() {
    { cat /sys/class/powercap/intel-rapl:*/energy_uj 2>/dev/null || true; } | awk '{ sum += $1 } END { if (NR) print sum }'
}

[ "$json" = yes ] || echo "mining $blocks blocks of difficulty 1/256 on $threads threads" >&2
before=$(energy)
start=$(date +%s.%N)
# All blocks are of the first interval, so that difficulty stays what it is.
"$binary" main --datadir "$work" --mine-threads "$threads" -e \
    "init-storage set-mining-address $address $blocks mine-n 2drop get-mining-status type bye" >"$work/told" &
miner=$!
if [ -t 2 ] && [ "$json" = no ]; then
    while sleep 1 && kill -0 "$miner" 2>/dev/null; do
        left=$("$binary" main --datadir "$work" -e "init-storage get-mining-status type bye" 2>/dev/null |
            grep -o '"blocks_left": *[0-9]*' | grep -o '[0-9]*$') || continue
        printf '\r%d of %d blocks ' $((blocks - left)) "$blocks" >&2
    done
    printf '\r\033[K' >&2
fi
wait "$miner"
end=$(date +%s.%N)
after=$(energy)

member() {
    grep -o "\"$1\": *[0-9.]*" "$work/told" | head -n 1 | grep -o '[0-9.]*$'
}
hashes=$(member hashes) found=$(member blocks_found)
lanes=$(grep -o '"lanes": *"[^"]*"' "$work/told" | cut -d '"' -f 4)
[ "$found" = "$blocks" ] || { echo "mine_benchmark.sh: $found of $blocks blocks were found" >&2; exit 1; }

awk -v blocks="$blocks" -v hashes="$hashes" -v start="$start" -v end="$end" -v threads="$threads" \
    -v lanes="$lanes" -v before="$before" -v after="$after" -v json="$json" \
    -v min_mhs="$min_mhs" -v max_seconds="$max_seconds" 'BEGIN {
    seconds = end - start; mhs = hashes / seconds / 1e6
    joules = (before != "" && after != "" && after > before) ? (after - before) / 1e6 : ""
    # Difficulty 1000 in 10 seconds, which is what the project once asked for.
    needed = 1000 * 4295032833; alone = needed / (mhs * 1e6); machines = alone / 10
    machines = machines > int(machines) ? int(machines) + 1 : machines
    if (json == "yes") {
        printf "{\"blocks\":%d,\"hashes\":%d,\"seconds\":%.3f,\"mhs\":%.3f,\"threads\":%d,\"lanes\":\"%s\",\"joules\":%s,", \
            blocks, hashes, seconds, mhs, threads, lanes, joules == "" ? "null" : joules
        printf "\"difficulty_1000\":{\"hashes\":%.0f,\"seconds\":%.0f,\"machines_for_10_s\":%d}}\n", needed, alone, machines
    } else {
        printf "%-28s %d\n", "blocks", blocks
        printf "%-28s %d (%.0f expected)\n", "hashes", hashes, blocks * 16777472
        printf "%-28s %.2f\n", "seconds", seconds
        printf "%-28s %.2f on %d threads, %s\n", "MH/s", mhs, threads, lanes
        printf "%-28s %s\n", "joules", joules == "" ? "not readable here" : sprintf("%.1f, %.2f MH/J", joules, hashes / joules / 1e6)
        printf "difficulty 1000 takes %.3g hashes: %.0f s at this rate, %d such machines for 10 s\n", needed, alone, machines
    }
    slow = (min_mhs > 0 && mhs < min_mhs) || (max_seconds > 0 && seconds > max_seconds)
    if (slow) print "mine_benchmark.sh: slower than what was asked for" > "/dev/stderr"
    exit slow ? 6 : 0
}'
