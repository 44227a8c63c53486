#!/usr/bin/env bash
# Holds auditd rules to auditctl. With the kernel's audit at hand they are loaded and taken out
# again; where it may not be touched, auditctl parses each before it is refused.
set -euo pipefail
rules=$1 work=$2
count=0
while IFS= read -r line; do
    case "$line" in '' | '#'*) continue ;; esac
    # A folder that is not on this machine would be an error of the place, not of the rule.
    line=${line//\/var\/lib\/forthcoin/$work}
    line=${line//\/usr\/local\/lib\/forthcoin\//$work\/}
    line=${line//\/etc\/forthcoin\//$work\/}
    read -ra words <<<"$line"
    said=$(auditctl "${words[@]}" 2>&1) || true
    case "$said" in
        '' | *'Operation not permitted'* | *'must be root'* | *'Protocol not supported'* | *'Connection refused'* | *'old style'*) ;;
        *) echo "$line: $said"; exit 1 ;;
    esac
    if [ -z "$said" ]; then
        words[0]=${words[0]/-a/-d}
        words[0]=${words[0]/-w/-W}
        auditctl "${words[@]}" >/dev/null
    fi
    count=$((count + 1))
done <"$rules"
# A rule that is wrong must be seen, or the above says nothing.
said=$(auditctl -a always,exit -F arch=b64 -S no_such_call -k x 2>&1) || true
case "$said" in *'yscall name unknown'*) ;; *) echo "auditctl found nothing wrong with a wrong rule: $said"; exit 1 ;; esac
echo "$count rules are read${said:+, a wrong one is refused}"
