#!/usr/bin/env bash
# A treasury with a key in Debian's softhsm2 as one of its signers, on a running regtest node.
# $1 is a program that was built with --features hsm.
set -euo pipefail
program=$(realpath "$1")
work=$(mktemp -d)
node=""
trap 'if [ -n "$node" ]; then kill "$node"; wait "$node" || true; fi; rm -rf "$work"' EXIT
cd "$work"
mkdir tokens
printf 'directories.tokendir = %s/tokens\nlog.level = ERROR\n' "$work" >softhsm2.conf
export SOFTHSM2_CONF=$work/softhsm2.conf FORTHCOIN_LISTEN=none
softhsm2-util --init-token --free --label treasury --so-pin 12345678 --pin 4711 >/dev/null
slot=$(softhsm2-util --show-slots | awk '/^Slot/ {slot = $2} /Label: *treasury/ {print slot}')
module=$(find /usr/lib -name libsofthsm2.so | head -n 1)
echo 'quarrel anchor violet tunnel' >pass
echo 4711 >pin
run() { "$program" regtest --datadir "$work/data" --passphrase-fd 3 -e "$1" 3<pass; }
token() { "$program" regtest --offline --datadir "$work/data" --passphrase-fd 3 -e "hsm-open $module $slot $1" 3<pin; }

key=$(token 'hsm-new-key signer bye')
keys=("$key")
for n in 1 2 3 4; do
    run "new save-encrypted $n.wallet bye" >/dev/null
    keys+=("$(run "load $n.wallet multisig-key bye")")
done
for n in 1 2 3 4; do run "load $n.wallet multisig-treasury ${keys[*]}" >made; done
descriptor=$(awk '/^descriptor/ {print $2}' made)
"$program" regtest --datadir "$work/data" </dev/null >node.log 2>&1 &
node=$!
while [ ! -S data/regtest/control.sock ]; do sleep 0.1; done
payee=bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080
treasury=$(run 'load 1.wallet use-account treasury address bye')
run "init-storage mine-blocks 1 $treasury mine-blocks 100 $payee bye" >/dev/null
run "init-storage load 1.wallet use-account treasury psbt-create pay.psbt $payee 3.0 bye"
run 'load 3.wallet multisig-sign pay.psbt one.psbt bye'
# A token alone knows no policy: what it can't verify it does not sign.
if token 'hsm-sign one.psbt two.psbt bye' 2>refusal; then exit 1; fi
grep -q 'registered the policy' refusal
token "watch $descriptor hsm-sign one.psbt two.psbt bye" >/dev/null
run 'load 2.wallet multisig-sign two.psbt three.psbt bye'
txid=$(run 'init-storage multisig-broadcast three.psbt bye')
run "init-storage mine-blocks 1 $payee bye" >/dev/null
[[ $(run "init-storage tx $txid bye") == *3.00000000* ]]
# A wrong PIN is refused, and the key can't be taken out.
if echo 1 >pin && token 'bye' 2>refusal; then exit 1; fi
grep -q 'PIN' refusal
echo "coins of a treasury moved with the token as one of three signers: $txid"
