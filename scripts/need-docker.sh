#!/usr/bin/env bash
# A Docker engine for proofs and benchmarks, with the images of the samples and one to build ours in. Prints the
# DOCKER_HOST to use.
# The engine that answers is taken; where none does, one of our own is started, where this account may.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
base=ecatalog-test-base:bookworm
builder=ecatalog-test-builder:bookworm
own=${TMPDIR:-/tmp}/ecatalog-docker

answers() { docker -H "$1" version >/dev/null 2>&1; }

as_root=()
((EUID == 0)) || as_root=(sudo -n)

start_own() {
  scripts/need.sh dockerd docker.io iptables iptables >&2
  echo "Starting a Docker engine in $own ..." >&2
  "${as_root[@]}" mkdir -p "$own"
  "${as_root[@]}" setsid --fork dockerd --data-root "$own/data" --exec-root "$own/run" --pidfile "$own/pid" \
    --host "unix://$own/docker.sock" --group "$(id -gn)" </dev/null >"$own/log" 2>&1
  for _ in {1..150}; do
    answers "unix://$own/docker.sock" && return
    sleep 0.2
  done
  echo "The Docker engine did not start; its last words:" >&2
  tail -5 "$own/log" >&2
  exit 1
}

host=
for candidate in "${DOCKER_HOST:-}" unix:///var/run/docker.sock "unix://$own/docker.sock"; do
  if [[ -n $candidate ]] && command -v docker >/dev/null && answers "$candidate"; then
    host=$candidate
    break
  fi
done
if [[ -z $host ]]; then
  start_own
  host=unix://$own/docker.sock
fi

export DOCKER_HOST=$host DOCKER_BUILDKIT=0
if ! docker image inspect "$base" >/dev/null 2>&1; then
  scripts/need.sh debootstrap debootstrap >&2
  echo "Making a base image with debootstrap; this takes a minute, once ..." >&2
  root=$(mktemp -d)
  trap '"${as_root[@]}" rm -rf "$root" "$root.log"' EXIT
  "${as_root[@]}" debootstrap --variant=minbase --include=python3 bookworm "$root" >"$root.log" || {
    tail -5 "$root.log" >&2
    exit 1
  }
  "${as_root[@]}" tar -C "$root" --exclude=./var/cache --exclude=./var/lib/apt --exclude=./usr/share/doc \
    --exclude=./usr/share/locale -c . | docker import - "$base" >/dev/null
fi
if ! docker image inspect "$builder" >/dev/null 2>&1; then
  echo "Making an image to build in, with pip and what this machine trusts; this takes a minute, once ..." >&2
  context=$(mktemp -d)
  cp /etc/ssl/certs/ca-certificates.crt "$context"
  cat >"$context/Dockerfile" <<END
FROM $base
RUN mkdir -p /var/cache/apt/archives/partial && apt-get update -qq && \\
    apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
COPY ca-certificates.crt /etc/ssl/certs/
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
END
  docker build --quiet --tag "$builder" "$context" >&2
  rm -r "$context"
fi
for sample in samples/*/; do
  name=ecatalog-samples/$(basename "$sample")
  docker build --quiet --build-arg "BASE=$base" --tag "$name" "$sample" >/dev/null 2>&1 ||
    docker build --build-arg "BASE=$base" --tag "$name" "$sample" >&2
done
echo "$host"
