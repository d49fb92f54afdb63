# shellcheck shell=bash
# A Chromium for the browser tests, and the fonts that their screenshots need.

: "${venv:?lib/python.sh comes first}"

readonly fonts=(fonts-liberation fonts-noto-color-emoji)

missing_packages() {
    local name
    for name in "$@"; do
        [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

# Ubuntu's chromium is a snap, which can't be driven from outside: there playwright brings its own.
snaps_chromium() {
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release && echo "$ID")" = ubuntu ]
}

# ensure_browser_packages: what apt has; needs no Python.
ensure_browser_packages() {
    local wanted=("${fonts[@]}") missing
    snaps_chromium || command -v chromium >/dev/null || wanted+=(chromium)
    mapfile -t missing < <(missing_packages "${wanted[@]}")
    [ "${#missing[@]}" -eq 0 ] ||
        ensure_packages "Chromium and fonts" "The browser tests need ${missing[*]}" "${missing[@]}"
}

# ensure_browser: what is left after that; needs the environment of the tests.
ensure_browser() {
    ! snaps_chromium || [ -e "$venv/chromium" ] || {
        require_root "playwright's Chromium needs libraries" "$venv/bin/python -m playwright install-deps chromium"
        step "Chromium of playwright" install_playwright_chromium
        touch "$venv/chromium"
    }
}

install_playwright_chromium() {
    as_root "$venv/bin/python" -m playwright install-deps chromium
    "$venv/bin/python" -m playwright install chromium
}
