#!/usr/bin/env bash
# How nodes are, one line each; exit code 6 when one is not well.
#
#   health_check.sh --nodes=FILE            all of the list (described in ops.sh)
#   health_check.sh [--network=main] [--datadir=FOLDER] [--program=FILE]     the one on this machine
#
# A node is well when it runs, is synced, its own `health` finds nothing, and its chain is that of
# the others.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ops.sh
. "$here/ops.sh"

for argument in "$@"; do
    if local_option "$argument"; then continue; fi
    case "$argument" in
        --nodes=*) file=${argument#*=} ;;
        *) usage ;;
    esac
done
if [ -n "$file" ]; then
    read_nodes "$file"
else
    # shellcheck disable=SC2317  # asked by the library
    on_host() { bash -c "$2"; }
    nodes=(here)
    node_host[here]=localhost node_network[here]=$network node_datadir[here]=$datadir
    node_user[here]="" node_program[here]=$program
fi

ill=0
for name in "${nodes[@]}"; do
    why=""
    if ! runs "$name"; then
        why="does not answer"
    else
        synced "$name" || why="not synced"
        if ! said=$(console "$name" health 2>&1); then
            why="${why:+$why; }health: $(tr -s ' \n' ' ' <<<"$said")"
        fi
        differs=$(agrees "$name") || why="${why:+$why; }$differs"
    fi
    if [ -z "$why" ]; then
        say "$name" "well, height $(height_of "$name"), $(console "$name" "peer-count ." | tr -dc 0-9) peers"
    else
        say "$name" "NOT WELL: $why"
        ill=6
    fi
done
exit "$ill"
