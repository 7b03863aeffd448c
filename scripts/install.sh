#!/usr/bin/env bash
# Makes the virtual environment and installs the locked requirements and the project into it.
# Usage: install.sh PYTHON VENV LOCK
set -euo pipefail
python=$1 venv=$2 lock=$3

stop() {
  printf '%s\n' "$@" >&2
  exit 1
}

command -v "$python" >/dev/null ||
  stop "Python is missing. Debian, Ubuntu: apt-get install python3 python3-venv. Then run this again."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  stop "$("$python" --version) is too old: Python 3.11 or newer is needed." "Name one, as in: make run PYTHON=python3.12"

# An environment without pip is what is left of an attempt that failed, or of a Python that was removed.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    stop "This Python cannot make virtual environments. Debian, Ubuntu: apt-get install python3-venv. Then run this again."
  echo "Installing into $venv; this takes a minute, once." >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
fi

pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes -r "$lock"
"${pip[@]}" install --no-deps --no-build-isolation -e packages/ecatalog-client -e .
