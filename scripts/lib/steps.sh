# shellcheck shell=bash
# Sourced first by every script: where things are, one line for each step with its time, and failing in words.
# All of it goes to stderr: stdout belongs to the program that a script starts.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=$root/.heddle
logs=$state/logs

# Without compiled files every import would compile anew, which costs seconds at each start.
unset PYTHONDONTWRITEBYTECODE

say() {
    printf '%s\n' "$*" >&2
}

# fail TEXT…: ends the script; each argument is a line, the last ones say what to do.
fail() {
    printf '✗ %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}

# step NAME COMMAND…: runs the command with its output in a log; a failure shows the end of the log.
step() {
    local name=$1 log started microseconds
    shift
    mkdir -p "$logs"
    log=$logs/$(printf '%s' "$name" | tr -cs '[:alnum:]' - | tr '[:upper:]' '[:lower:]').log
    started=${EPOCHREALTIME/[.,]/}
    # Not as a condition: there, `set -e` would be off inside the command.
    set +e
    (set -e && "$@") >"$log" 2>&1 </dev/null
    local status=$?
    set -e
    microseconds=$((${EPOCHREALTIME/[.,]/} - started))
    if [ "$status" -ne 0 ]; then
        printf '✗ %s\n' "$name" >&2
        tail -n 20 "$log" | sed 's/^/  /' >&2
        say "  The whole output is in ${log#"$root/"}."
        exit 1
    fi
    printf '✓ %s %d.%d s\n' "$name" $((microseconds / 1000000)) $((microseconds / 100000 % 10)) >&2
}

# fingerprint FILE…: one checksum of what the files hold and how they are called.
fingerprint() {
    sha256sum -- "$@" | sha256sum | cut -d ' ' -f 1
}
