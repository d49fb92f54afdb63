# shellcheck shell=bash
# The image that the workspace image starts from: pulled, or made here of Debian's packages.

: "${state:?lib/steps.sh comes first}"

readonly base=debian:trixie-slim

# ensure_base FRESH: with a value, a newer one is fetched although there is one.
ensure_base() {
    [ -n "$1" ] || ! docker image inspect "$base" >/dev/null 2>&1 || return 0
    # Not a step: where there is no registry, failing is the ordinary case and the next step's reason.
    if docker pull --quiet "$base" >/dev/null 2>&1; then
        say "✓ Base image $base pulled"
        return
    fi
    [ "$(distribution)" = debian ] || fail "The base image $base can't be pulled." \
        "Docker needs a way to a registry that has it: docker pull $base says what is wrong." \
        "Then start again. (On Debian it can also be made from Debian's packages.)"
    command -v mmdebstrap >/dev/null ||
        ensure_packages "mmdebstrap" "$base can't be pulled and is made here instead" mmdebstrap
    require_root "$base can't be pulled, and making it needs root" "scripts/image"
    step "Base image of Debian's packages" make_base
}

distribution() {
    # shellcheck source=/dev/null
    (. /etc/os-release && echo "$ID")
}

# archive LABEL: the address that this machine itself gets the archive with that label from.
archive() {
    # shellcheck disable=SC2016 # apt fills it in
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Label: $1" | head -n 1
}

# Like the published slim image: without manuals, translations and documentation.
make_base() {
    local debian security sources
    debian=$(archive Debian)
    [ -n "$debian" ] || { apt_get update && debian=$(archive Debian); }
    security=$(archive Debian-Security)
    sources=("deb $debian trixie main" "deb $debian trixie-updates main")
    [ -z "$security" ] || sources+=("deb $security trixie-security main")
    # In a session of its own: when it fails it hangs up its whole process group, which is ours and our caller's.
    as_root setsid --wait mmdebstrap --variant=minbase --include=ca-certificates \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' \
        trixie - "${sources[@]}" | docker import - "$base"
}
