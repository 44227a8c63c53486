#!/usr/bin/env bash
# Brings a node's chain back from a backup of backup.sh, into a folder that has none.
#
#   restore.sh --from=FOLDER/NETWORK-TIME [--network=main] [--datadir=FOLDER] [--wallets-to=FOLDER]
#       [--program=FILE]
#   restore.sh --from=FOLDER …       the newest backup of the network that is sound
#
# Sums are checked, .gpg files decrypted with the key in your gpg, the backup verified, and only
# then is anything written. Wallets of the backup go to --wallets-to and replace nothing.
#
# Exit code: 0 done, 1 nothing was changed, 2 usage.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ops.sh
. "$here/ops.sh"
umask 077

from="" wallets=""
for argument in "$@"; do
    if local_option "$argument"; then continue; fi
    case "$argument" in
        --from=*) from=${argument#*=} ;;
        --wallets-to=*) wallets=${argument#*=} ;;
        *) usage ;;
    esac
done
[ -n "$from" ] || usage
[ -d "$from" ] || die "$from is no folder"
folder=$(folder_in "$datadir" "$network")
[ ! -s "$folder/chain.redb" ] || die "$folder holds a chain: move it away first, it is not overwritten"
# Beside the place it goes to: decrypted, it is as large as the chain.
mkdir -p "$datadir"
work=$(mktemp -d "$datadir/$network.restoring.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Whether a backup is sound; its files are in $work then.
sound() {
    local folder=$1 file datadir=$work/none
    [ -f "$folder/SHA256SUMS" ] || { echo "$folder has no SHA256SUMS" >&2; return 1; }
    (cd "$folder" && sha256sum --check --quiet --strict SHA256SUMS) || return 1
    rm -rf "$work/files"
    mkdir "$work/files"
    for file in "$folder"/*; do
        case "$file" in
            */SHA256SUMS) ;;
            *.gpg) gpg --batch --quiet --decrypt --output "$work/files/$(basename "$file" .gpg)" "$file" || return 1 ;;
            *) ln -s -- "$(realpath "$file")" "$work/files/" ;;
        esac
    done
    local_console "verify-backup $work/files/chain.backup" </dev/null
}

found=""
if [ -f "$from/SHA256SUMS" ]; then
    sound "$from" || die "$from is not sound: nothing was changed"
    found=$from
else
    while IFS= read -r made; do
        if sound "$made"; then found=$made && break; fi
        echo "restore.sh: $made is not sound, trying the one before" >&2
    done < <(find "$from" -mindepth 1 -maxdepth 1 -type d -name "$network-????????T??????Z" | sort -r)
    [ -n "$found" ] || die "no backup of $network in $from is sound: nothing was changed"
fi
local_console "restore $work/files/chain.backup" </dev/null ||
    die "the backup was not restored"
if [ -n "$wallets" ]; then
    mkdir -p "$wallets"
    for file in "$work/files"/*; do
        case "$file" in */chain.backup | */about) continue ;; esac
        if [ -e "$wallets/$(basename "$file")" ]; then
            echo "kept $wallets/$(basename "$file"), which is there already"
        else
            cp -L -- "$file" "$wallets/"
        fi
    done
fi
echo "restored $found: height $(local_chain 'get-height .')"
