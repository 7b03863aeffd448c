#!/usr/bin/env bash
# What looks for weaknesses in the manifests of Kubernetes, in an environment of its own: it needs more than the whole
# project does, and older versions of it. Prints where the command is.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=artifacts/checkov
lock=requirements/checkov.lock

if ! cmp --silent "$lock" "$venv/checkov.lock"; then
  echo "Installing checkov into $venv; this takes a minute, once ..." >&2
  rm -rf "$venv"
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$lock"
  # Last, so that an attempt that failed is made again.
  cp "$lock" "$venv/checkov.lock"
fi
echo "$PWD/$venv/bin/checkov"
