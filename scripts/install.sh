#!/usr/bin/env bash
# Makes the virtual environment and installs the locked requirements and the project into it.
# Usage: install.sh PYTHON VENV LOCK
set -euo pipefail
python=$1 venv=$2 lock=$3

if ! command -v "$python" >/dev/null; then
  echo "Python is missing: install it (Debian, Ubuntu: apt-get install python3 python3-venv), then run this again." >&2
  exit 1
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$("$python" --version) is too old: Python 3.11 or newer is needed. Name one with make PYTHON=python3.12." >&2
  exit 1
fi
if [[ ! -x $venv/bin/python ]] && ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "This Python cannot make virtual environments: apt-get install python3-venv, then run this again." >&2
  exit 1
fi

[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes -r "$lock"
"${pip[@]}" install --no-deps --no-build-isolation -e packages/ecatalog-client -e .
