#!/usr/bin/env bash
# Pattern 1: a cluster that survives a node. Four nodes that all know each other, HAProxy with
# deploy/haproxy/haproxy.cfg before them: node1 answers what changes something, node2 takes over
# when it is gone; reads go to all four. docs/OPERATIONS.md says what differs on four machines.
# shellcheck source=deploy/patterns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
pattern_options "$@"

for n in 1 2 3 4; do
    peers=()
    for other in 1 2 3 4; do
        [ "$other" = "$n" ] || peers+=("--peer=127.0.0.1:$((base + other))")
    done
    node "node$n" "--listen=127.0.0.1:$((base + n))" "${peers[@]}" \
        "--websocket=127.0.0.1:$((base + 10 + n))" --proxy=127.0.0.1
    export "NODE$n=127.0.0.1:$((base + 10 + n))"
done
export BIND_PAIR=127.0.0.1:$((base + 20)) BIND_READS=127.0.0.1:$((base + 21))
export BIND_STATS=127.0.0.1:$((base + 22)) ADMIN_SOCKET=$folder/haproxy.sock
pattern_run haproxy haproxy -db -f "$pattern_root/deploy/haproxy/haproxy.cfg"
answers() { curl -fs -m 2 -o /dev/null "http://$1/ready"; }
pattern_wait 30 "the pair" answers "$BIND_PAIR"
pattern_wait 30 "the reads" answers "$BIND_READS"
echo "active and passive   http://$BIND_PAIR    (node1, then node2)"
echo "reads                http://$BIND_READS    (all four)"
echo "balancer             http://$BIND_STATS"

if [ "$check" = yes ]; then
    # Which node a request on the pair reached: the one that counts it.
    ask() {
        curl -fs -m 5 -H "Content-Type: application/json" \
            -d '{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}' "http://$1/"
    }
    chosen() {
        printf 'show stat\n' | socat - "UNIX-CONNECT:$ADMIN_SOCKET" |
            awk -F, '$1 == "pair" && $2 ~ /^node/ { print $2, $8 }'
    }
    console node1 "mine-blocks 5 $payee" >/dev/null
    pattern_wait 30 "the blocks on all nodes" same_tip node1 node2 node3 node4
    [[ $(ask "$BIND_PAIR") == *'"result":5'* ]] || pattern_fail "the pair gives another height"
    [ "$(chosen | awk '$1 == "node2" { print $2 }')" = 0 ] || pattern_fail "the passive node was asked"
    stop node1 -KILL
    pattern_wait 30 "node2 in the place of node1" ask "$BIND_PAIR"
    console node2 "mine-blocks 1 $payee" >/dev/null
    [[ $(ask "$BIND_PAIR") == *'"result":6'* ]] || pattern_fail "the pair does not follow node2"
    [ "$(chosen | awk '$1 == "node2" { print $2 }')" -gt 0 ] || pattern_fail "node2 was not asked"
    echo "node1 was killed: node2 answers"
    node node1 "--listen=127.0.0.1:$((base + 1))" "--peer=127.0.0.1:$((base + 2))" \
        "--websocket=$NODE1" --proxy=127.0.0.1
    pattern_wait 60 "node1 with the others' blocks" same_tip node1 node2 node3 node4
    up() { printf 'show servers state pair\n' | socat - "UNIX-CONNECT:$ADMIN_SOCKET" | awk '$4 == "node1" { u = $6 == 2 } END { exit !u }'; }
    pattern_wait 30 "node1 in the pair" up
    before=$(chosen | awk '$1 == "node1" { print $2 }')
    ask "$BIND_PAIR" >/dev/null
    [ "$(chosen | awk '$1 == "node1" { print $2 }')" -gt "$before" ] || pattern_fail "node1 is not asked again"
    echo "node1 is back, has caught up, and answers again"
fi
pattern_stay
