#!/usr/bin/env bash
# Prometheus and promtool, for the proofs of the rules. Debian's package starts a server for every machine that can reach
# port 9090; where it has just been installed for us, that one is ended.
set -euo pipefail
command -v promtool >/dev/null && exit 0
"$(dirname "$0")/need.sh" promtool prometheus
as_root=()
((EUID == 0)) || as_root=(sudo -n)
if [[ -d /run/systemd/system ]]; then
  "${as_root[@]}" systemctl disable --quiet --now prometheus
fi
