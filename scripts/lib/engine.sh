# shellcheck shell=bash
# A Docker Engine that answers: found, or installed and started.

: "${state:?lib/steps.sh comes first}" "${logs:?lib/steps.sh comes first}"

# Leaves what the Engine said, version or complaint, in engine_said.
engine_answers() {
    engine_said=$(timeout 20 docker version --format '{{.Server.Version}}' 2>&1)
}

engine_packages() {
    # Newer releases have the command line in a package of its own.
    if has_package docker-cli; then
        echo docker.io docker-cli
    else
        echo docker.io
    fi
}

# ensure_engine: fails in words where there can't be one.
ensure_engine() {
    engine_answers && return
    if ! command -v docker >/dev/null || { [ -z "${DOCKER_HOST:-}" ] && ! command -v dockerd >/dev/null; }; then
        # shellcheck disable=SC2046 # names of packages, one or two
        ensure_packages "Docker packages" "Heddle needs a Docker Engine" $(engine_packages)
        engine_answers && return
    fi
    [ -z "${DOCKER_HOST:-}" ] || fail "No Docker Engine answers at DOCKER_HOST=$DOCKER_HOST: ${engine_said//$'\n'/ }" \
        "Start it, or unset DOCKER_HOST to use one on this machine."
    refuse_missing_right
    require_root "Docker Engine is installed but does not run" "systemctl start docker (without systemd: dockerd)"
    start_engine
}

may_not_use() {
    [[ $engine_said == *"permission denied"* ]]
}

refuse_missing_right() {
    ! may_not_use || fail "Docker Engine runs, but you may not use it." \
        "Once: sudo usermod -aG docker \"\$USER\", then log in again (or: newgrp docker) and start again."
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        step "Docker Engine started" as_root systemctl enable --now docker
    else
        step "Docker Engine started" start_daemon
        say "  It keeps running without Heddle. To end it, as root: kill $(<"$state/dockerd.pid") (log: .heddle/logs/dockerd.log)"
    fi
    engine_answers || refuse_missing_right
}

# Where no systemd runs: a daemon of our own, cut loose from this script and its output, one at most.
start_daemon() {
    local pidfile=$state/dockerd.pid log=$logs/dockerd.log launches=0
    for _ in $(seq 150); do
        if engine_answers || may_not_use; then
            return
        fi
        # One that is there may be on its way out, and hold what its successor needs for a moment longer.
        if ! lives "$launches" "$pidfile"; then
            [ "$launches" -lt 5 ] || break
            launches=$((launches + 1))
            forget_dead_daemons
            # shellcheck disable=SC2016 # the inner shell's arguments
            as_root sh -c 'setsid dockerd >"$1" 2>&1 </dev/null & echo "$!" >"$2"' sh "$log" "$pidfile"
        fi
        sleep 0.3
    done
    tail -n 12 "$log"
    fail "dockerd did not start." \
        "Inside a container it needs --privileged. Or set DOCKER_HOST to a Docker Engine that runs elsewhere."
}

# lives LAUNCHES PIDFILE: one that we launched just now by its number, an older one by its name too.
lives() {
    if [ "$1" -gt 0 ]; then
        process_lives "$(<"$2")"
    else
        daemon_lives "$2"
    fi
}

# Whatever its name: just after the start it is still the shell that becomes dockerd. A zombie does not live.
process_lives() {
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

# After a crash Docker refuses to start while the number in its own files is taken, be it by a zombie.
forget_dead_daemons() {
    local file
    for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
        [ ! -e "$file" ] || process_lives "$(<"$file")" || as_root rm -f "$file"
    done
}

# By its name too: after a restart of the machine the number may be another program's.
daemon_lives() {
    [ -e "$1" ] && [ "$(cat "/proc/$(<"$1")/comm" 2>/dev/null)" = dockerd ]
}
