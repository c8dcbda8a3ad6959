#!/usr/bin/env bash
# Installs the real peers of tests/interop: SIPp (sip-tester), baresip, Kamailio, svmap, and tshark.
# Where that is not possible it says what is missing, and those tests are skipped.
# With CI=true a missing peer is a failure: a skipped test proves nothing.
set -euo pipefail

# package -> the command that shows that it is there
declare -A COMMANDS=(
    [sip-tester]=sipp [baresip]=baresip [kamailio]=kamailio [sipvicious]=svmap [tshark]=tshark
)
# Kamailio is a server: Debian keeps it where only root looks.
PATH="$PATH:/usr/sbin"
APT_SECONDS_MAX=300

missing() {
    local package
    for package in "${!COMMANDS[@]}"; do
        command -v "${COMMANDS[$package]}" >/dev/null || echo "$package"
    done | sort
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        timeout "$APT_SECONDS_MAX" "$@"
    else
        timeout "$APT_SECONDS_MAX" sudo -n "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

install() {
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends)
    # The package lists may be old or absent: renew them only when they are of no use.
    as_root "${install[@]}" "$@" >/dev/null 2>&1 && return
    as_root apt-get update -qq >/dev/null && as_root "${install[@]}" "$@" >/dev/null
}

mapfile -t wanted < <(missing)
if [ "${#wanted[@]}" -gt 0 ] && may_install; then
    echo "Installing real peers: ${wanted[*]}"
    install "${wanted[@]}" || echo "apt-get could not install them" >&2
    mapfile -t wanted < <(missing)
fi
if [ "${#wanted[@]}" -gt 0 ]; then
    echo "Not installed: ${wanted[*]}. Their tests are skipped; apt-get install ${wanted[*]} to run them."
    [ "${CI:-}" != "true" ]
fi
