#!/usr/bin/env bash
# The browser of the proofs: Debian's Chromium.
set -euo pipefail
exec "$(dirname "$0")/need.sh" chromium chromium
