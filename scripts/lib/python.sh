# shellcheck shell=bash
# The virtual environment .venv: made once, and filled anew only when what it is made of changed.

: "${root:?lib/steps.sh comes first}"

venv=$root/.venv
readonly oldest_python=3.11

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    fail "Heddle needs Python $oldest_python or newer; this machine has $(python3 --version 2>/dev/null || echo none)." \
        "On Debian 12 or Ubuntu 24.04 and newer: apt-get install python3. On Ubuntu 22.04: apt-get install python3.11 python3.11-venv."
}

make_venv() {
    "$1" -m venv --clear "$venv"
}

# A Python that was replaced or removed leaves a link to nothing: then the environment is made again.
ensure_venv() {
    [ -x "$venv/bin/python" ] && [ -f "$venv/pyvenv.cfg" ] && [ -e "$venv/made" ] && return
    local python version
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
        ensure_packages "Python's venv module" "Python can't make virtual environments" "$version"
    fi
    step "Virtual environment" make_venv "$python"
    touch "$venv/made"
}

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --compile "$@"
}

# Heddle itself is a link to this checkout, built by what the requirements hold: nothing else is fetched.
install_requirements() {
    pip_install --require-hashes -r "$1"
    pip_install --no-deps --no-build-isolation -e "$root"
}

# The address of the checkout belongs to it: a moved one has an environment that points elsewhere.
requirements_stamp() {
    printf '%s %s' "$root" "$(fingerprint "$1" "$root/pyproject.toml")"
}

# ensure_requirements FILE: FILE's packages and Heddle in the environment, which must be there.
ensure_requirements() {
    local stamp
    stamp=$(requirements_stamp "$1")
    local file
    file=$venv/$(basename "$1").installed
    [ -e "$file" ] && [ "$(<"$file")" = "$stamp" ] && return
    step "Python packages" install_requirements "$1"
    printf '%s' "$stamp" >"$file"
}
