# Sourced by parts of tests/run that start one server at a time.

# Starts a server that prints where it listens; puts the HOST:PORT in $address.
start() {
    exec 3< <(exec "$@")
    server=$!
    local line
    IFS= read -r -t 30 -u 3 line || { echo "$1 does not say where it listens" >&2; exit 1; }
    address="${line##*://}"
}

# Ends what `start` started, by its process id.
stop() {
    [[ -n ${server:-} ]] || return 0
    kill "$server" 2>/dev/null || { echo "the server has died" >&2; server=; exit 1; }
    wait "$server" 2>/dev/null || true
    server=
    exec 3<&-
}

trap 'status=$?; [[ -z ${server:-} ]] || kill "$server" 2>/dev/null; exit "$status"' EXIT
