#!/bin/sh
# Makes the Python code of the contract in a folder: generate.sh FOLDER [PYTHON]
set -eu
folder=$1
python=${2:-python3}
proto=$(cd "$(dirname "$0")/../../proto" && pwd)
mkdir -p "$folder"
exec "$python" -m grpc_tools.protoc -I "$proto" --python_out="$folder" --grpc_python_out="$folder" \
  stoa/plugin/v1/plugin.proto stoa/plugin/v1/memory_store.proto
