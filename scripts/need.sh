#!/usr/bin/env bash
# Installs Debian packages where this account may, and says what to type where it may not.
# Usage: need.sh COMMAND PACKAGE [COMMAND PACKAGE ...]
set -euo pipefail

packages=()
while (($#)); do
  command -v "$1" >/dev/null || packages+=("$2")
  shift 2
done
((${#packages[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! sudo -n true 2>/dev/null; then
    echo "Missing: ${packages[*]}. Type: sudo apt-get install ${packages[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi
echo "Installing ${packages[*]} ..." >&2
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
