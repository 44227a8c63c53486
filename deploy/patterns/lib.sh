# shellcheck shell=bash disable=SC2034
# What the patterns share: nodes of one machine in one folder, on regtest so that blocks come when
# they are asked for. Source it, then `pattern_options "$@"`.
#
#   --program=FILE   the node's program (target/release/forthcoin)
#   --folder=FOLDER  where everything is kept (a new one in /tmp, deleted at the end)
#   --base=PORT      the first of the ports that are used (21000)
#   --check          show that it works, and end; else it runs until Ctrl-C

set -euo pipefail
pattern_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
program=${CARGO_TARGET_DIR:-$pattern_root/target}/release/forthcoin
folder="" base=21000 check=no kept=no
declare -A pattern_pid=()
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080

pattern_options() {
    local argument
    for argument in "$@"; do
        case "$argument" in
            --program=*) program=${argument#*=} ;;
            --folder=*) folder=${argument#*=} kept=yes ;;
            --base=*) base=${argument#*=} ;;
            --check) check=yes ;;
            *) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
        esac
    done
    [ -x "$program" ] || { echo "$program is not there: run scripts/build" >&2; exit 2; }
    program=$(realpath "$program")
    [ -n "$folder" ] || folder=$(mktemp -d)
    mkdir -p "$folder"
    trap pattern_end EXIT
    trap 'exit 0' INT TERM
}

pattern_end() {
    local pid
    for pid in "${pattern_pid[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pattern_pid[@]}"; do wait "$pid" 2>/dev/null || true; done
    [ "$kept" = yes ] || rm -rf "$folder"
}

pattern_fail() {
    echo "$(basename "$(dirname "$0")"): $*" >&2
    tail -n 4 "$folder"/*.log >&2
    exit 1
}

# Starts a program of the pattern beside the nodes: its name, its words.
pattern_run() {
    local name=$1
    shift
    "$@" </dev/null >>"$folder/$name.log" 2>&1 &
    pattern_pid[$name]=$!
}

# Starts a node: its name, its options.
node() {
    local name=$1
    shift
    pattern_run "$name" "$program" regtest --datadir "$folder/$name" "$@"
    pattern_wait 30 "$name" test -S "$folder/$name/regtest/control.sock"
}

stop() {
    kill "$2" "${pattern_pid[$1]}"
    wait "${pattern_pid[$1]}" || true
    unset "pattern_pid[$1]"
}

# Evaluates Forth on a node: its name, the code, more options before it.
console() { "$program" regtest --datadir "$folder/$1" --json "${@:3}" -e "init-storage $2 bye"; }
height() { console "$1" "get-height ." | tr -dc 0-9; }
tip() { console "$1" "get-best-hash type"; }
same_tip() {
    local name first=""
    for name in "$@"; do
        [ -n "$first" ] || first=$(tip "$name")
        [ "$(tip "$name")" = "$first" ] || return 1
    done
}

# Waits for a command to succeed: seconds, what for, the command.
pattern_wait() {
    local until=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || pattern_fail "$what did not come in time"
        sleep 0.2
    done
}

# Ends a --check; otherwise says that it runs and waits.
pattern_stay() {
    [ "$check" = no ] || { echo "checked"; exit 0; }
    echo "runs in $folder until Ctrl-C"
    wait
}
