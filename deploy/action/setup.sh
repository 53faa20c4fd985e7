#!/bin/sh
# The action's script for Linux and macOS. The keys that it trusts are those of the repository that the action comes from.
set -eu
release=$(cd "$(dirname "$0")/../release" && pwd)
to="$RUNNER_TEMP/clusterconnect/bin"
set -- --from "$CLUSTERCONNECT_INSTALL_FROM" --to "$to"
[ -z "${CLUSTERCONNECT_INSTALL_VERSION:-}" ] || set -- "$@" --version "$CLUSTERCONNECT_INSTALL_VERSION"
[ "${CLUSTERCONNECT_INSTALL_PLUGIN:-}" != true ] || set -- "$@" --kubectl-plugin
CLUSTERCONNECT_ALLOWED_SIGNERS="${CLUSTERCONNECT_ALLOWED_SIGNERS:-$release/allowed_signers}" sh "$release/install.sh" "$@"
echo "$to" >>"$GITHUB_PATH"
