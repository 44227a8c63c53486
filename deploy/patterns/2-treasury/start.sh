#!/usr/bin/env bash
# Pattern 2: a treasury. `consensus` holds the chain and neither mines nor has a port; `audit`
# follows it read-only and is asked by auditors; `dmz` follows it read-only too, behind nginx with
# deploy/nginx/explorer.conf, for everybody; `miner` stands for the rest of the network. Five
# signers are consoles without any network (in a network namespace without a device, where that is
# possible) that meet the rest by files. Three of them move the treasury's money.
# shellcheck source=deploy/patterns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
pattern_options "$@"

node miner "--listen=127.0.0.1:$((base + 1))"
node consensus "--listen=127.0.0.1:$((base + 2))" "--peer=127.0.0.1:$((base + 1))"
node audit --listen=none --readonly "--peer=127.0.0.1:$((base + 2))" "--websocket=127.0.0.1:$((base + 12))"
node dmz --listen=none --readonly "--peer=127.0.0.1:$((base + 2))" "--websocket=127.0.0.1:$((base + 13))"
sed -e "s|127.0.0.1:8765|127.0.0.1:$((base + 13))|" -e "s|listen 8080|listen 127.0.0.1:$((base + 20))|" \
    "$pattern_root/deploy/nginx/explorer.conf" >"$folder/explorer.conf"
echo "daemon off; pid $folder/nginx.pid; events {} http { access_log off; include $folder/explorer.conf; }" >"$folder/nginx.conf"
pattern_run nginx nginx -e "$folder/nginx-error.log" -p "$folder" -c "$folder/nginx.conf"
explorer=http://127.0.0.1:$((base + 20))
pattern_wait 30 "the explorer" curl -fs -o /dev/null "$explorer/explorer/"
echo "explorer for all     $explorer/explorer/"
echo "for the auditors     http://127.0.0.1:$((base + 12))/"

# A signer's console: no chain, no socket, and no network device if the system lets us.
alone=()
if unshare --user --map-root-user --net true 2>/dev/null; then alone=(unshare --user --map-root-user --net); fi
passphrase="a passphrase for this trial only"
signer() {
    local number=$1
    mkdir -p "$folder/signer$number"
    (cd "$folder/signer$number" &&
        "${alone[@]}" "$program" regtest --offline --datadir . --passphrase-fd 3 -e "$2"$'\n'bye 3<<<"$passphrase")
}
keys=()
for n in 1 2 3 4 5; do
    if [ ! -f "$folder/signer$n/me.wallet" ]; then signer "$n" "new-wallet 2drop save-encrypted me.wallet" >/dev/null; fi
    key=$(signer "$n" "load-encrypted me.wallet multisig-key")
    keys+=("$key")
done
for n in 1 2 3 4 5; do signer "$n" "load-encrypted me.wallet multisig-treasury ${keys[*]}" >"$folder/signer$n/made"; done
descriptor=$(sed -n 's/^descriptor *//p' "$folder/signer1/made")
for n in 2 3 4 5; do
    [ "$(sed -n 's/^descriptor *//p' "$folder/signer$n/made")" = "$descriptor" ] ||
        pattern_fail "signer $n has another treasury"
done
# The desk that prepares and sends payments holds no key.
desk() { "$program" regtest --datadir "$folder/consensus" --passphrase-fd 3 -e "init-storage $1"$'\n'bye 3<<<"$passphrase"; }
if [ ! -f "$folder/watch.wallet" ]; then
    desk "watch $descriptor save-encrypted $folder/watch.wallet" >/dev/null
fi
echo "treasury             3 of 5, signers in $folder/signer1…5, watched by $folder/watch.wallet"

if [ "$check" = yes ]; then
    address=$(desk "load-encrypted $folder/watch.wallet address")
    console miner "mine-blocks 1 $address" >/dev/null
    console miner "mine-blocks 100 $payee" >/dev/null
    pattern_wait 30 "the chain on every node" same_tip miner consensus audit dmz
    desk "load-encrypted $folder/watch.wallet fee-rate 5 psbt-create $folder/pay.psbt $payee 12.5" >/dev/null
    # By hand, on a stick: one file there, one file back.
    files=()
    for n in 2 4 5; do
        cp "$folder/pay.psbt" "$folder/signer$n/in.psbt"
        signer "$n" "load-encrypted me.wallet multisig-sign in.psbt out.psbt" >/dev/null
        files+=("$folder/signer$n/out.psbt")
    done
    if desk "psbt-broadcast ${files[0]}" >/dev/null 2>&1; then pattern_fail "one signature moved the money"; fi
    desk "psbt-combine $folder/all.psbt ${files[*]}" >/dev/null
    txid=$(desk "multisig-broadcast $folder/all.psbt" | tr -dc 0-9a-f)
    # The miner hears of it from the consensus node.
    waits() { console miner "get-pool type" | grep -q "$txid"; }
    pattern_wait 60 "the payment at the miner" waits
    console miner "mine-blocks 1 $payee" >/dev/null
    pattern_wait 30 "the block on every node" same_tip miner consensus audit dmz
    ask() {
        curl -s -m 5 -d "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":$3}" "$1"
    }
    [[ $(ask "http://127.0.0.1:$((base + 12))/" getrawtransaction "[\"$txid\",1]") == *'"confirmations":1'* ]] ||
        pattern_fail "the audit node does not show the payment"
    if console audit "mine-blocks 1 $payee" >/dev/null 2>&1; then pattern_fail "the audit node took a change"; fi
    if console dmz "s\" 127.0.0.1:1\" add-node-at" >/dev/null 2>&1; then pattern_fail "the node in the DMZ took a change"; fi
    [ "$(curl -s -o /dev/null -w '%{http_code}' -X POST "$explorer/")" = 403 ] || pattern_fail "the explorer takes POST"
    [[ $(console consensus "get-ws-status type") == *'"running":false'* ]] || pattern_fail "the consensus node has a port"
    where="by --offline alone: no network namespaces here"
    [ "${#alone[@]}" = 0 ] || where="each in a network namespace without a device"
    echo "three of five signed for 12.5 coins without a network ($where)"
    echo "the audit node shows the payment and takes no change, nor does the one in the DMZ"
fi
pattern_stay
