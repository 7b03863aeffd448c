#!/bin/bash
# Makes a backup of the catalog's database, in the image. See --help.
set -euo pipefail

usage() {
  cat <<'END'
Usage: backup.sh

Asks the gateway for a backup, and makes one from the file when no gateway answers. The last line says where it is.

  ECATALOG_GATEWAY_URL   where the gateway is, such as http://ecatalog-gateway:8080; without it only the file is asked
  ECATALOG_TOKEN_FILE    a file with an API token of the gateway, with the scope backups:write
  DB_PATH                the database (/data/ltplabs.db)
  ECATALOG_BACKUPS       where backups go: a folder (/data/backups), or s3://bucket/prefix
  BACKUP_PASSWORD_FILE   a file with what opens them

Exit status: 0 when there is a new backup, 1 when there is none; the message says why.
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

NOBODY_ANSWERS=3
export DB_PATH="${DB_PATH:-/data/ltplabs.db}"
export ECATALOG_BACKUPS="${ECATALOG_BACKUPS:-/data/backups}"

if [[ -n ${ECATALOG_GATEWAY_URL:-} ]]; then
  status=0
  /opt/ecatalog/bin/python /scripts/ask_gateway.py || status=$?
  ((status == NOBODY_ANSWERS)) || exit "$status"
  echo "No gateway answers at $ECATALOG_GATEWAY_URL: the backup is made from the file." >&2
fi

ecatalog backup create
