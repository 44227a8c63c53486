# shellcheck shell=bash
# What the load tests share: options, local nodes, progress, a table of results with thresholds,
# `--json`, and the exit code. Tests against other programs take the nodes alone: they set
# `opt_program` in place of the options. Source it, then:
#
#   lib_options "what the test does" txs=1000 duration=60 min-accepted=0 -- "$@"
#   lib_node one --websocket=127.0.0.1:0 ; lib_console one -e 'init-storage status bye'
#   lib_result accepted "$rate" tx/s min "$opt_min_accepted"
#   lib_finish
#
# Every test also takes --json (one JSON object on standard output), --program=FILE and --help.
# Exit code: 0 when all thresholds hold, 1 when one does not, 2 for wrong usage, 3 when a node fails.

set -euo pipefail
lib_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
lib_work=$(mktemp -d "${TMPDIR:-/tmp}/forthcoin-load.XXXXXX")
declare -A lib_pid=() lib_folder=() lib_default=()
lib_rows=() lib_missed=0 lib_order=()
opt_json=no opt_program=""

lib_cleanup() {
    local name
    for name in "${!lib_pid[@]}"; do kill "${lib_pid[$name]}" 2>/dev/null || true; done
    for name in "${!lib_pid[@]}"; do wait "${lib_pid[$name]}" 2>/dev/null || true; done
    rm -rf "$lib_work"
}
trap lib_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A line on standard error; at a terminal each takes the place of the one before.
lib_progress() {
    if [ -t 2 ]; then printf '\r\033[K%s' "$*" >&2; else printf '%s\n' "$*" >&2; fi
}

lib_fail() {
    [ ! -t 2 ] || printf '\n' >&2
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 3
}

lib_usage() {
    local name
    printf 'usage: %s' "$(basename "$0")"
    for name in "${lib_order[@]}"; do printf ' [--%s=%s]' "$name" "${lib_default[$name]}"; done
    printf ' [--json] [--program=FILE]\n%s\n' "$lib_about"
}

# Sets opt_NAME for each NAME=DEFAULT before `--` from the arguments after it; `-` becomes `_`.
# A default that is a whole number takes whole numbers alone.
lib_options() {
    lib_about=$1
    shift
    local word name value
    while [ "$1" != -- ]; do
        name=${1%%=*} value=${1#*=}
        lib_order+=("$name") lib_default[$name]=$value
        printf -v "opt_${name//-/_}" '%s' "$value"
        shift
    done
    shift
    for word in "$@"; do
        name=${word#--} value=${word#*=}
        name=${name%%=*}
        case "$word" in
            --json) opt_json=yes; continue ;;
            --help) lib_usage; exit 0 ;;
            --program=*) opt_program=$value; continue ;;
            --*=*) ;;
            *) lib_usage >&2; exit 2 ;;
        esac
        if [ -z "${lib_default[$name]+there}" ]; then lib_usage >&2; exit 2; fi
        if [[ ${lib_default[$name]} =~ ^[0-9]+$ && ! $value =~ ^[0-9]{1,9}$ ]]; then
            printf -- '--%s wants a whole number, not %q\n' "$name" "$value" >&2
            exit 2
        fi
        printf -v "opt_${name//-/_}" '%s' "$value"
    done
    if [ -z "$opt_program" ]; then
        local target=${CARGO_TARGET_DIR:-$lib_root/target}
        opt_program=$target/release/forthcoin
        [ -x "$opt_program" ] || "$lib_root/scripts/build"
    fi
    opt_program=$(realpath "$opt_program")
    [ -x "$opt_program" ] || lib_fail "$opt_program is not a program"
}

# The monotonic clock in milliseconds.
lib_now_ms() {
    local up
    read -r up _ </proc/uptime 2>/dev/null || up=$(date +%s.00)
    printf '%s\n' "$((10#${up/./} * 10))"
}

# Starts a regtest node: its name, then more options. It has its own folder and listens nowhere
# unless told.
lib_node() {
    local name=$1
    shift
    lib_folder[$name]=${lib_folder[$name]:-$lib_work/$name}
    mkdir -p "${lib_folder[$name]}"
    FORTHCOIN_LISTEN=none "$opt_program" regtest --datadir "${lib_folder[$name]}" "$@" \
        </dev/null >>"$lib_work/$name.log" 2>&1 &
    lib_pid[$name]=$!
    local try
    for try in $(seq 300); do
        [ ! -S "${lib_folder[$name]}/regtest/control.sock" ] || return 0
        kill -0 "${lib_pid[$name]}" 2>/dev/null || break
        sleep 0.05
    done
    tail -n 5 "$lib_work/$name.log" >&2
    lib_fail "node $name did not start (tried $try times)"
}

lib_stop() {
    kill "${lib_pid[$1]}" 2>/dev/null || true
    wait "${lib_pid[$1]}" || lib_fail "node $1 did not stop in order"
    unset "lib_pid[$1]"
}

# A console on the folder of a node, whether it runs or not: its name, then arguments.
lib_console() {
    local folder=${lib_folder[$1]:-$lib_work/$1}
    lib_folder[$1]=$folder
    shift
    "$opt_program" regtest --datadir "$folder" "$@"
}

# What a call of a node says under a name of its JSON, once it says something: node, word, name.
lib_ask() {
    local said="" until=$((SECONDS + 20))
    while [ -z "$said" ] || [ "$said" = null ]; do
        [ "$SECONDS" -lt "$until" ] || lib_fail "node $1 does not tell its $3"
        said=$(lib_console "$1" --json -e "init-storage $2 type bye" |
            sed -n "s/.*\"$3\": *\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1)
    done
    printf '%s\n' "$said"
}

# The address of a node's port for WebSocket and HTTP, and the one on which it lets peers connect.
lib_port() { lib_ask "$1" get-ws-status address; }
lib_listens() { lib_ask "$1" get-network-info listening; }

# Builds the load generator, which is `lib_load` then.
lib_build_load() {
    local target=${CARGO_TARGET_DIR:-$lib_root/target}/load
    CARGO_TARGET_DIR=$target cargo build --quiet --release --locked \
        --manifest-path "$lib_root/benches/load/Cargo.toml"
    # shellcheck disable=SC2034  # for who sources this
    lib_load=$target/release/load
}
# A number of its report: the report's file in the folder for work, name.
lib_load_said() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$lib_work/$1"; }

# Waits for a command to succeed: seconds, what it waits for, the command.
lib_wait() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || lib_fail "$what did not come in time"
        sleep 0.1
    done
}

# Arithmetic with fractions, three places.
lib_math() { awk "BEGIN { printf \"%.3f\", ($1) }"; }

# The value below which PERCENT of the numbers on standard input lie.
lib_percentile() {
    sort -n | awk -v p="$1" '{ v[NR] = $1 } END {
        if (!NR) { print 0; exit }
        i = int((NR * p + 99) / 100); print v[i < 1 ? 1 : i] }'
}

# A row of the table: name, value, unit, and perhaps `min` or `max` with the threshold; a
# threshold of 0 is none.
lib_result() {
    local name=$1 value=$2 unit=$3 kind=${4:-} limit=${5:-0} verdict=-
    if [ -n "$kind" ] && [ "$limit" != 0 ]; then
        case "$kind" in
            min) verdict=$(awk "BEGIN { print ($value >= $limit) ? \"ok\" : \"missed\" }") ;;
            max) verdict=$(awk "BEGIN { print ($value <= $limit) ? \"ok\" : \"missed\" }") ;;
            *) lib_fail "a threshold is min or max, not $kind" ;;
        esac
        [ "$verdict" = ok ] || lib_missed=1
    else
        kind="" limit=""
    fi
    lib_rows+=("$name|$value|$unit|$kind|$limit|$verdict")
}

# Shows the results and ends the test.
lib_finish() {
    [ ! -t 2 ] || printf '\r\033[K' >&2
    local row name value unit kind limit verdict comma=""
    if [ "$opt_json" = yes ]; then
        printf '{"test":"%s","ok":%s,"results":[' "$(basename "$0")" \
            "$([ "$lib_missed" = 0 ] && echo true || echo false)"
    else
        printf '%-38s %14s %-10s %-16s %s\n' result value unit threshold verdict
    fi
    for row in "${lib_rows[@]}"; do
        IFS='|' read -r name value unit kind limit verdict <<<"$row"
        if [ "$opt_json" = yes ]; then
            printf '%s{"name":"%s","value":%s,"unit":"%s"' "$comma" "$name" "$value" "$unit"
            [ -z "$kind" ] || printf ',"%s":%s,"ok":%s' "$kind" "$limit" \
                "$([ "$verdict" = ok ] && echo true || echo false)"
            printf '}'
            comma=,
        else
            printf '%-38s %14s %-10s %-16s %s\n' "$name" "$value" "$unit" "$kind $limit" "$verdict"
        fi
    done
    [ "$opt_json" = no ] || printf ']}\n'
    exit "$lib_missed"
}
