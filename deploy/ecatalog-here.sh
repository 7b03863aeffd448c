#!/usr/bin/env bash
# `ecatalog` on a machine that runs it by deploy/ecatalog.service: with the account, the settings and the data of that unit.
# Typed in a shell of one's own it would look elsewhere, and find neither the password of the backups nor the mail server.
#
#   sudo install -m 0755 deploy/ecatalog-here.sh /usr/local/bin/ecatalog
#   sudo ecatalog doctor
set -euo pipefail

# systemd puts variables in place of `$NAME`, the secrets of the unit among them: `$$` is the sign itself.
exec systemd-run --quiet --collect --wait --pty --pipe \
  --uid=ecatalog --gid=ecatalog --working-directory=/var/lib/ecatalog \
  --property=EnvironmentFile=-/etc/ecatalog-litestream.env --property=EnvironmentFile=/etc/ecatalog.env --property=UMask=0077 --setenv=ECATALOG_DATA=/var/lib/ecatalog \
  /opt/ecatalog/.venv/bin/ecatalog "${@//\$/\$\$}"
