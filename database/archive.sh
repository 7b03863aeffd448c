#!/bin/bash
# Moves old use of the catalog into compressed files, in the image. See --help.
set -euo pipefail

usage() {
  cat <<'END_OF_USAGE'
Usage: archive.sh [MONTHS]

Asks the gateway to move the use that is older than MONTHS (12) out of the database into compressed files, and does it
itself when no gateway answers. The daily sums, which screens and reports read, stay.

  ECATALOG_GATEWAY_URL   where the gateway is, such as http://ecatalog-gateway:8080; without it only the file is asked
  ECATALOG_TOKEN_FILE    a file with an API token of the gateway, with the scope backups:write
  DB_PATH                the database (/data/ltplabs.db)

Exit status: 0 when nothing as old as that is left in the database; otherwise the message says why.
END_OF_USAGE
}

months=12
case "${1:-}" in
  "") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *[!0-9]* | 0)
    usage >&2
    exit 2
    ;;
  *) months=$1 ;;
esac

# shellcheck source=database/gateway.sh
source "$(dirname "${BASH_SOURCE[0]}")/gateway.sh"
export DB_PATH="${DB_PATH:-/data/ltplabs.db}"

ask_gateway archive create --months "$months"
ecatalog archive --older-than "${months}m"
