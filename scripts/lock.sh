#!/usr/bin/env bash
# Writes requirements/*.lock: every version and hash that is installed, for run time and for development.
# Versions that are locked stay, unless --upgrade chooses all of them anew.
set -euo pipefail
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check uv

compile=("$tools/bin/uv" pip compile --quiet "$@" --universal --python-version 3.11 --generate-hashes --no-header
  --no-annotate --no-emit-package ecatalog-client
  pyproject.toml packages/ecatalog-client/pyproject.toml requirements/run.in)
"${compile[@]}" -o requirements/run.lock
"${compile[@]}" --group dev -o requirements/dev.lock
for tool in sbom checkov litestream; do
  "$tools/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
    --no-annotate "requirements/$tool.in" -o "requirements/$tool.lock"
done
