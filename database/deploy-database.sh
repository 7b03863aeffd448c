#!/usr/bin/env bash
# Deploys the database to the cluster that kubectl talks to. See --help.
set -euo pipefail
# shellcheck source=database/needs.sh
source "$(dirname "${BASH_SOURCE[0]}")/needs.sh"

usage() {
  cat <<'END'
Usage: deploy-database.sh [--prepare] [--node NAME] [--timeout SECONDS]

Creates volume, claim, config map, secret, deployment and service in the current namespace, waits until the pod is
ready, and verifies its health. What is there already is brought up to date; a secret that is there stays as it is.

  --prepare           only volume, claim and secret, and the owner of the directory: for deploy/k8s/, which has the rest
  --node NAME         the node whose disk holds the database; needed where a cluster has several
  --timeout SECONDS   how long to wait for the pod; 180 without it
END
}

node='' timeout=180 is_preparing=
while (($#)); do
  case "$1" in
    -h | --help) usage && exit 0 ;;
    --prepare)
      is_preparing=yes
      shift
      continue
      ;;
    --node) node=${2:?"--node needs a name"} ;;
    --timeout) timeout=${2:?"--timeout needs a number of seconds"} ;;
    *) wrong_usage ;;
  esac
  shift 2
done

need_cluster
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

apply() { kubectl apply --filename "$here/$1"; }

# A directory of a node holds the data: a pod that came to another node would find it empty.
choose_node() {
  local known
  known=$(kubectl get persistentvolume sqlite-pv --ignore-not-found \
    --output 'jsonpath={.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]}')
  if [[ -n $known ]]; then
    [[ -z $node || $node == "$known" ]] ||
      refuse "The database is on the node $known and cannot be moved by this script. Leave out --node."
    return 0
  fi
  if [[ -z $node ]]; then
    local nodes
    nodes=$(kubectl get nodes --output 'jsonpath={range .items[*]}{.metadata.labels.kubernetes\.io/hostname}{"\n"}{end}')
    (($(wc -w <<<"$nodes") < 2)) ||
      refuse "This cluster has several nodes. Say whose disk holds the database with --node: ${nodes//$'\n'/, }"
    node=$nodes
  fi
}

bind_to_node() {
  [[ -n $node ]] || return 0
  kubectl patch persistentvolume sqlite-pv --type merge --patch '{"spec": {"nodeAffinity": {"required":
    {"nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In",
      "values": ["'"$node"'"]}]}]}}}}'
}

# Random values, once. They never stand in a command line, which other accounts of this machine could read, and they
# are created rather than applied, which would keep them a second time in an annotation.
create_secret() {
  local found line
  found=$(kubectl get secret ltplabs-database-secret --ignore-not-found --output 'jsonpath={.data.BACKUP_PASSWORD}')
  if [[ $found == "$(printf change-me | base64)" ]]; then
    say "The secret that is there is the one of the project, which everybody knows: it gets new values." >&2
    kubectl delete secret ltplabs-database-secret
  elif [[ -n $found ]]; then
    say "secret/ltplabs-database-secret stays as it is"
    return 0
  fi
  while IFS= read -r line; do
    printf '%s\n' "${line/: change-me/: $(new_secret)}"
  done <"$here/k8s-secret.yaml" | kubectl create --filename -
}

# The kubelet makes the directory as root, and the database does not run as root. A pod that may do nothing but change
# owners gives it to user 10001; where the namespace forbids such pods, somebody does that on the node.
own_directory() {
  local ready
  ready=$(kubectl get deployment ltplabs-database --ignore-not-found --output 'jsonpath={.status.readyReplicas}')
  [[ $ready != 1 ]] || return 0
  if may_run_as_root && owner_job_ends; then
    kubectl delete job ltplabs-database-owner --wait=false
    return 0
  fi
  kubectl delete job ltplabs-database-owner --ignore-not-found --wait=false >/dev/null
  say "The directory could not be given to user 10001 from here. On the node, type:" >&2
  say "  sudo install -d -o 10001 -g 10001 -m 0750 /mnt/data/ltplabs/database" >&2
}

# Where the namespace enforces the standard "restricted" a job is taken, but no pod of it ever comes: no need to wait.
may_run_as_root() {
  local namespace enforced
  namespace=$(kubectl config view --minify --output 'jsonpath={..namespace}')
  enforced=$(kubectl get namespace "${namespace:-default}" --ignore-not-found \
    --output 'jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}')
  [[ $enforced != restricted ]]
}

owner_job_ends() {
  kubectl delete job ltplabs-database-owner --ignore-not-found --wait >/dev/null
  apply k8s-owner-job.yaml 2>/dev/null &&
    kubectl wait --for=condition=complete --timeout="${timeout}s" job/ltplabs-database-owner
}

show_what_happened() {
  say "The database did not become ready within $timeout s. This is what the cluster says:" >&2
  kubectl get pods -l app=ltplabs-database --output wide >&2 || true
  kubectl describe pods -l app=ltplabs-database 2>/dev/null | sed -n '/^Events:/,$p' >&2 || true
  kubectl logs -l app=ltplabs-database --tail=20 >&2 || true
  exit 1
}

choose_node
apply k8s-persistent-volume.yaml
bind_to_node
apply k8s-persistent-volume-claim.yaml
create_secret
own_directory
if [[ -n $is_preparing ]]; then
  say "Volume, claim and secret are there. Deploy the rest: docs/guide/install-on-kubernetes.md"
  exit 0
fi
apply k8s-configmap.yaml
apply k8s-deployment.yaml
apply k8s-service.yaml
kubectl rollout status deployment/ltplabs-database --timeout="${timeout}s" || show_what_happened
kubectl exec deployment/ltplabs-database -- /scripts/healthcheck.sh || show_what_happened
say "The database is deployed and healthy. Look at it: kubectl get pods -l app=ltplabs-database"
