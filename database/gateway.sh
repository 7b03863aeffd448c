# What the scripts of the image share: they ask the gateway first, and touch the file only when nobody answers.
# shellcheck shell=bash
# Sourced, not run.

# The exit status of `ecatalog` when nothing was heard from a gateway; what a gateway refuses has others.
NOBODY_ANSWERS=18

# Ends the script with what the gateway said to a command of ours; returns when no gateway is named, or none answers.
# Usage: ask_gateway COMMAND...
ask_gateway() {
  [[ -n ${ECATALOG_GATEWAY_URL:-} ]] || return 0
  local token status=0
  if ! token=$(cat "${ECATALOG_TOKEN_FILE:-/dev/null}") || [[ -z $token ]]; then
    echo "There is no token for the gateway: name a file with one in ECATALOG_TOKEN_FILE." >&2
    exit 78
  fi
  ECATALOG_URL=$ECATALOG_GATEWAY_URL ECATALOG_TOKEN=$token ecatalog "$@" --deadline 3600 || status=$?
  ((status == NOBODY_ANSWERS)) || exit "$status"
  echo "No gateway answers at $ECATALOG_GATEWAY_URL: it is done from the file." >&2
}
