#!/usr/bin/env bash
# Makes the secrets of an installation with Docker. See --help.
set -euo pipefail

usage() {
  cat <<'END'
Usage: new-secrets.sh

Makes what is missing in deploy/secrets: a file of 256 random bits for each secret. What is there stays as it is.

Keep a copy of backup_password and encryption_key elsewhere: without them no backup is of use.
END
}

case "${1:-}" in
  "") ;;
  -h | --help) usage && exit 0 ;;
  *) usage >&2 && exit 2 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")"
# The directory keeps other accounts out. The files themselves are read in the containers, by user 10001.
install -d -m 0700 secrets
umask 022
for name in jwt_secret encryption_key backup_password edge_token launcher_token backup_token; do
  if [[ -s secrets/$name ]]; then
    echo "secrets/$name stays as it is"
    continue
  fi
  head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_' >"secrets/$name.new"
  mv "secrets/$name.new" "secrets/$name"
  echo "secrets/$name is new"
done
