#!/usr/bin/env bash
# Makes a backup of the catalog's database now. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/needs.sh"

usage() {
  cat <<'END'
Usage: backup-database.sh [--container NAME]

Makes a backup of the database in the cluster, and says where it is. It is made in the database's pod by
/scripts/backup.sh, which asks the gateway, and takes the file itself when no gateway answers.

  --container NAME   of a Docker container of the database image, instead of the pod in the cluster
END
}

container=
while (($#)); do
  case "$1" in
    -h | --help) usage && exit 0 ;;
    --container)
      container=${2:?"--container needs a name"}
      shift
      ;;
    *) wrong_usage ;;
  esac
  shift
done

if [[ -n $container ]]; then
  need_docker
  [[ $(docker inspect --format '{{.State.Running}}' "$container" 2>/dev/null) == true ]] ||
    refuse "No container $container runs. Look which do: docker ps"
  where="the container $container"
  run=(docker exec "$container")
else
  need_cluster
  pod=$(kubectl get pods -l app=ltplabs-database --field-selector=status.phase=Running -o name | head -1)
  [[ -n $pod ]] || refuse "No pod of the database runs. Deploy it: database/deploy-database.sh"
  where=$pod
  run=(kubectl exec "$pod" --)
fi

"${run[@]}" /bin/bash /scripts/backup.sh
say "The backup was made in $where."
