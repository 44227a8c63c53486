#!/usr/bin/env bash
# Takes an update back, that day or later: every node gets the program it had before and the named
# backup, one after the other.
#
#   rollback.sh --nodes=FILE --backup=NAME [--only=node1,node2] [--backups=FOLDER]
#       [--balancer=HOST:SOCKET] [--timeout=SECONDS] [--program-only]
#   rollback.sh --nodes=FILE --list [--backups=FOLDER]
#
# NAME is what rolling_update.sh printed (before-VERSION-TIME); --list shows those that each node
# has. Blocks since then come back from the other nodes. The folder of today is kept beside as
# NETWORK.rolled-back-TIME until somebody deletes it. --program-only keeps today's data, for when
# the old program can read it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ops.sh
. "$here/ops.sh"

label="" data=yes list=no
for argument in "$@"; do
    if fleet_option "$argument"; then continue; fi
    case "$argument" in
        --backup=*) label=${argument#*=} ;;
        --program-only) data=no ;;
        --list) list=yes ;;
        *) usage ;;
    esac
done
choose_nodes
if [ "$list" = yes ]; then
    for name in "${chosen[@]}"; do
        as_node "$name" find "$backups" -maxdepth 1 -name "before-*-$name.backup" -printf '%f\n' 2>/dev/null |
            sort | sed "s/-$name\.backup$//; s/^/$name  /"
    done
    exit 0
fi
[[ $label =~ ^[A-Za-z0-9._+-]+$ ]] || usage
mark="rolled-back-$(date -u +%Y%m%dT%H%M%SZ)"

# All that is needed must be there on every node before the first is touched.
for name in "${chosen[@]}"; do
    backup=$backups/$label-$name.backup
    as_node "$name" test -f "$backup" || die "$name has no $backup: nothing was touched (--list shows what there is)"
    console "$name" "verify-backup $backup" >/dev/null || die "$backup on $name is not sound: nothing was touched"
    target=$(at_node "$name" cat "$backup.program") || die "$backup.program on $name is missing: nothing was touched"
    at_node "$name" test -x "$target" || at_node "$name" test -x "$(dirname "${node_program[$name]}")/$target" ||
        die "$target is gone from $name: nothing was touched"
done

for name in "${chosen[@]}"; do
    backup=$backups/$label-$name.backup
    target=$(at_node "$name" cat "$backup.program")
    say "$name" "back to $target"
    balance "$name" drain || die "$name can't be taken out of the balancer"
    service "$name" stop || die "$name does not stop"
    set_program "$name" "$target" || die "$name: its program can't be put back"
    if [ "$data" = yes ]; then
        say "$name" "restoring $label"
        put_back "$name" "$backup" "$mark" || die "$name is stopped, its folder is as it was"
    fi
    service "$name" start || die "$name does not start: see its log"
    wait_until "$limit" in_step "$name" || { agrees "$name" || true; die "$name runs, and is not well: the others were not touched"; }
    balance "$name" ready || die "$name is well, and not back in the balancer"
    say "$name" "is back at height $(height_of "$name")"
done
say all "run as before $label"
