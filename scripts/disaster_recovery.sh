#!/usr/bin/env bash
# The node is lost: machine, disk or folder. Brings it back from the newest sound backup, starts it
# and waits until it has caught up, and makes the wallet again from its words.
#
#   disaster_recovery.sh --from=BACKUPS [--network=main] [--datadir=FOLDER] [--wallet=FILE]
#       [--timeout=SECONDS] [--program=FILE] [--start=COMMAND]
#
# --wallet=FILE asks for the words and a new passphrase (from FORTHCOIN_PASSPHRASE_FILE, one a line,
# without a terminal), seals them into FILE and shows the balance. --start is what starts the node
# (systemctl start forthcoin). Each step says what it did; it stops at the first that fails and may
# be run again.
#
# Exit code: 0 all is back, 1 a step failed and nothing was lost, 2 usage.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ops.sh
. "$here/ops.sh"

from="" wallet="" limit=86400 start="systemctl start forthcoin"
for argument in "$@"; do
    if local_option "$argument"; then continue; fi
    value=${argument#*=}
    case "$argument" in
        --from=*) from=$value ;;
        --wallet=*) wallet=$value ;;
        --timeout=*) limit=$value ;;
        --start=*) start=$value ;;
        *) usage ;;
    esac
done
[[ -n $from && $limit =~ ^[0-9]+$ ]] || usage
step() { printf '== %s\n' "$*"; }
folder=$(folder_in "$datadir" "$network")

step "the chain, from $from"
if [ -s "$folder/chain.redb" ]; then
    echo "$folder has a chain: kept (move it away to restore another)"
else
    "$here/restore.sh" --from="$from" --network="$network" --datadir="$datadir" --program="$program" ||
        die "no chain was restored"
fi

step "the node: $start"
if [ ! -S "$folder/control.sock" ] || ! local_chain "get-network-info 2drop"; then
    bash -c "$start" || die "the node does not start: see its log"
fi
local_chain "$limit wait-synced" || die "the node did not catch up in $limit seconds"
echo "synced at height $(local_chain 'get-height .')"

step "the chain, checked"
local_chain "verify-chain" || die "the restored chain is not sound"
local_chain "health" || die "the node is not well"

if [ -n "$wallet" ]; then
    step "the wallet"
    if [ -e "$wallet" ]; then
        local_console "init-storage load-encrypted $wallet balance" || die "$wallet does not open"
    else
        local_console "init-storage restore-phrase save-encrypted $wallet balance" || die "the wallet was not made again"
    fi
fi
step "all is back"
