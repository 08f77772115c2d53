#!/bin/sh
# Builds the program, and says in image.json what the image is of. Arguments go to nix-build.
set -eu
cd "$(dirname "$0")"

# ./result keeps the program from being collected.
nix-build "$@" >/dev/null
sed "s|@greeter@|$(readlink result)|" image.json.in >image.json
