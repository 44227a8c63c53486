#!/usr/bin/env bash
# A node on a fresh Debian or Ubuntu machine, as root:
#
#   deploy/deploy.sh --program=target/release/forthcoin --network=main [--peer=HOST:PORT]…
#       [--websocket=ADDR] [--mine=ADDRESS] [--with=nginx,haproxy,firewall,audit,prometheus] [--no-start]
#
# Run again it brings program, scripts and units up to date and keeps what was configured. With
# DEPLOY_ROOT=FOLDER it writes below that folder and touches nothing else: a look at what it does.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${DEPLOY_ROOT:-}
program="" network=main websocket=127.0.0.1:8765 mine="" with="" start=yes peers=()

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

for argument in "$@"; do
    value=${argument#*=}
    case "$argument" in
        --program=*) program=$value ;;
        --network=*) network=$value ;;
        --peer=*) peers+=("$value") ;;
        --websocket=*) websocket=$value ;;
        --mine=*) mine=$value ;;
        --with=*) with=$value ;;
        --no-start) start=no ;;
        *) usage ;;
    esac
done
case "$network" in main | testnet | regtest) ;; *) echo "deploy.sh: no network is called $network" >&2; exit 2 ;; esac
for part in ${with//,/ }; do
    case "$part" in nginx | haproxy | firewall | audit | prometheus) ;; *) usage ;; esac
done
if [ ! -x "$program" ]; then
    echo "deploy.sh: --program=FILE names the program to install; scripts/build makes it" >&2
    exit 2
fi
version=$("$program" --version | awk '{ print $2 }')
wants() { case ",$with," in *",$1,"*) return 0 ;; *) return 1 ;; esac; }
say() { printf '%-10s %s\n' "$1" "$2"; }

if [ -z "$root" ]; then
    [ "$(id -u)" = 0 ] || { echo "deploy.sh: needs root" >&2; exit 3; }
    command -v apt-get >/dev/null || { echo "deploy.sh: this is neither Debian nor Ubuntu" >&2; exit 3; }
    packages=(logrotate gnupg socat curl)
    wants nginx && packages+=(nginx-light)
    wants haproxy && packages+=(haproxy)
    wants firewall && packages+=(nftables)
    wants audit && packages+=(auditd)
    wants prometheus && packages+=(prometheus prometheus-node-exporter)
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    # A fixed number, which the audit rules name.
    getent group forthcoin >/dev/null || groupadd --system --gid 8333 forthcoin
    getent passwd forthcoin >/dev/null ||
        useradd --system --uid 8333 --gid 8333 --home-dir /var/lib/forthcoin --shell /usr/sbin/nologin forthcoin
    owner=(-o forthcoin -g forthcoin)
else
    owner=()
fi

# A file that belongs to us: always the newest. One that is the operator's is kept once it is there.
ours() { install -D -m "$1" "$2" "$root$3"; say installed "$3"; }
theirs() {
    if [ -e "$root$3" ]; then say kept "$3"; else ours "$@"; fi
}

ours 0755 "$program" "/usr/local/lib/forthcoin/$version/forthcoin"
mkdir -p "$root/usr/local/bin"
ln -sfn "../lib/forthcoin/$version/forthcoin" "$root/usr/local/bin/forthcoin.new"
mv -T "$root/usr/local/bin/forthcoin.new" "$root/usr/local/bin/forthcoin"
say current "/usr/local/bin/forthcoin is $version"
for file in "$here"/../scripts/*.sh "$here"/../scripts/*.fs; do
    [ ! -f "$file" ] || ours 0755 "$file" "/usr/local/share/forthcoin/scripts/$(basename "$file")"
done
ours 0644 "$here/../docs/OPERATIONS.md" /usr/local/share/forthcoin/docs/OPERATIONS.md
ours 0644 "$here/man/forthcoin.1" /usr/local/share/man/man1/forthcoin.1
ours 0644 "$here/completions/forthcoin.bash" /usr/local/share/bash-completion/completions/forthcoin
ours 0644 "$here/completions/_forthcoin" /usr/local/share/zsh/site-functions/_forthcoin
ours 0644 "$here/completions/forthcoin.fish" /usr/local/share/fish/vendor_completions.d/forthcoin.fish
install -d -m 0700 "${owner[@]}" "$root/var/lib/forthcoin" "$root/var/backups/forthcoin"

configured=$(mktemp)
trap 'rm -f "$configured"' EXIT
{
    sed -e "s|^FORTHCOIN_NETWORK=.*|FORTHCOIN_NETWORK=$network|" \
        -e "s|^FORTHCOIN_WEBSOCKET=.*|FORTHCOIN_WEBSOCKET=$websocket|" "$here/systemd/forthcoin.env"
    # A comma between: the node reads a list of peers so.
    [ "${#peers[@]}" = 0 ] || (IFS=, && printf 'FORTHCOIN_PEER=%s\n' "${peers[*]}")
    [ -z "$mine" ] || printf 'FORTHCOIN_MINE=%s\n' "$mine"
} >"$configured"
theirs 0644 "$configured" /etc/forthcoin/forthcoin.env
for unit in forthcoin.service forthcoin-backup.service forthcoin-backup.timer; do
    ours 0644 "$here/systemd/$unit" "/etc/systemd/system/$unit"
done
ours 0644 "$here/logrotate/forthcoin" /etc/logrotate.d/forthcoin
if wants audit; then ours 0640 "$here/audit/forthcoin.rules" /etc/audit/rules.d/forthcoin.rules; fi
if wants nginx; then theirs 0644 "$here/nginx/forthcoin-tls.conf" /etc/nginx/conf.d/forthcoin.conf; fi
if wants haproxy; then theirs 0644 "$here/haproxy/haproxy.cfg" /etc/haproxy/haproxy.cfg; fi
if wants prometheus; then
    theirs 0644 "$here/monitoring/prometheus.yml" /etc/prometheus/prometheus.yml
    ours 0644 "$here/monitoring/alerts.yml" /etc/prometheus/alerts.yml
fi
# A firewall that is switched on by a script shuts people out of their machine: it is only laid down.
if wants firewall; then theirs 0644 "$here/firewall/nftables.conf" /etc/nftables.forthcoin.conf; fi

[ -z "$root" ] || { echo "nothing was started: DEPLOY_ROOT is set"; exit 0; }
if wants audit; then augenrules --load >/dev/null; fi
if wants firewall; then
    echo "read /etc/nftables.forthcoin.conf, put your networks in, then: nft -f /etc/nftables.forthcoin.conf"
fi
systemctl daemon-reload
systemctl enable --quiet forthcoin.service forthcoin-backup.timer
if [ "$start" = yes ]; then
    systemctl restart forthcoin.service
    systemctl start forthcoin-backup.timer
    # Type=notify: this returns once the node says that it is ready.
    systemctl --no-pager --lines=0 status forthcoin.service
fi
