#!/bin/sh
# Runs the image in Docker over the store of this system. Arguments go to docker create.
set -eu
cd "$(dirname "$0")"

image=$(laminix load image.json --quiet)
# The paths have no spaces in them, so the shell may split the flags.
container=$(docker create "$@" $(laminix mounts image.json --for docker --quiet) "$image")
trap 'docker rm --force "$container" >/dev/null; laminix hold --sweep >/dev/null' EXIT
# From here on the container keeps its store paths, even if ./result changes; until it is removed.
laminix hold "$container" ./result >/dev/null
docker start --attach "$container"
