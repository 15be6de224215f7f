#!/bin/sh
# Finds Node 24 or newer, installs the locked npm packages when they are missing or out of date, and runs one
# TypeScript file of this project with it:
#
#     sh src/bootstrap.sh src/cli/main.ts ARGUMENTS…
#
# Needs a POSIX shell and npm (any Node that npm runs on). Where the machine's own Node is older than 24, the binary
# that the npm packages bring is used. Prints nothing when there is nothing to do.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
: "${INSTALL_CWD:=$PWD}" # what relative paths on the command line are relative to
export INSTALL_CWD

fail() {
  printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
  exit 3
}

is_node_24() {
  [ -x "$1" ] && [ "$("$1" -p 'Number(process.versions.node.split(".")[0]) >= 24' 2>/dev/null)" = true ]
}

# npm writes node_modules/.package-lock.json last, so a lock file newer than it means an install is due.
installed=$root/node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ "$root/package-lock.json" -nt "$installed" ]; then
  command -v npm >/dev/null 2>&1 || fail 'npm is not on this machine' 'install Node.js with npm (Debian: apt-get install npm) and run this again'
  printf 'installing npm packages …\n' >&2
  log=$(mktemp)
  if ! (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail 'npm ci did not succeed' 'read npm'"'"'s message above; the packages come from the registry that npm is configured for'
  fi
  rm -f "$log"
  touch "$installed"
fi

node=$root/node_modules/.bin/node
if ! is_node_24 "$node"; then
  node=$(command -v node || true)
  is_node_24 "$node" || fail 'no Node 24 for this machine' 'install Node 24 or newer and put it on PATH (npm brings one for Linux on x64 and arm64)'
fi

script=$1
shift
exec "$node" --disable-warning=ExperimentalWarning "$root/$script" "$@"
