# shellcheck shell=bash
# In place of ssh and systemd: every machine is this one.
on_host() { bash -c "$2"; }
service() { tests/peers/ops/unit.sh "$2" "${node_unit[$1]:?}"; }
