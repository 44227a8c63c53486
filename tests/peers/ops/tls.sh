#!/usr/bin/env bash
# Debian's nginx with deploy/nginx/forthcoin-tls.conf in front of a real node: WebSocket over TLS,
# the explorer, and what must stay out. $1 is the node's program, $2 the tests' Python.
set -euo pipefail
program=$(realpath "$1") python=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
work=$(mktemp -d)
node="" nginx=""
cleanup() {
    for pid in $nginx $node; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
fail() {
    echo "$*" >&2
    tail -n 5 "$work"/*.log >&2
    exit 1
}
port=$((20000 + RANDOM % 10000)) plain=$((30000 + RANDOM % 5000)) tls=$((35000 + RANDOM % 5000))

"$program" regtest --datadir "$work/data" --listen=none --websocket="127.0.0.1:$port" \
    --allow-host=node.example.org --proxy=127.0.0.1 </dev/null >"$work/node.log" 2>&1 &
node=$!
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=node.example.org \
    -addext subjectAltName=DNS:node.example.org \
    -keyout "$work/privkey.pem" -out "$work/fullchain.pem" 2>/dev/null
sed -e "s|/etc/forthcoin/tls|$work|" -e "s|127.0.0.1:8765|127.0.0.1:$port|" -e "s|listen 80|listen 127.0.0.1:$plain|" \
    -e "s|listen 443|listen 127.0.0.1:$tls|" deploy/nginx/forthcoin-tls.conf >"$work/tls.conf"
echo "daemon off; pid $work/nginx.pid; events {} http { access_log off; include $work/tls.conf; }" >"$work/nginx.conf"
nginx -e "$work/nginx.log" -p "$work" -c "$work/nginx.conf" &
nginx=$!

ask() {
    curl -s -m 10 --cacert "$work/fullchain.pem" --resolve "node.example.org:$tls:127.0.0.1" \
        --resolve "node.example.org:$plain:127.0.0.1" --resolve "other.example.org:$tls:127.0.0.1" "$@"
}
site=https://node.example.org:$tls
up=no
for _ in $(seq 100); do
    [ "$(ask -o /dev/null -w '%{http_code}' "$site/explorer/")" != 200 ] || { up=yes && break; }
    sleep 0.1
done
[ "$up" = yes ] || fail "no explorer over TLS"
ask -o /dev/null -D "$work/head" "$site/explorer/"
grep -qi '^strict-transport-security: max-age=31536000' "$work/head" || fail "no HSTS"
[ "$(ask -o /dev/null -w '%{http_code} %{redirect_url}' "http://node.example.org:$plain/explorer/")" = \
    "308 https://node.example.org/explorer/" ] || fail "plain HTTP is not sent on"
[ "$(ask -o /dev/null -w '%{http_code}' "$site/metrics")" = 404 ] || fail "the metrics are open"
if ask -o /dev/null "https://other.example.org:$tls/"; then fail "another name is answered"; fi
if ask -o /dev/null --tls-max 1.1 "$site/"; then fail "TLS 1.1 is taken"; fi
[ "$(ask -o /dev/null -w '%{http_code}' -d '{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}' "$site/")" = 200 ] ||
    fail "JSON-RPC over HTTPS is refused"

"$python" - "$tls" "$work/fullchain.pem" <<'P'
import asyncio, json, ssl, sys
import websockets

context = ssl.create_default_context(cafile=sys.argv[2])


async def call(socket, method):
    await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}))
    return json.loads(await socket.recv())


async def main():
    where = {"host": "127.0.0.1", "port": int(sys.argv[1]), "ssl": context, "server_hostname": "node.example.org"}
    page = "https://node.example.org"
    async with websockets.connect("wss://node.example.org/", origin=page, **where) as socket:
        assert (await call(socket, "getblockcount"))["result"] == 0
        # Without credentials a visitor changes nothing.
        assert "error" in await call(socket, "setnetworkactive")
    try:
        await websockets.connect("wss://node.example.org/", origin="https://evil.example", **where)
    except websockets.InvalidStatus as refused:
        assert refused.response.status_code == 403, refused
    else:
        raise AssertionError("another site's page got a socket")


asyncio.run(main())
P
ask -o /dev/null -w '%{http_code}\n' --parallel --parallel-max 20 "$site/health?[1-400]" 2>/dev/null | sort | uniq -c >"$work/codes"
for code in 200 429; do
    grep -q " $code\$" "$work/codes" || fail "a flood gets $(cat "$work/codes")"
done
echo "wss, explorer and JSON-RPC over TLS; other names, old TLS, foreign pages and floods stay out"
