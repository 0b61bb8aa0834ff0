#!/bin/sh
# Gives each file of the secrets folder as the environment variable of its name, then becomes the command.
#
# So a password is a file (a Compose secret, a Kubernetes Secret), stands in no manifest and in no `docker inspect`.
# Only names such as PGPASSWORD count; what Kubernetes adds (..data) is passed over.
set -eu

folder="${SECRETS_FOLDER:-/run/secrets/oresight}"
if [ -d "$folder" ] && ! { [ -r "$folder" ] && [ -x "$folder" ]; }; then
  echo "oresight: user $(id -u) may not enter the folder of secrets $folder" >&2
  exit 2
fi
for file in "$folder"/*; do
  name="${file##*/}"
  case "$name" in
    "" | [0-9]* | *[!A-Z0-9_]*) continue ;;
  esac
  [ -f "$file" ] || continue
  if [ ! -r "$file" ]; then
    echo "oresight: user $(id -u) may not read the secret $file; give it mode 0444 in a folder that only you can enter" >&2
    exit 2
  fi
  value="$(cat "$file")"
  export "$name=$value"
done

exec "$@"
