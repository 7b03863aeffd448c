#!/usr/bin/env bash
# Builds the image of gateway, edge, launcher and engine guard. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/../database/needs.sh"
IMAGE=${ECATALOG_IMAGE:-ltplabs/ecatalog:latest}

build_image "gateway, edge, launcher and engine guard" deploy/Dockerfile "$@"
say "Start everything: deploy/compose.yaml says how."
