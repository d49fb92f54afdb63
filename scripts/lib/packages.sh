# shellcheck shell=bash
# Packages of the host, by apt, as root or through sudo.

# require_root WHY WHAT: where one neither is root nor may become it, fails and says what to do as root. Asks for
# sudo's password if need be: later, inside a step, there is no input.
require_root() {
    [ "$(id -u)" -eq 0 ] || {
        command -v sudo >/dev/null || fail "$1, and you are not root and have no sudo." "As root: $2. Then start again."
        sudo -v || fail "$1, and sudo refused." "As root: $2. Then start again."
    }
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

has_package() {
    apt-cache show "$1" >/dev/null 2>&1
}

# require_packages WHY NAME…: fails in words where packages can't be installed from here.
require_packages() {
    local why=$1
    shift
    command -v apt-get >/dev/null ||
        fail "$why, and this machine has no apt-get." "Install it another way (on Debian: apt-get install $*) and start again."
    require_root "$why" "apt-get install $*"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@"
}

install_packages() {
    apt_get update
    apt_get install -y --no-install-recommends "$@"
}

# ensure_packages STEP WHY NAME…: as one step.
ensure_packages() {
    local step=$1 why=$2
    shift 2
    require_packages "$why" "$@"
    step "$step" install_packages "$@"
}
