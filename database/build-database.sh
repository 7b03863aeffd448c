#!/usr/bin/env bash
# Builds the image of the database. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/needs.sh"

usage() {
  cat <<END
Usage: $(basename "$0") [--tag NAME] [--base IMAGE] [--builder IMAGE]

Builds the image of the database, from the root of the project.

  --tag NAME        what it is called; $IMAGE without it
  --base IMAGE      what it stands on: Debian with Python 3.11 or newer; python:3.13-slim without it
  --builder IMAGE   where it is built: the same Python, with pip; the base without it
END
}

build_image database/Dockerfile "$@"
say "Try it: database/test-database.sh"
