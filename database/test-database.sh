#!/usr/bin/env bash
# Starts the database image on this machine and looks whether it does what it should. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/needs.sh"

usage() {
  cat <<END
Usage: test-database.sh [--all] [--image NAME]

Starts a container of the database image with a volume of its own, lets it initialise and load the sample data, runs
queries, and then offers a menu. The container and its volume are removed at the end.

  --all          run every test, without the menu, and exit with 0 only when all pass: for CI
  --image NAME   the image; $IMAGE without it
END
}

is_for_ci=
while (($#)); do
  case "$1" in
    -h | --help) usage && exit 0 ;;
    --all) is_for_ci=yes ;;
    --image)
      IMAGE=${2:?"--image needs a name"}
      shift
      ;;
    *) wrong_usage ;;
  esac
  shift
done

need_docker
docker image inspect "$IMAGE" >/dev/null 2>&1 || refuse "There is no image $IMAGE. Build it: database/build-database.sh"

name=ltplabs-database-test-$$
database=/data/ltplabs.db
failed=0
terminal=
[[ ! -t 0 ]] || terminal=yes

clear_away() {
  docker rm --force "$name" >/dev/null 2>&1 || true
  docker volume rm "$name" >/dev/null 2>&1 || true
}
trap clear_away EXIT

start() {
  docker volume create "$name" >/dev/null
  docker run --detach --name "$name" --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --memory 1g --volume "$name:/data" \
    --env LOAD_SEED_DATA=true --env BACKUP_PASSWORD="$(new_secret)" "$IMAGE" >/dev/null
}

inside() { docker exec "$name" "$@"; }

query() { inside sqlite3 "$database" "$1"; }

wait_until_healthy() {
  local tries
  for ((tries = 0; tries < 120; tries++)); do
    inside /scripts/healthcheck.sh >/dev/null 2>&1 && return
    [[ $(docker inspect --format '{{.State.Running}}' "$name") == true ]] || break
    sleep 0.5
  done
  docker logs "$name" >&2
  say "The database did not become healthy; above is what it says." >&2
  exit 1
}

# check WHAT COMMAND…: runs it, and says how that went.
check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then
    say "ok      $what"
  else
    say "FAILED  $what"
    printf '%s\n' "$said" | sed 's/^/        /'
    failed=$((failed + 1))
  fi
}

answers() { [[ $(query "$1") == "$2" ]] || { echo "$1 answers $(query "$1"), not $2" && return 1; }; }

has_rows() { (($(query "SELECT count(*) FROM $1") > 0)) || { echo "$1 is empty" && return 1; }; }

is_refused() { if query "$1"; then echo "$1 was let through" && return 1; fi; }

answers_health() {
  inside python -c 'import sys, urllib.request as web; sys.exit(web.urlopen("http://127.0.0.1:8080/").status != 200)'
}

changes_nothing() { inside /scripts/init-db.sh | grep -q "Nothing was changed"; }

cannot_write_root() { if inside touch /scripts/x; then return 1; fi; }

is_not_root() { (($(inside id -u) != 0)); }

makes_backup() { inside /bin/bash /scripts/backup.sh; }

survives_restart() {
  local before
  before=$(query "SELECT count(*), max(position) FROM audit_log")
  docker restart --time 10 "$name" >/dev/null
  wait_until_healthy
  answers "SELECT count(*), max(position) FROM audit_log" "$before"
}

run_queries() {
  local each
  for each in users clients demos docker_images client_demo_access usage_analytics access_requests audit_log \
    v_active_clients v_active_demos v_pending_requests v_client_usage_stats; do
    check "$each has rows" has_rows "$each"
  done
  check "there is one user of each role" answers "SELECT count(DISTINCT role) FROM users" 3
  check "every page is whole" answers "PRAGMA integrity_check" ok
  check "every reference leads somewhere" answers "SELECT count(*) FROM pragma_foreign_key_check" 0
  check "readers and a writer go together (WAL)" answers "PRAGMA journal_mode" wal
  check "text is not taken for a number" is_refused "UPDATE clients SET version = 'one'"
}

run_all() {
  run_queries
  check "the health check is content" inside /scripts/healthcheck.sh
  check "the health is answered on port 8080" answers_health
  check "preparing again changes nothing" changes_nothing
  check "the root of the container is read only" cannot_write_root
  check "it does not run as root" is_not_root
  check "a backup is made" makes_backup
  check "nothing is lost by a restart" survives_restart
}

menu() {
  local choice
  while true; do
    printf '\n%s\n' "1 queries   2 SQL shell   3 health   4 backup   5 log   6 all tests   q quit"
    read -r -p "> " choice || return 0
    case "$choice" in
      1) run_queries ;;
      2) docker exec --interactive ${terminal:+--tty} "$name" sqlite3 "$database" || true ;;
      3) inside /scripts/healthcheck.sh || true ;;
      4) makes_backup || true ;;
      5) docker logs "$name" 2>&1 ;;
      6) run_all ;;
      q) return 0 ;;
      *) say "Choose a number, or q." ;;
    esac
  done
}

say "Starting $IMAGE ..."
start
wait_until_healthy
say "The database is initialised, with sample data."
if [[ -n $is_for_ci ]]; then
  run_all
else
  run_queries
  menu
fi
((failed == 0)) || { say "$failed tests failed." >&2 && exit 1; }
say "All tests passed."
