#!/usr/bin/env bash
# A verified backup of a node, running or not, and the old ones turned over.
#
#   backup.sh --to=FOLDER [--network=main] [--datadir=FOLDER] [--wallet=FILE]…
#       [--gpg=RECIPIENT] [--days=7] [--weeks=4] [--months=6] [--program=FILE]
#
# Makes FOLDER/NETWORK-TIME with chain.backup, the sealed wallets named (they are sealed already,
# and copied as they are) and SHA256SUMS; with --gpg each file is encrypted to that key and the
# rest wiped. A backup that does not verify never gets its name, and none is deleted then. The
# newest of each of the last days, weeks and months is kept. FORTHCOIN_BACKUP_TO, _GPG, _DAYS,
# _WEEKS, _MONTHS and _WALLETS (blanks between) stand for the options.
#
# Exit code: 0 done, 1 failed and the old backups are as they were, 2 usage.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/ops.sh
. "$here/ops.sh"
umask 077

to=${FORTHCOIN_BACKUP_TO:-} gpg=${FORTHCOIN_BACKUP_GPG:-}
days=${FORTHCOIN_BACKUP_DAYS:-7} weeks=${FORTHCOIN_BACKUP_WEEKS:-4} months=${FORTHCOIN_BACKUP_MONTHS:-6}
read -ra wallets <<<"${FORTHCOIN_BACKUP_WALLETS:-}"
for argument in "$@"; do
    if local_option "$argument"; then continue; fi
    value=${argument#*=}
    case "$argument" in
        --to=*) to=$value ;;
        --wallet=*) wallets+=("$value") ;;
        --gpg=*) gpg=$value ;;
        --days=*) days=$value ;;
        --weeks=*) weeks=$value ;;
        --months=*) months=$value ;;
        *) usage ;;
    esac
done
[ -n "$to" ] || usage
for number in "$days" "$weeks" "$months"; do [[ $number =~ ^[0-9]{1,4}$ ]] || usage; done

mkdir -p "$to"
# Two backups at once would turn each other over.
exec 9>"$to/.lock"
flock -n 9 || die "another backup into $to is under way"
# Relative names in the Forth below are the folder's own.
to=$(realpath "$to")
case "$to" in *[[:space:]\"]*) die "the name of $to holds blanks or quotes" ;; esac
stamp=$(date -u +%Y%m%dT%H%M%SZ)
made="$to/$network-$stamp" early="$to/.early-$network-$stamp"
[ ! -e "$made" ] || die "$made is there already"
trap 'rm -rf "$early"' EXIT
mkdir "$early"

local_chain "backup $early/chain.backup" >&2 || die "the backup failed: the old ones are as they were"
local_chain "verify-backup $early/chain.backup" >"$early/about" ||
    die "the backup does not verify: the old ones are as they were"
for wallet in "${wallets[@]}"; do
    # What is not sealed is not copied about.
    [ "$(head -c 8 "$wallet")" = FCSEALED ] || die "$wallet is no sealed wallet"
    cp -n -- "$wallet" "$early/$(basename "$wallet")"
done
if [ -n "$gpg" ]; then
    for name in "$early"/*; do
        gpg --batch --quiet --yes --trust-model always --recipient "$gpg" --output "$name.gpg" --encrypt "$name" ||
            die "gpg could not encrypt to $gpg: the old backups are as they were"
        rm -f "$name"
    done
fi
(cd "$early" && sha256sum -- * >.sums && mv .sums SHA256SUMS)
sync -f "$early"
mv -T "$early" "$made"
echo "$made"

# Of the backups of this network, newest first, the first of each day, week and month stays.
find "$to" -mindepth 1 -maxdepth 1 -type d -name "$network-????????T??????Z" -printf '%f\n' | sort -r |
    while IFS= read -r name; do
        time=${name#"$network-"}
        day=${time%T*}
        printf '%s %s %s %s\n' "$name" "$day" "$(date -u -d "$day" +%G-%V)" "${day%??}"
    done |
    awk -v days="$days" -v weeks="$weeks" -v months="$months" '
        { keep = NR == 1 }
        !($2 in d) { d[$2]; if (++nd <= days) keep = 1 }
        !($3 in w) { w[$3]; if (++nw <= weeks) keep = 1 }
        !($4 in m) { m[$4]; if (++nm <= months) keep = 1 }
        !keep { print $1 }' |
    while IFS= read -r name; do
        rm -rf "${to:?}/$name"
        echo "deleted $to/$name"
    done
