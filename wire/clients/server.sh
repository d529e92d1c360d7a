# To be sourced: builds the server and starts it for the length of the script, with an empty database in memory, and with
# `serve_options` if that is set. Sets `here`, `root`, `installed` (a folder for clients, which later runs use again), and
# what clients need to find the server.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
installed=${HASHRANGE_CLIENTS:-${XDG_CACHE_HOME:-$HOME/.cache}/hashrange-clients}
mkdir -p "$installed"

cargo build --quiet --manifest-path "$root/Cargo.toml" -p hashrange-cli
server=$(mktemp)
"$root/target/debug/hashrange" serve --port 0 --in-memory ${serve_options:-} >"$server" &
pid=$!
trap 'kill $pid 2>/dev/null; rm -f "$server"' EXIT
for _ in $(seq 100); do
    grep -q '^listening on ' "$server" && break
    sleep 0.1
done
endpoint=$(sed -n 's/^listening on //p' "$server")
[ -n "$endpoint" ] || { echo "the server did not start" >&2; exit 1; }

export ENDPOINT=$endpoint AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1
export AWS_REGION=us-east-1 AWS_PAGER= INSTALLED=$installed
