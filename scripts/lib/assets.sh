# shellcheck shell=bash
# The browser's packages from npm, in web/node_modules: fetched anew only when their lock file changed.

: "${root:?lib/steps.sh comes first}" "${state:?lib/steps.sh comes first}"

readonly assets_image=heddle-workspace:latest

# ensure_assets: by the npm of the workspace image, which must be there: this machine needs none.
ensure_assets() {
    local folder=$root/web/node_modules stamp
    stamp=$(fingerprint "$root/web/package.json" "$root/web/package-lock.json")
    ! assets_are "$stamp" || return 0
    # Two scripts at once fetch once: the second finds the first one's packages.
    mkdir -p "$state"
    exec 8>"$state/assets.lock"
    flock 8
    if ! assets_are "$stamp"; then
        step "Browser packages" install_assets "$folder"
        printf '%s' "$stamp" >"$folder/.installed"
    fi
    exec 8>&-
}

assets_are() {
    local installed=$root/web/node_modules/.installed
    [ -e "$installed" ] && [ "$(<"$installed")" = "$1" ]
}

# install_assets FOLDER: there whole or not at all. Through pipes, so that an Engine on another machine will do, and what
# is written is the caller's own. The forwarder that the image names as its proxy isn't there.
install_assets() {
    local fresh=$1.new
    rm -rf "$fresh"
    mkdir "$fresh"
    # shellcheck disable=SC2016 # the container's shell fills it in
    tar -C "$root/web" -cf - package.json package-lock.json |
        docker run --rm --interactive --read-only --tmpfs /tmp:exec,mode=1777 --workdir /tmp \
            --cap-drop ALL --security-opt no-new-privileges --entrypoint sh "$assets_image" -euc '
                case ${HTTPS_PROXY:-} in
                http://127.0.0.1:3128) unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy ;;
                esac
                export HOME=/tmp
                tar -xf -
                npm ci --ignore-scripts --omit=dev --no-audit --no-fund --cache /tmp/npm >&2
                tar -C node_modules -cf - .
            ' |
        tar -C "$fresh" --no-same-owner -xf -
    rm -rf "$1"
    mv "$fresh" "$1"
}
