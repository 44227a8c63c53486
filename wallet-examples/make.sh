#!/usr/bin/env bash
# Makes the sample wallets and the files of the ceremony anew, with the program named as $1.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
rm -f ./*.wallet ./*.psbt
export FORTHCOIN_LISTEN=none
passphrase=$(cat passphrase)

# A wallet of a published phrase: $1 is its file, the rest its words.
restore() {
    printf '%s\n%s\n' "${*:2}" "$passphrase" >"$data/answers"
    "$program" regtest --offline --datadir "$data" --passphrase-fd 3 \
        -e "restore-wallet 2drop save-encrypted $1 bye" 3<"$data/answers"
}

run() {
    "$program" regtest --datadir "$data" --passphrase-fd 3 -e "$1" 3<passphrase
}

number=0
while read -r phrase; do
    number=$((number + 1))
    restore "signer-$number.wallet" "$phrase"
done <phrases
restore plain.wallet "$(sed -n 1p phrases)"
restore vault.wallet "$(sed -n 2p phrases)"

keys=()
for n in 1 2 3 4 5; do
    keys+=("$(run "load signer-$n.wallet multisig-key bye")")
done
for n in 1 2 3 4 5; do
    run "load signer-$n.wallet multisig-treasury ${keys[*]}" >"$data/made"
done
descriptor=$(grep '^descriptor' "$data/made" | awk '{print $2}')
run "watch $descriptor save-encrypted watch-only.wallet bye" >/dev/null

payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
treasury=$(run "load watch-only.wallet address bye")
run "init-storage mine-blocks 1 $treasury mine-blocks 100 $payee bye" >/dev/null
run "init-storage load watch-only.wallet fee-rate 5 psbt-create 1-unsigned.psbt $payee 12.5 bye"
run "load signer-4.wallet multisig-sign 1-unsigned.psbt 2-signed-by-4.psbt bye"
run "load signer-2.wallet multisig-sign 1-unsigned.psbt 3-signed-by-2.psbt bye"
run "load signer-5.wallet multisig-sign 1-unsigned.psbt 4-signed-by-5.psbt bye"
run "psbt-combine 5-combined.psbt 2-signed-by-4.psbt 3-signed-by-2.psbt 4-signed-by-5.psbt"
run "psbt-finalize 5-combined.psbt 6-final.psbt bye"
run "init-storage multisig-broadcast 6-final.psbt bye"

own=$(run "load vault.wallet address bye")
run "init-storage mine-blocks 1 $own mine-blocks 100 $payee bye" >/dev/null
run "init-storage load vault.wallet lock-until 1000 1.0 lock-for 144 2.0 bye" >/dev/null
