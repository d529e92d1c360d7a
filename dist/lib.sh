# What the scripts of this folder share. To be sourced.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$here")
out=${HASHRANGE_DIST:-$top/target/dist}
export CARGO_TERM_COLOR=never
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$top/Cargo.toml" | head -1)
mkdir -p "$out"

fail() { echo "$(basename "$0"): $*" >&2; exit 1; }

# A folder of Python programs of these scripts, with the packages that are named.
python_tools() {
    # A checkout that was moved has programs that name the Python of another place.
    "$out/venv/bin/pip" --version >/dev/null 2>&1 || python3 -m venv --clear "$out/venv"
    "$out/venv/bin/pip" install -q --disable-pip-version-check "$@"
}

# The program to pack: $HASHRANGE_BIN, or the newest one that dist/archives built for this machine.
binary() {
    local target
    if [ -n "${HASHRANGE_BIN:-}" ]; then
        [ -x "$HASHRANGE_BIN" ] || fail "HASHRANGE_BIN=$HASHRANGE_BIN is no program"
        echo "$HASHRANGE_BIN"
        return
    fi
    target="$(uname -m)-unknown-linux-musl"
    [ -x "$out/bin/$target/hashrange" ] || fail "there is no program of this machine; run dist/archives first, or set HASHRANGE_BIN"
    echo "$out/bin/$target/hashrange"
}

# Runs a command where the ports of containers are: here, or in the network of dist/engine.
in_engine() {
    if [ -n "${ENGINE_PID:-}" ]; then nsenter --target "$ENGINE_PID" --net -- "$@"; else "$@"; fi
}
