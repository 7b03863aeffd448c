#!/usr/bin/env bash
# Installs into /opt/ecatalog, in the build stage of an image: first the locked requirements, which change rarely, then
# the project, and a list of all that is in it.
# Usage: install_in_image.sh requirements | project
set -euo pipefail
venv=/opt/ecatalog
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore

requirements() {
  python3 -m venv "$venv"
  "$venv/bin/pip" install --require-hashes -r requirements/run.lock -r requirements/litestream.lock
  # Elsewhere, since what writes the list is no part of what it lists.
  python3 -m venv /opt/list
  /opt/list/bin/pip install --require-hashes -r requirements/sbom.lock
}

project() {
  "$venv/bin/pip" install --no-deps --no-build-isolation ./packages/ecatalog-client .
  # Nothing is built or installed where the image runs.
  "$venv/bin/pip" uninstall --yes editables hatchling pip setuptools
  /opt/list/bin/cyclonedx-py environment "$venv/bin/python" --pyproject pyproject.toml --output-reproducible \
    --output-format JSON --output-file "$venv/sbom.cdx.json"
}

case "${1:-}" in
  requirements | project) "$1" ;;
  *)
    echo "Usage: install_in_image.sh requirements | project" >&2
    exit 2
    ;;
esac
