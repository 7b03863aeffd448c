#!/usr/bin/env bash
# What the benchmarks need besides Python: load clients, nginx, and Node.js with npm for the peers.
set -euo pipefail
exec "$(dirname "$0")/need.sh" wrk wrk nginx nginx curl curl node nodejs npm npm taskset util-linux g++ g++
