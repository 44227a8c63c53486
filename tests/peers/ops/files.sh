#!/usr/bin/env bash
# Every file of deploy/ before the program that reads it. $1 is the node's program, $2 the Python
# of the test environment.
set -euo pipefail
program=$(realpath "$1") python=$2
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
tools=$(dirname "$python")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "-- compose file: the schema of compose-spec, and the command lines"
"$tools/check-jsonschema" --builtin-schema vendor.compose-spec deploy/docker-compose.yml
"$python" tests/peers/ops/compose_file.py deploy/docker-compose.yml deploy/Dockerfile
echo "NOT RUN: no Docker engine and no registry here, so the image is not built; tests/peers/ops/compose.py"
echo "         runs the services' command lines in network namespaces instead"

echo "-- Kubernetes: the API's schemas, strict"
"$tools/kubernetes-validate" --strict --quiet deploy/kubernetes/forthcoin.yaml
"$python" tests/peers/ops/kubernetes_file.py deploy/kubernetes/forthcoin.yaml

echo "-- systemd: units verified, and how exposed they are (10 is open, 0 is shut)"
for unit in deploy/systemd/*.service deploy/systemd/*.timer; do
    sed -e "s|/usr/local/bin/forthcoin|$program|" -e "s|/usr/local/share/forthcoin/scripts|$PWD/scripts|" \
        "$unit" >"$work/$(basename "$unit")"
done
systemd-analyze verify --man=no "$work"/*.service "$work"/*.timer
for unit in forthcoin forthcoin-backup; do
    # The threshold is in tenths.
    systemd-analyze security --offline=true --threshold=15 --no-pager "$work/$unit.service" >"$work/said" ||
        { cat "$work/said"; exit 1; }
    tail -n 1 "$work/said"
done

echo "-- HAProxy"
haproxy -c -f deploy/haproxy/haproxy.cfg

echo "-- nginx: explorer and TLS"
mkdir -p "$work/tls" "$work/logs"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=node.example.org \
    -keyout "$work/tls/privkey.pem" -out "$work/tls/fullchain.pem" 2>/dev/null
for file in explorer forthcoin-tls; do
    sed "s|/etc/forthcoin/tls|$work/tls|" "deploy/nginx/$file.conf" >"$work/$file.conf"
    printf 'pid %s/nginx.pid; events {} http { access_log off; include %s/%s.conf; }\n' \
        "$work" "$work" "$file" >"$work/nginx.conf"
    nginx -t -q -e "$work/logs/error" -p "$work" -c "$work/nginx.conf" || { cat "$work/logs/error"; exit 1; }
done
echo "both are read"

echo "-- logrotate: a node's log is turned over, and the node told"
mkdir -p "$work/log" "$work/bin"
printf 'a line\n' >"$work/log/node.log"
# The unit's signal is what is looked at here; that the node opens its file again on it is a test
# of the node.
printf '#!/bin/sh\necho "$@" >>%s/told\n' "$work" >"$work/bin/systemctl"
chmod +x "$work/bin/systemctl"
# Main's log is in the data folder itself.
mkdir -p "$work/data/testnet"
for folder in data data/testnet; do printf '{}\n' >"$work/$folder/audit.log"; done
sed -e "s|/var/log/forthcoin|$work/log|" -e "s|/var/lib/forthcoin|$work/data|g" -e "s|forthcoin forthcoin|$(id -un) $(id -gn)|" \
    deploy/logrotate/forthcoin >"$work/logrotate.conf"
chmod 0644 "$work/logrotate.conf"
PATH="$work/bin:$PATH" logrotate --force --state "$work/state" "$work/logrotate.conf"
for file in log/node.log log/node.log.1 data/audit.log.1 data/testnet/audit.log.1; do [ -f "$work/$file" ]; done
[ ! -e "$work/data/audit.log" ] && [ ! -e "$work/data/testnet/audit.log" ]
grep -qx 'kill --signal=HUP forthcoin.service' "$work/told"
echo "turned over"

echo "-- auditd: every rule has what auditctl knows"
tests/peers/ops/audit_rules.sh deploy/audit/forthcoin.rules "$work"

echo "-- firewalls"
if nft -c -f deploy/firewall/nftables.conf 2>"$work/said"; then
    echo "nftables.conf is taken by nft"
elif grep -q 'Operation not permitted\|cache initialization failed' "$work/said"; then
    echo "NOT RUN: nft may not ask the kernel here: $(head -n 1 "$work/said")"
else
    cat "$work/said"
    exit 1
fi
if iptables-restore --test <deploy/firewall/iptables.rules 2>"$work/said"; then
    echo "iptables.rules is taken by iptables-restore"
elif grep -q 'Permission denied\|Operation not permitted' "$work/said"; then
    echo "NOT RUN: iptables may not ask the kernel here: $(head -n 1 "$work/said")"
else
    cat "$work/said"
    exit 1
fi
tests/peers/ops/firewall.sh "$program"

echo "-- Prometheus: configuration, rules and their tests; the dashboard's shape"
promtool check config deploy/monitoring/prometheus.yml >/dev/null
promtool check rules deploy/monitoring/alerts.yml
(cd deploy/monitoring && promtool test rules alerts_test.yml)
"$python" tests/peers/ops/dashboard.py shape deploy/monitoring/grafana/forthcoin.json

echo "-- deploy.sh: what it would do on a fresh machine"
DEPLOY_ROOT="$work/machine" deploy/deploy.sh --program="$program" --network=testnet --peer=198.51.100.7:8333
[ -x "$work/machine/usr/local/bin/forthcoin" ]
[ -s "$work/machine/usr/local/share/bash-completion/completions/forthcoin" ]
grep -qx 'FORTHCOIN_NETWORK=testnet' "$work/machine/etc/forthcoin/forthcoin.env"
grep -qx 'FORTHCOIN_PEER=198.51.100.7:8333' "$work/machine/etc/forthcoin/forthcoin.env"
DEPLOY_ROOT="$work/machine" deploy/deploy.sh --program="$program" --network=main >"$work/again"
grep -q 'kept.*forthcoin.env' "$work/again"
grep -qx 'FORTHCOIN_NETWORK=testnet' "$work/machine/etc/forthcoin/forthcoin.env"
echo "a second run keeps what the first made"

echo "-- man page and completions, read by what is for them"
page=$work/machine/usr/local/share/man/man1/forthcoin.1
mandoc -T lint -W warning "$page"
MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>"$work/said" >"$work/page"
[ ! -s "$work/said" ] || { cat "$work/said"; exit 1; }
grep -q -- '--metrics-postgres' "$work/page"
bash -c '. "$1"; COMP_WORDS=(forthcoin --metr) COMP_CWORD=1; _forthcoin forthcoin --metr forthcoin; printf "%s\n" "${COMPREPLY[@]}"' \
    bash deploy/completions/forthcoin.bash >"$work/said"
grep -qx -- '--metrics-postgres-file' "$work/said"
echo "the page renders without a warning, bash completes options"

echo "-- guide: every file it names is there, every alert's runbook has its heading"
"$python" tests/peers/ops/guide.py
