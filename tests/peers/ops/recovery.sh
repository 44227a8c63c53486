#!/usr/bin/env bash
# backup.sh with its rotation and encryption, restore.sh, and the disaster drill: the node's folder
# and the wallet's file are lost, chain and wallet come back from backup and words, the balance is
# the same. $1 is the node's program.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
node=""
cleanup() {
    for pid in $node $(cat "$work/pid" 2>/dev/null); do kill "$pid" 2>/dev/null || true; done
    for pid in $node $(cat "$work/pid" 2>/dev/null); do
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
    done
    rm -rf "$work"
}
trap cleanup EXIT
fail() {
    echo "$*" >&2
    [ ! -f "$work/said" ] || tail -n 20 "$work/said" >&2
    exit 1
}
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
export FORTHCOIN_LISTEN=none
console() { "$program" regtest --datadir "$1" --json "${@:3}" -e "init-storage $2 bye"; }
backup() { scripts/backup.sh --program="$program" --network=regtest --datadir="$work/node" --to="$work/backups" "$@" 2>"$work/said"; }
restore() { scripts/restore.sh --program="$program" --network=regtest "$@" >"$work/said" 2>&1; }

# A wallet of a published phrase with coins in it.
words="$(head -n 1 wallet-examples/phrases)"
printf '%s\nthe passphrase of the drill\n' "$words" >"$work/words"
echo "the passphrase of the drill" >"$work/passphrase"
export FORTHCOIN_PASSPHRASE_FILE=$work/words
"$program" regtest --offline --datadir "$work/none" -e "restore-wallet 2drop save-encrypted $work/my.wallet bye"
export FORTHCOIN_PASSPHRASE_FILE=$work/passphrase
address=$(console "$work/node" "load-encrypted $work/my.wallet address" | tr -d '"')
console "$work/node" "mine-blocks 3 $address" >/dev/null
console "$work/node" "mine-blocks 100 $payee" >/dev/null
balance=$(console "$work/node" "load-encrypted $work/my.wallet get-balance ." | tr -dc 0-9)
tip=$(console "$work/node" "get-best-hash type")
[ "$balance" = 15000000000 ] || fail "the wallet holds $balance"

echo "-- a backup of a node that runs, with a wallet"
"$program" regtest --datadir "$work/node" </dev/null >>"$work/node.log" 2>&1 &
node=$!
for _ in $(seq 200); do [ -S "$work/node/regtest/control.sock" ] && break; sleep 0.05; done
first=$(backup --wallet="$work/my.wallet" | head -n 1)
for name in chain.backup my.wallet SHA256SUMS; do [ -f "$first/$name" ] || fail "there is no $name"; done
(cd "$first" && sha256sum --check --quiet SHA256SUMS)
[ "$(stat -c %a "$first")" = 700 ] || fail "others may look into the backup"
if backup --wallet="$work/words"; then fail "what is not sealed was copied"; fi
[ "$(find "$work/backups" -mindepth 1 -maxdepth 1 -type d | wc -l)" = 1 ] || fail "a failed backup left something"

echo "-- rotation over a year of daily backups"
# Fifteen months of nights, with the chain's file empty: only the names count for the rotation.
for day in $(seq 1 450); do mkdir "$work/backups/regtest-$(date -u -d "$day days ago" +%Y%m%d)T031700Z"; done
mkdir "$work/backups/main-20200101T031700Z"
sleep 1.1
# The day's first makes room for its second.
backup --wallet="$work/my.wallet" --days=7 --weeks=4 --months=6 >"$work/made" || fail "the second backup failed"
first=$(head -n 1 "$work/made")
[ -f "$first/chain.backup" ] || fail "the second backup failed"
kept=$(find "$work/backups" -mindepth 1 -maxdepth 1 -type d -name 'regtest-*' | wc -l)
# 7 days, the newest of 4 weeks and of 6 months; some are the same, and today has two.
if [ "$kept" -lt 12 ] || [ "$kept" -gt 17 ]; then fail "$kept are kept"; fi
[ -d "$work/backups/main-20200101T031700Z" ] || fail "another network's backup was deleted"
oldest=$(find "$work/backups" -mindepth 1 -maxdepth 1 -type d -name 'regtest-*' -printf '%f\n' | sort | head -n 1)
[ "$(date -u -d "$(cut -c9-16 <<<"$oldest")" +%s)" -gt "$(date -u -d '200 days ago' +%s)" ] || fail "$oldest is kept"
echo "  $kept of 452 are kept, the oldest is $oldest"
find "$work/backups" -mindepth 1 -maxdepth 1 -type d -name '*T031700Z' -exec rm -r {} +

echo "-- an encrypted backup"
export GNUPGHOME=$work/gnupg
install -d -m 0700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Backup <backup@example.org>' default default never 2>/dev/null
sealed=$(scripts/backup.sh --program="$program" --network=regtest --datadir="$work/node" --to="$work/sealed" \
    --wallet="$work/my.wallet" --gpg=backup@example.org 2>"$work/said" | head -n 1) || fail "no encrypted backup"
[ -z "$(find "$sealed" -type f ! -name '*.gpg' ! -name SHA256SUMS)" ] || fail "something is not encrypted"
if grep -q FCSEALED "$sealed"/*.gpg; then fail "a wallet is readable"; fi
restore --from="$sealed" --datadir="$work/unsealed" || fail "the encrypted backup does not restore"
[ "$(console "$work/unsealed" "get-best-hash type")" = "$tip" ] || fail "another chain came out"

echo "-- what must not be restored"
mkdir "$work/spoilt"
cp -r "$first" "$work/spoilt/regtest-20260101T000000Z"
printf 'X' | dd of="$work/spoilt/regtest-20260101T000000Z/chain.backup" bs=1 seek=5000 conv=notrunc status=none
if restore --from="$work/spoilt/regtest-20260101T000000Z" --datadir="$work/new"; then fail "a spoilt backup was restored"; fi
(cd "$work/spoilt/regtest-20260101T000000Z" && sha256sum chain.backup my.wallet about >SHA256SUMS)
if restore --from="$work/spoilt/regtest-20260101T000000Z" --datadir="$work/new"; then
    fail "a spoilt backup with sums made anew was restored"
fi
[ ! -e "$work/new/regtest/chain.redb" ] || fail "a refused restore left a chain"
if restore --from="$first" --datadir="$work/node"; then fail "a chain was overwritten"; fi
# The newest is spoilt: the one before is taken.
cp -r "$first" "$work/spoilt/regtest-20250101T000000Z"
restore --from="$work/spoilt" --datadir="$work/new" || fail "the older backup was not tried"
grep -q 'regtest-20250101T000000Z: height 103' "$work/said" || fail "another backup was taken"
echo "  spoilt backups are refused, a chain is never overwritten, the newest sound one is found"

echo "-- the disaster drill"
kill "$node"
wait "$node" || fail "the node did not stop in order"
node=""
rm -rf "$work/node" "$work/my.wallet"
# The rest of the network lives on and is two blocks further by now.
port=$((20000 + RANDOM % 20000))
FORTHCOIN_LISTEN=127.0.0.1:$port "$program" regtest --datadir "$work/unsealed" </dev/null >>"$work/other.log" 2>&1 &
node=$!
for _ in $(seq 200); do [ -S "$work/unsealed/regtest/control.sock" ] && break; sleep 0.05; done
FORTHCOIN_PASSPHRASE_FILE="" console "$work/unsealed" "mine-blocks 2 $payee" >/dev/null
tip=$(console "$work/unsealed" "get-best-hash type")
export FORTHCOIN_PASSPHRASE_FILE=$work/words
setsid scripts/disaster_recovery.sh --program="$program" --from="$work/backups" --network=regtest \
    --datadir="$work/node" --wallet="$work/again.wallet" --timeout=120 \
    --start="$program regtest --datadir $work/node --peer=127.0.0.1:$port </dev/null >>$work/node.log 2>&1 & echo \$! >$work/pid; sleep 1" \
    >"$work/said" 2>&1 </dev/null || fail "the drill failed"
export FORTHCOIN_PASSPHRASE_FILE=$work/passphrase
[ "$(console "$work/node" "get-best-hash type")" = "$tip" ] || fail "the chain is another"
again=$(console "$work/node" "load-encrypted $work/again.wallet get-balance ." | tr -dc 0-9)
[ "$again" = "$balance" ] || fail "the wallet holds $again, before it were $balance"
if grep -q "$(cut -d' ' -f1-3 <<<"$words")" "$work/said" "$work/node.log"; then fail "the words are in a log"; fi
echo "  the chain has caught up with the network's tip, the wallet holds the same $balance"

echo "-- main, whose data lies in the data folder itself, beside the other networks'"
main() { "$program" main --datadir "$1" --json -e "init-storage $2 bye" </dev/null; }
own=$("$program" main --offline --datadir "$work/none" -e "new-wallet 2drop next-address type bye" </dev/null 2>/dev/null)
main "$work/main" "mine-blocks 1 $own" >/dev/null
mkdir -p "$work/main/testnet"
echo ": of-the-operator ;" >"$work/main/init.fs"
tip=$(main "$work/main" "get-best-hash type")
kept=$(scripts/backup.sh --program="$program" --network=main --datadir="$work/main" --to="$work/backups" 2>"$work/said" | head -n 1)
scripts/restore.sh --program="$program" --network=main --datadir="$work/main-again" --from="$kept" >"$work/said" 2>&1 ||
    fail "main is not restored"
[ "$(main "$work/main-again" "get-best-hash type")" = "$tip" ] || fail "another chain came out"
if scripts/restore.sh --program="$program" --network=main --datadir="$work/main-again" --from="$kept" >"$work/said" 2>&1; then
    fail "main's chain was overwritten"
fi
way_back() (
    ours=$program
    export FORTHCOIN_HOOKS=tests/peers/ops/hooks.sh
    # shellcheck source=scripts/ops.sh
    . scripts/ops.sh
    # shellcheck disable=SC2034,SC2154  # the library's
    node_host[m]=here node_network[m]=main node_datadir[m]=$work/main node_user[m]="" node_program[m]=$ours
    put_back m "$1" "$2"
)
if way_back "$first/chain.backup" aside-1 >"$work/said" 2>&1; then fail "main took another network's backup"; fi
grep -q 'its folder is as it was' "$work/said" || fail "it does not say that it was put back"
[ "$(main "$work/main" "get-best-hash type")" = "$tip" ] || fail "main's chain is not what it was"
way_back "$kept/chain.backup" aside-2 >"$work/said" 2>&1 || fail "main's backup was not put back"
[ "$(main "$work/main" "get-best-hash type")" = "$tip" ] || fail "main's chain is another"
for file in main.aside-2/chain.redb testnet init.fs; do [ -e "$work/main/$file" ] || fail "$file is gone"; done
[ ! -e "$work/main/main.aside-2/testnet" ] || fail "another network's folder was moved"
echo "  backup, restore and the way back leave the other networks alone"
