#!/usr/bin/env bash
# Pattern 3: a network for developers. Three nodes in a row, a block every few seconds from the
# first (a Forth word on a timer), the WebSocket port of the last open to pages of any local
# origin, and a wallet with coins to spend in FOLDER/faucet.wallet.
# shellcheck source=deploy/patterns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
pattern_options "$@"
every=5
[ "$check" = no ] || every=1

export FORTHCOIN_PASSPHRASE_FILE=$folder/passphrase
echo faucet >"$folder/passphrase"
if [ ! -f "$folder/faucet.wallet" ]; then
    "$program" regtest --offline --datadir "$folder/faucet" \
        -e "new-wallet 2drop save-encrypted $folder/faucet.wallet bye" >/dev/null
fi
faucet() { "$program" regtest --datadir "$folder/node3" --json -e "init-storage load-encrypted $folder/faucet.wallet $1 bye"; }

mkdir -p "$folder/node1"
# A console on this folder runs init.fs too: the timer ticks in the node alone.
cat >"$folder/node1/init.fs" <<F
\ A block every $every seconds, with what the pool holds.
: new-block ( -- )  1 s" $payee" generate-to 2drop ;
$every ' new-block every
F
node node1 "--listen=127.0.0.1:$((base + 1))"
node node2 "--listen=127.0.0.1:$((base + 2))" "--peer=127.0.0.1:$((base + 1))"
node node3 --listen=none "--peer=127.0.0.1:$((base + 2))" "--websocket=127.0.0.1:$((base + 10))" \
    --allow-origin=http://localhost:3000 --allow-origin=http://localhost:5173
if [ "$(height node1)" -lt 101 ]; then
    console node1 "mine-blocks 1 $(faucet address | tr -d '"')" >/dev/null
    console node1 "mine-blocks 100 $payee" >/dev/null
fi
pattern_wait 60 "the chain on every node" same_tip node1 node2 node3
echo "JSON-RPC, WebSocket  http://127.0.0.1:$((base + 10))/    credentials in $folder/node3/regtest/.cookie"
echo "explorer             http://127.0.0.1:$((base + 10))/explorer/"
echo "coins                forthcoin regtest --datadir $folder/node3   (passphrase: faucet)"
echo "                     init-storage load-encrypted $folder/faucet.wallet send ADDRESS 1.0"

if [ "$check" = yes ]; then
    before=$(height node3)
    txid=$(faucet "send $payee 1.5" | tr -dc 0-9a-f)
    confirmed() { console node1 "s\" $txid\" get-tx type" | grep -q '"confirmations":[1-9]'; }
    pattern_wait 60 "the payment in a block" confirmed
    grew() { [ "$(height node3)" -gt "$before" ]; }
    pattern_wait 30 "blocks on the last node" grew
    [[ $(curl -s -o /dev/null -w '%{http_code}' -H 'Origin: http://localhost:3000' \
        -d '{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}' \
        "http://127.0.0.1:$((base + 10))/") = 200 ]] || pattern_fail "a developer's page is refused"
    echo "blocks come by themselves, a payment of the faucet was mined, a page on localhost:3000 may ask"
fi
pattern_stay
