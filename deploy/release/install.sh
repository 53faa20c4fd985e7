#!/bin/sh
# Installs ClusterConnect's client from a relay's /download/ folder, after verifying that its makers signed it.
#
#   sh install.sh --from https://relay.example.com [--version X.Y.Z] [--to FOLDER] [--kubectl-plugin]
#
# The keys below are what is trusted: take this script from the project, not from the relay that it is to check.
# Needs ssh-keygen (OpenSSH 8.1 or later), curl or wget, and sha256sum, shasum or openssl. Nothing is installed unless all checks pass.
set -eu

# BEGIN RELEASE KEYS
release_keys='release@clusterconnect.dev namespaces="clusterconnect-release" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJsNpgXPkrR9IVN+9bdPlX6lyzhny/+B2iLQqKUE/Qi0'
# END RELEASE KEYS

fail() { echo "install.sh: $*; nothing was installed" >&2; exit 1; }
usage() { sed -n '2,4p' "$0" >&2; exit 2; }

from='' to="${HOME:-}/.local/bin" version='' plugin=no
while [ $# -gt 0 ]; do
  case $1 in
    --from | --to | --version)
      [ $# -ge 2 ] || usage
      case $1 in --from) from=$2 ;; --to) to=$2 ;; --version) version=$2 ;; esac
      shift 2 ;;
    --kubectl-plugin) plugin=yes; shift ;;
    *) usage ;;
  esac
done
[ -n "$from" ] || usage
case $from in
  https://*) ;;
  http://127.0.0.1:* | http://localhost:*) ;;
  *) fail "--from $from: expected https://HOST" ;;
esac
from=${from%/}; from=${from%/download}

case $(uname -s) in
  Linux) system=linux ;;
  Darwin) system=darwin ;;
  *) fail "no binary for $(uname -s); on Windows use install.ps1" ;;
esac
case $(uname -m) in
  x86_64 | amd64) machine=x64 ;;
  aarch64 | arm64) machine=arm64 ;;
  *) fail "no binary for $(uname -m)" ;;
esac
name="clusterconnect-$system-$machine"
if [ "$system" = linux ] && ! [ -e /lib64/ld-linux-x86-64.so.2 ] && ! [ -e /lib/ld-linux-aarch64.so.1 ]; then name="$name-musl"; fi

command -v ssh-keygen >/dev/null 2>&1 || fail "ssh-keygen (OpenSSH 8.1 or later) is needed to verify the signature"

work=$(mktemp -d)
new=''
trap 'rm -rf "$work"; [ -z "$new" ] || rm -f "$new"' EXIT
trap 'exit 1' HUP INT TERM

if command -v curl >/dev/null 2>&1; then
  fetch() { curl -fsS --proto '=https,http' -o "$work/$1" "$from/download/$1"; }
elif command -v wget >/dev/null 2>&1; then
  fetch() { wget -q -O "$work/$1" "$from/download/$1"; }
else
  fail "curl or wget is needed"
fi
sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum <"$1"
  elif command -v shasum >/dev/null 2>&1; then shasum -a 256 <"$1"
  else openssl dgst -sha256 -r <"$1"
  fi | cut -d' ' -f1
}
# check NAME: the file is the one that the signed list names, and the list names it once.
check() {
  wanted=$(awk -v name="$1" '$2 == name { print $1 }' "$work/SHA256SUMS")
  [ ${#wanted} -eq 64 ] || fail "the signed list does not name $1 exactly once"
  [ "$(sha256 "$work/$1")" = "$wanted" ] || fail "$1 is not the file that was signed"
}

if [ -n "${CLUSTERCONNECT_ALLOWED_SIGNERS:-}" ]; then
  cat "$CLUSTERCONNECT_ALLOWED_SIGNERS" >"$work/allowed_signers"
else
  printf '%s\n' "$release_keys" >"$work/allowed_signers"
fi
fetch SHA256SUMS || fail "$from/download/SHA256SUMS cannot be had"
fetch SHA256SUMS.sig || fail "$from has no signature of its checksums"
ssh-keygen -Y verify -f "$work/allowed_signers" -I release@clusterconnect.dev -n clusterconnect-release \
  -s "$work/SHA256SUMS.sig" <"$work/SHA256SUMS" >/dev/null 2>"$work/why" ||
  fail "the checksums are not signed by a release key ($(tail -n 1 "$work/why"))"

fetch version.txt || fail "$from/download/version.txt cannot be had"
check version.txt
offered=$(cat "$work/version.txt")
[ -z "$version" ] || [ "$version" = "$offered" ] || fail "$from has version $offered, expected $version"
fetch "$name" || fail "$from/download/$name cannot be had"
check "$name"

mkdir -p "$to"
new=$(mktemp "$to/.clusterconnect.XXXXXX")
cat "$work/$name" >"$new"
chmod 755 "$new"
mv -f "$new" "$to/clusterconnect"
new=''
[ "$plugin" = no ] || ln -sf clusterconnect "$to/kubectl-clusterconnect"
echo "clusterconnect $offered is at $to/clusterconnect; its signature is good" >&2
case ":$PATH:" in *":$to:"*) ;; *) echo "Add $to to your PATH to call it by name." >&2 ;; esac
