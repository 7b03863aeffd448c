#!/usr/bin/env bash
# Builds the image of the database. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/needs.sh"

usage() {
  cat <<END
Usage: build-database.sh [--tag NAME] [--base IMAGE] [--builder IMAGE]

Builds the image of the database, from the root of the project.

  --tag NAME        what it is called; $IMAGE without it
  --base IMAGE      what it stands on: Debian with Python 3.11 or newer; python:3.13-slim without it
  --builder IMAGE   where it is built: the same Python, with pip; the base without it
END
}

base=${BASE:-} builder=${BUILDER:-}
while (($#)); do
  case "$1" in
    -h | --help) usage && exit 0 ;;
    --tag) IMAGE=${2:?"--tag needs a name"} ;;
    --base) base=${2:?"--base needs an image"} ;;
    --builder) builder=${2:?"--builder needs an image"} ;;
    *) wrong_usage ;;
  esac
  shift 2
done

need_docker
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml")
revision=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
[[ -z $base ]] || arguments+=(--build-arg "BASE=$base")
[[ -z $builder ]] || arguments+=(--build-arg "BUILDER=$builder")

docker build --tag "$IMAGE" --file "$root/database/Dockerfile" "${arguments[@]}" "$root"
say "Built $IMAGE, version $version. Try it: database/test-database.sh"
