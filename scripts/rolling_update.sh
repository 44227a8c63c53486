#!/usr/bin/env bash
# Updates nodes one after the other, and takes the update back by itself when a node does not come
# back well.
#
#   rolling_update.sh --nodes=FILE --program=FILE --version=NAME [--only=node1,node2]
#       [--backups=FOLDER] [--balancer=HOST:SOCKET] [--timeout=SECONDS] [--keep-updated]
#
# For each node: out of the balancer, stop, backup, put the program in place, migrate, start, wait
# until it is synced and healthy, hold its chain against the others', back into the balancer. When
# a step fails, that node gets its old program back, and its backup if the old program can't read
# the folder any more; then every node that this run had updated, one by one (--keep-updated leaves
# them). The list of nodes is described in ops.sh. Undo it any day by the name of the backup that
# is printed:  rollback.sh --nodes=FILE --backup=NAME
#
# Exit code: 0 updated, 1 taken back and all is as before, 3 taken back and a node needs a person.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ops.sh
. "$here/ops.sh"

program="" version="" keep=no
for argument in "$@"; do
    if fleet_option "$argument"; then continue; fi
    case "$argument" in
        --program=*) program=${argument#*=} ;;
        --version=*) version=${argument#*=} ;;
        --keep-updated) keep=yes ;;
        *) usage ;;
    esac
done
[[ -x $program && $version =~ ^[A-Za-z0-9._+-]+$ ]] || usage
choose_nodes

label="before-$version-$(date -u +%Y%m%dT%H%M%SZ)"
declare -A before=()
updated=()

backup_of() { printf '%s/%s-%s.backup' "$backups" "$label" "$1"; }

# Stop, backup, update, migrate, start, wait, verify. Says at which step it failed.
update() {
    local name=$1 target
    step="taking it out of the balancer" && balance "$name" drain || return 1
    step="stop" && say "$name" "$step" && service "$name" stop || return 1
    step="backup" && say "$name" "$step $label" || return 1
    as_node "$name" mkdir -p "$backups" || return 1
    console "$name" "backup $(backup_of "$name")" >/dev/null || return 1
    console "$name" "verify-backup $(backup_of "$name")" >/dev/null || return 1
    # What rollback.sh needs to know beside the data.
    on_host "${node_host[$name]}" "cat >$(printf '%q' "$(backup_of "$name").program")" \
        <<<"${before[$name]}" || return 1
    step="update" && say "$name" "$step to $version" || return 1
    target=${node_library[$name]}/$version
    at_node "$name" mkdir -p "$target" || return 1
    on_host "${node_host[$name]}" "cat >$(printf '%q' "$target/forthcoin.new")" <"$program" || return 1
    at_node "$name" chmod 0755 "$target/forthcoin.new" || return 1
    at_node "$name" mv "$target/forthcoin.new" "$target/forthcoin" || return 1
    set_program "$name" "$target/forthcoin" || return 1
    step="migrate" && say "$name" "$step" && console "$name" migrate >/dev/null || return 1
    step="start" && say "$name" "$step" && service "$name" start || return 1
    step="waiting until synced and healthy" && say "$name" "$step" || return 1
    wait_until "$limit" healthy "$name" || { console "$name" health 2>&1 || true; return 1; }
    step="holding its chain against the others'" || return 1
    wait_until "$limit" in_step "$name" || { agrees "$name" || true; return 1; }
    step="putting it back into the balancer" && balance "$name" ready || return 1
    say "$name" "runs $version at height $(height_of "$name")"
}

# The old program again, and the old data where the old program can't read what is there.
take_back() {
    local name=$1
    say "$name" "back to ${before[$name]}"
    balance "$name" drain || true
    service "$name" stop || true
    set_program "$name" "${before[$name]}" || return 1
    if ! console "$name" "get-height drop" >/dev/null; then
        say "$name" "the old program can't read the folder: restoring the backup"
        put_back "$name" "$(backup_of "$name")" "failed-$version-${label##*-}" || return 1
    fi
    service "$name" start || return 1
    wait_until "$limit" in_step "$name" || { agrees "$name" || true; return 1; }
    balance "$name" ready || return 1
    say "$name" "is back at height $(height_of "$name")"
}

# One node at a time is taken out, so all others must be well before the first is.
for name in "${nodes[@]}"; do
    wait_until 10 in_step "$name" || { agrees "$name" || true; die "$name is not well before the update: nothing was touched"; }
done
for name in "${chosen[@]}"; do
    before[$name]=$(program_target "$name") || die "${node_program[$name]} on $name is no link: nothing was touched"
done

step=""
for name in "${chosen[@]}"; do
    if update "$name"; then
        updated+=("$name")
        continue
    fi
    say "$name" "FAILED at: $step"
    broken=()
    take_back "$name" || broken+=("$name")
    if [ "$keep" = no ]; then
        for ((i = ${#updated[@]} - 1; i >= 0; i--)); do
            take_back "${updated[i]}" || broken+=("${updated[i]}")
        done
    fi
    if [ "${#broken[@]}" -gt 0 ]; then
        echo "rolling_update.sh: not as before, look at: ${broken[*]}" >&2
        exit 3
    fi
    echo "rolling_update.sh: $version was taken back; every node runs as before" >&2
    exit 1
done
say all "run $version; take it back by: rollback.sh --nodes=$file --backup=$label"
