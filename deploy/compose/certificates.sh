#!/bin/sh
# Makes the authority of the cluster, its secret, a certificate for each node and one for the mail listeners. What is there
# already stays.
#   AUTHORITY  folder of the authority and its key, which no node sees
#   PKI        folder of what the nodes read
#   NODES      ids of the nodes, separated by spaces
#   OWNER      who may read the keys in PKI; unchanged without it
set -eu
[ -f "$AUTHORITY/ca.pem" ] || stoa cluster init-ca --folder "$AUTHORITY"

# issue NAME HOST...
issue() {
  name=$1
  shift
  if [ ! -f "$AUTHORITY/$name.pem" ]; then
    stoa cluster issue "$name" --folder "$AUTHORITY" --hosts "$@"
  fi
  cp "$AUTHORITY/$name.pem" "$AUTHORITY/$name-key.pem" "$PKI/"
}

for id in $NODES; do
  issue "node-$id" "coordinator-$id" "store-router-$id" "smtp-$id" "imap-$id" "roles-$id" localhost 127.0.0.1
done
# For a try. Clients trust a certificate of a public authority instead; see deploy/README.md.
issue mail localhost mail.example.test
cp "$AUTHORITY/ca.pem" "$AUTHORITY/secret" "$PKI/"
[ -z "${OWNER:-}" ] || chown -R "$OWNER" "$PKI"
