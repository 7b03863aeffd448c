#!/usr/bin/env bash
# Builds the image of the database. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/needs.sh"

build_image "the database" database/Dockerfile "$@"
say "Try it: database/test-database.sh"
