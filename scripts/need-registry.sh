#!/usr/bin/env bash
# The image registry of the proofs, which start one of their own. Debian's package starts another one for every machine
# that can reach port 5000; where it has just been installed for us, that one is ended.
set -euo pipefail
command -v docker-registry >/dev/null && exit 0
"$(dirname "$0")/need.sh" docker-registry docker-registry
as_root=()
((EUID == 0)) || as_root=(sudo -n)
if [[ -d /run/systemd/system ]]; then
  "${as_root[@]}" systemctl disable --quiet --now docker-registry
fi
