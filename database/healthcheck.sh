#!/bin/bash
# Whether the database is healthy, in the image. See --help.
set -euo pipefail

usage() {
  cat <<'END'
Usage: healthcheck.sh

Looks at the database at DB_PATH (/data/ltplabs.db): whether it is there and can be read, whether this image knows its
schema, and whether the disk has room. Only reads, and is quick whatever the size of the file.

Exit status: 0 when it is healthy, 1 when it is not; the message says why.
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

export DB_PATH="${DB_PATH:-/data/ltplabs.db}"
exec ecatalog db health
