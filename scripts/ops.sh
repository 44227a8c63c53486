# shellcheck shell=bash disable=SC2034
# What the operators' scripts share: their options, the list of nodes, how a machine is reached, and
# what is asked of a node. Source it.
#
# The list is a file with one node a line, `#` for remarks:
#
#   node1 host=10.77.0.11 network=main datadir=/var/lib/forthcoin unit=forthcoin user=forthcoin \
#         program=/usr/local/bin/forthcoin library=/usr/local/lib/forthcoin server=reads/node1
#
# (on one line). What is left out is as shown; `host` is the name itself, `server` is what HAProxy
# calls the node. `program` is a link to library/VERSION/forthcoin.
#
# How a machine is reached is the one function `on_host`. A file named by FORTHCOIN_HOOKS may put
# another in its place, and another `service`.

set -euo pipefail
declare -A node_host=() node_network=() node_datadir=() node_unit=() node_user=() node_program=()
declare -A node_library=() node_server=()
nodes=()

# Runs a command line on a machine; standard input goes with it.
on_host() { ssh -o BatchMode=yes -o ConnectTimeout=10 -- "$1" "$2"; }

# Starts or stops a node's unit on its machine: name, start or stop.
service() { on_host "${node_host[$1]}" "$(printf '%q ' systemctl "$2" "${node_unit[$1]}")"; }

# shellcheck source=/dev/null
if [ -n "${FORTHCOIN_HOOKS:-}" ]; then . "$FORTHCOIN_HOOKS"; fi

say() { printf '%s %-8s %s\n' "$(date -u +%H:%M:%S)" "$1" "$2"; }
die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}
# Prints the head of the script that asks, without its marks, and ends with exit code 2.
usage() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0" >&2
    exit 2
}

# Where a network's data is: main's in the data folder itself, the others' in folders of their names.
folder_in() { if [ "$2" = main ]; then printf '%s' "$1"; else printf '%s/%s' "$1" "$2"; fi; }

# Options of scripts that work on this machine's node: true if it was one.
network=${FORTHCOIN_NETWORK:-main} datadir=${FORTHCOIN_DATADIR:-/var/lib/forthcoin}
program=$(command -v forthcoin || echo /usr/local/bin/forthcoin)
local_option() {
    case "$1" in
        --network=*) network=${1#*=} ;;
        --datadir=*) datadir=${1#*=} ;;
        --program=*) program=${1#*=} ;;
        *) return 1 ;;
    esac
}
# Evaluates Forth on this machine's node; standard input goes with it.
local_console() { "$program" "$network" --datadir "$datadir" -e "$1 bye"; }
# The same on its chain, without input.
local_chain() { local_console "init-storage $1" </dev/null; }

# Options of scripts that go from node to node: true if it was one. Then `choose_nodes`.
file="" only="" backups=/var/backups/forthcoin limit=1800 balancer="" chosen=()
fleet_option() {
    case "$1" in
        --nodes=*) file=${1#*=} ;;
        --only=*) only=${1#*=} ;;
        --backups=*) backups=${1#*=} ;;
        --balancer=*) balancer=${1#*=} ;;
        --timeout=*) limit=${1#*=} ;;
        *) return 1 ;;
    esac
}
choose_nodes() {
    local name
    [[ -n $file && $limit =~ ^[0-9]+$ ]] || usage
    read_nodes "$file"
    chosen=("${nodes[@]}")
    [ -z "$only" ] || IFS=, read -ra chosen <<<"$only"
    for name in "${chosen[@]}"; do
        [ -n "${node_host[$name]+there}" ] || die "$file knows no node $name"
    done
}

read_nodes() {
    local line words word name key value
    [ -r "$1" ] || die "the list of nodes $1 can't be read"
    while IFS= read -r line || [ -n "$line" ]; do
        line=${line%%#*}
        read -ra words <<<"$line"
        [ "${#words[@]}" -gt 0 ] || continue
        name=${words[0]}
        [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || die "$1: $name is no name of a node"
        [ -z "${node_host[$name]+there}" ] || die "$1: $name is there twice"
        nodes+=("$name")
        node_host[$name]=$name node_network[$name]=main node_datadir[$name]=/var/lib/forthcoin
        node_unit[$name]=forthcoin node_user[$name]=forthcoin
        node_program[$name]=/usr/local/bin/forthcoin node_library[$name]=/usr/local/lib/forthcoin
        node_server[$name]=""
        for word in "${words[@]:1}"; do
            key=${word%%=*} value=${word#*=}
            case "$key" in
                host) node_host[$name]=$value ;;
                network) node_network[$name]=$value ;;
                datadir) node_datadir[$name]=$value ;;
                unit) node_unit[$name]=$value ;;
                user) node_user[$name]=$value ;;
                program) node_program[$name]=$value ;;
                library) node_library[$name]=$value ;;
                server) node_server[$name]=$value ;;
                *) die "$1: $name: there is no $key" ;;
            esac
        done
    done <"$1"
    [ "${#nodes[@]}" -gt 0 ] || die "$1 names no node"
}

# Runs words on a node's machine as they are.
at_node() {
    local name=$1
    shift
    on_host "${node_host[$name]}" "$(printf '%q ' "$@")"
}

# The same as the node's user.
as_node() {
    local name=$1
    shift
    if [ -n "${node_user[$name]}" ]; then
        at_node "$name" runuser -u "${node_user[$name]}" -- "$@"
    else
        at_node "$name" "$@"
    fi
}

# Evaluates Forth on a node, running or not: the node, the code. Its exit code is the console's.
console() { evaluate "$1" "init-storage $2"; }
evaluate() {
    as_node "$1" "${node_program[$1]}" "${node_network[$1]}" --datadir "${node_datadir[$1]}" --json \
        -e "$2 bye" </dev/null
}

folder_of() { folder_in "${node_datadir[$1]}" "${node_network[$1]}"; }
height_of() { console "$1" "get-height ." 2>/dev/null | tr -dc 0-9; }
hash_at() { console "$1" "$2 get-block-hash type" 2>/dev/null | tr -dc 0-9a-f; }
synced() { [ "$(console "$1" "synced? ." 2>/dev/null | tr -dc -- '-0-9')" = -1 ]; }
# A node runs behind its socket; a folder whose node was killed has one too, and answers a console by
# itself, but says so.
runs() {
    local said
    as_node "$1" test -S "$(folder_of "$1")/control.sock" || return 1
    said=$(console "$1" "get-health type" 2>/dev/null) && [[ $said != *"no node runs here"* ]]
}

# Waits for a command to succeed: seconds, then the command.
wait_until() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep "${FORTHCOIN_LOOK_EVERY:-1}"
    done
}

# Runs, synced, and its own `health` finds nothing: the node.
healthy() { runs "$1" && synced "$1" && console "$1" health >/dev/null 2>&1; }

# The node's chain is that of the others: not more than three blocks behind the highest, and the
# same block at the lowest height of all. Says what differs. A node that does not answer is passed
# over, unless it is the one that is asked for.
agrees() {
    local name=$1 other common highest mine
    local -A height=()
    for other in "${nodes[@]}"; do height[$other]=$(height_of "$other"); done
    common=${height[$name]} highest=$common
    [ -n "$common" ] || { echo "$name does not tell its height"; return 1; }
    for other in "${nodes[@]}"; do
        [ -n "${height[$other]}" ] || continue
        common=$((height[$other] < common ? height[$other] : common))
        highest=$((height[$other] > highest ? height[$other] : highest))
    done
    if [ $((height[$name] + 3)) -lt "$highest" ]; then
        echo "$name is at height ${height[$name]}, others at $highest"
        return 1
    fi
    mine=$(hash_at "$name" "$common")
    for other in "${nodes[@]}"; do
        if [ "$other" = "$name" ] || [ -z "${height[$other]}" ]; then continue; fi
        [ "$(hash_at "$other" "$common")" = "$mine" ] ||
            { echo "$name and $other differ in the block at height $common"; return 1; }
    done
}
in_step() { healthy "$1" && agrees "$1" >/dev/null; }

# Takes a node out of the balancer (drain) or puts it back (ready). `balancer` is HOST:SOCKET of
# HAProxy's admin socket, or empty.
balance() {
    local name=$1 state=$2 servers said
    [ -n "$balancer" ] && [ -n "${node_server[$name]}" ] || return 0
    for servers in ${node_server[$name]//,/ }; do
        said=$(balancer_says "set server $servers state $state") ||
            { echo "HAProxy does not answer at $balancer"; return 1; }
        [ -z "${said//[[:space:]]/}" ] || { echo "HAProxy on $servers: $said"; return 1; }
    done
    if [ "$state" = ready ]; then
        for servers in ${node_server[$name]//,/ }; do
            wait_until 60 balancer_up "$servers" ||
                { echo "HAProxy does not find $servers ready"; return 1; }
        done
    fi
}
balancer_says() {
    on_host "${balancer%%:*}" "printf '%s\\n' $(printf '%q' "$1") | socat -t 5 - UNIX-CONNECT:${balancer#*:}"
}
balancer_up() {
    balancer_says "show servers state ${1%/*}" |
        awk -v name="${1#*/}" '$4 == name { up = ($6 == 2) } END { exit !up }'
}

# Which program a node's link names, and another put in its place in one step.
program_target() { at_node "$1" readlink -- "${node_program[$1]}"; }
set_program() {
    at_node "$1" ln -sfn "$2" "${node_program[$1]}.new" &&
        at_node "$1" mv -T "${node_program[$1]}.new" "${node_program[$1]}"
}

# Moves what belongs to a node's network into a new folder: node, from, to. Main's lies beside the
# other networks' folders, which stay.
move_folder() {
    local name=$1 from=$2 to=$3 network others=()
    if [ "$from" != "${node_datadir[$name]}" ] && [ "$to" != "${node_datadir[$name]}" ]; then
        as_node "$name" mv -T "$from" "$to"
        return
    fi
    for network in main testnet regtest bitcoin; do others+=(! -name "$network" ! -name "$network.*"); done
    as_node "$name" mkdir -p -m 0700 "$to" &&
        as_node "$name" find "$from" -mindepth 1 -maxdepth 1 "${others[@]}" -exec mv -t "$to" -- '{}' +
}

# Puts a backup in the place of a stopped node's chain; what was there is set aside under the given
# mark, and taken back when the backup does not restore.
put_back() {
    local name=$1 file=$2 mark=$3 folder aside beside
    folder=$(folder_of "$name") beside=${node_datadir[$name]}/${node_network[$name]} aside=$beside.$mark
    evaluate "$name" "verify-backup $file" >/dev/null || { echo "$file on $name is not sound"; return 1; }
    as_node "$name" test ! -e "$aside" || { echo "$aside is there already"; return 1; }
    move_folder "$name" "$folder" "$aside" || return 1
    if ! evaluate "$name" "restore $file" >/dev/null; then
        as_node "$name" rm -rf "$beside.failed"
        move_folder "$name" "$folder" "$beside.failed" 2>/dev/null || true
        move_folder "$name" "$aside" "$folder"
        as_node "$name" rmdir "$aside" 2>/dev/null || true
        echo "$file does not restore on $name: its folder is as it was"
        return 1
    fi
    # What else lay there (wallets, init.fs, the audit log) goes on as it was.
    as_node "$name" find "$aside" -mindepth 1 -maxdepth 1 ! -name 'chain.*' ! -type s ! -name holder \
        ! -name .cookie -exec cp -an -t "$folder" -- '{}' +
}
