#!/usr/bin/env bash
# Both firewalls, loaded into a network namespace around a real node, asked from the addresses of a
# balancer, of Prometheus and of a stranger. $1 is the node's program.
set -euo pipefail
program=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
if ! unshare --net true 2>/dev/null; then
    echo "NOT RUN: no network namespaces here, so no packet was held to the firewalls"
    exit 0
fi
work=$(mktemp -d)
inside=fcfw$$ outside=fcfo$$ node=""
cleanup() {
    if [ -n "$node" ]; then
        kill "$node" 2>/dev/null || true
        wait "$node" || true
    fi
    ip netns del "$inside" 2>/dev/null || true
    ip netns del "$outside" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

ip netns add "$inside"
ip netns add "$outside"
ip -n "$inside" link add inner type veth peer name outer netns "$outside"
ip -n "$inside" addr add 10.77.0.11/24 dev inner
for address in 10.77.0.5/24 10.77.0.7/24 10.77.0.99/24; do
    ip -n "$outside" addr add "$address" dev outer
done
for pair in "$inside lo" "$inside inner" "$outside lo" "$outside outer"; do
    read -r space device <<<"$pair"
    ip -n "$space" link set "$device" up
done
ip netns exec "$inside" "$program" regtest --datadir "$work/data" --listen=0.0.0.0:8333 \
    --websocket=0.0.0.0:8765 </dev/null >"$work/log" 2>&1 &
node=$!
for _ in $(seq 100); do
    ip netns exec "$inside" curl -fs -o /dev/null http://127.0.0.1:8765/health && break
    sleep 0.1
done

# What $1 gets of path $2.
asks() { ip netns exec "$outside" curl -fs -m 1 -o /dev/null --interface "$1" "http://10.77.0.11:8765$2"; }
check() {
    asks 10.77.0.5 /ready || { echo "$1: the balancer is shut out"; exit 1; }
    asks 10.77.0.7 /metrics || { echo "$1: Prometheus is shut out"; exit 1; }
    if asks 10.77.0.99 /ready; then echo "$1: a stranger reaches the port"; exit 1; fi
    connections=0
    for _ in $(seq 40); do
        timeout 0.3 ip netns exec "$outside" bash -c 'exec 3<>/dev/tcp/10.77.0.11/8333' 2>/dev/null || break
        connections=$((connections + 1))
    done
    [ "$connections" -ge 5 ] || { echo "$1: peers are shut out after $connections connections"; exit 1; }
    [ "$connections" -lt 40 ] || { echo "$1: a hasty peer is not held up"; exit 1; }
    echo "$1: balancer and Prometheus in, strangers out, a hasty peer stopped after $connections connections"
}

asks 10.77.0.99 /ready || { echo "without a firewall nobody reaches the node: $(tail -n 3 "$work/log")"; exit 1; }
if ip netns exec "$inside" nft -f deploy/firewall/nftables.conf 2>"$work/said"; then
    check nftables
    ip netns exec "$inside" nft flush ruleset
else
    echo "NOT RUN: this kernel does not load nftables.conf: $(head -n 1 "$work/said")"
fi
if ip netns exec "$inside" iptables-restore <deploy/firewall/iptables.rules 2>"$work/said"; then
    check iptables
else
    echo "NOT RUN: this kernel does not load iptables.rules: $(head -n 1 "$work/said")"
fi
