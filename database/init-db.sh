#!/bin/bash
# Prepares the database of the catalog, in the image. See --help.
set -euo pipefail

usage() {
  cat <<'END'
Usage: init-db.sh [COMMAND...]

Prepares the database at DB_PATH (/data/ltplabs.db), then becomes COMMAND, if there is one.

  no file              it is created, with sample data when LOAD_SEED_DATA is true
  an older schema      it is migrated, after a copy was made beside it
  a catalog that runs  nothing is changed, the file is only checked
  otherwise            nothing is changed

Exit status: 0 when the database is good, 1 when it is not, 78 when it could not be prepared; the message says why.
END
}

case "${1:-}" in
  -h | --help)
    usage
    exit 0
    ;;
  -*)
    usage >&2
    exit 2
    ;;
esac

export DB_PATH="${DB_PATH:-/data/ltplabs.db}"
# Sample data is for whoever can reach the file; the catalog itself refuses to show it to other machines.
ECATALOG_HOST=127.0.0.1 ecatalog db prepare

if (($#)); then
  exec "$@"
fi
