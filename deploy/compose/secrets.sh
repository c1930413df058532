#!/bin/sh
# Makes the passwords that compose.yaml hands to the containers as files. What is there already stays as it is.
set -eu
cd "$(dirname "$0")"
# The folder keeps others out; the files are read by the containers' own users.
mkdir -p -m 0700 secrets
for name in postgres-password redis-password s3-access-key s3-secret-key; do
  [ -s "secrets/$name" ] || (umask 022 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"secrets/$name")
done
