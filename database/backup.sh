#!/bin/bash
# Makes a backup of the catalog's database, in the image. See --help.
set -euo pipefail

usage() {
  cat <<'END'
Usage: backup.sh

Asks the gateway for a backup, and makes one from the file when no gateway answers. What it says names the backup.

  ECATALOG_GATEWAY_URL   where the gateway is, such as http://ecatalog-gateway:8080; without it only the file is asked
  ECATALOG_TOKEN_FILE    a file with an API token of the gateway, with the scope backups:write
  DB_PATH                the database (/data/ltplabs.db)
  ECATALOG_BACKUPS       where backups go: a folder (/data/backups), or s3://bucket/prefix
  BACKUP_PASSWORD_FILE   a file with what opens them

Exit status: 0 when there is a new backup; otherwise the message says why.
END
}

case "${1:-}" in
  "") ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 2
    ;;
esac

# shellcheck source=database/gateway.sh
source "$(dirname "${BASH_SOURCE[0]}")/gateway.sh"
export DB_PATH="${DB_PATH:-/data/ltplabs.db}"
export ECATALOG_BACKUPS="${ECATALOG_BACKUPS:-/data/backups}"

ask_gateway backups create
ecatalog backup create
