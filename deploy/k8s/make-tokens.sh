#!/usr/bin/env bash
# Makes the tokens that the parts of the catalog show to the gateway. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../database/needs.sh"

usage() {
  cat <<'END_OF_USAGE'
Usage: make-tokens.sh [--anew]

Creates the secret ecatalog-tokens in the current namespace: a random token each for edges, launcher and backups. One
that is there stays as it is.

  --anew   other tokens in place of those that are there; then start gateway, edges and launcher anew
END_OF_USAGE
}

anew=
case "${1:-}" in
  "") ;;
  -h | --help) usage && exit 0 ;;
  --anew) anew=yes ;;
  *) wrong_usage ;;
esac

need_cluster
found=$(kubectl get secret ecatalog-tokens --ignore-not-found --output name)
if [[ -n $found && -z $anew ]]; then
  say "$found stays as it is"
  exit 0
fi
[[ -z $found ]] || kubectl delete secret ecatalog-tokens
# By standard input: other accounts of this machine can read command lines. Created rather than applied, which would keep
# the tokens a second time in an annotation.
{
  printf '%s\n' 'apiVersion: v1' 'kind: Secret' 'metadata:' '  name: ecatalog-tokens' 'type: Opaque' 'stringData:'
  for name in edge launcher backup; do
    printf '  %s: %s\n' "$name" "$(new_secret)"
  done
} | kubectl create --filename -
