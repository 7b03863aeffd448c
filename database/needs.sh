# What the scripts of this folder share: they speak, refuse, and look whether Docker or a cluster is there.
# shellcheck shell=bash
# Sourced, not run.

IMAGE=${IMAGE:-ltplabs/sqlite-database:latest}

say() { printf '%s\n' "$*"; }

# Exit status 78 (EX_CONFIG of sysexits.h): the same command again would not help before something else is done.
refuse() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 78
}

wrong_usage() {
  usage >&2
  exit 2
}

need_docker() {
  command -v docker >/dev/null || refuse "Docker is missing. Install it (Debian: apt-get install docker.io), then try again."
  local said
  said=$(docker version --format '{{.Server.Version}}' 2>&1 >/dev/null) ||
    refuse "No Docker engine answers. Start one, or name it in DOCKER_HOST. Docker says: ${said##*$'\n'}"
}

need_cluster() {
  command -v kubectl >/dev/null || refuse "kubectl is missing. Install it (https://kubernetes.io/docs/tasks/tools), then try again."
  local said
  said=$(kubectl version --request-timeout=10s 2>&1 >/dev/null) ||
    refuse "No cluster answers. Start one, or choose another with kubectl config use-context. kubectl says: ${said##*$'\n'}"
}

# 256 random bits as text, for one secret.
new_secret() { head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_'; }

# Builds the image $IMAGE from a Dockerfile of the project, as --tag, --base and --builder say.
# Usage: build_image OF_WHAT DOCKERFILE [OPTION...]
build_image() {
  local what=$1 file=$2 base=${BASE:-} builder=${BUILDER:-}
  shift 2
  usage() {
    cat <<END
Usage: $(basename "$0") [--tag NAME] [--base IMAGE] [--builder IMAGE]

Builds the image of $what, from the root of the project.

  --tag NAME        what it is called; $IMAGE without it
  --base IMAGE      what it stands on: Debian with Python 3.11 or newer; python:3.13-slim without it
  --builder IMAGE   where it is built: the same Python, with pip; the base without it
END
  }
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
  local root version revision
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml")
  revision=$(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)
  local arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
  [[ -z $base ]] || arguments+=(--build-arg "BASE=$base")
  [[ -z $builder ]] || arguments+=(--build-arg "BUILDER=$builder")
  docker build --tag "$IMAGE" --file "$root/$file" "${arguments[@]}" "$root"
  say "Built $IMAGE, version $version."
}
