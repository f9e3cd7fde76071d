# Debian packages from lists, installed without starting anything. Sourced by scripts/setup, which gives say and fail.

# Package names of the lists, without comments.
listed_packages() { sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$@"; }

is_installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_packages LIST...: what is missing of the lists, in one go.
install_packages() {
    local missing=() name
    if ! command -v dpkg-query >/dev/null; then
        check_libbpf
        return
    fi
    while read -r name; do
        is_installed "$name" || missing+=("$name")
    done < <(listed_packages "$@" | sort -u)
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        fail "these Debian packages are missing: ${missing[*]}" "as root: apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "apt-get install ${missing[*]}"
    local log
    log=$(mktemp)
    forbid_daemons
    trap 'allow_daemons' EXIT
    if ! apt_install "$log" "${missing[@]}"; then
        say "apt-get update (the package lists are missing or old)"
        apt-get -q -o DPkg::Lock::Timeout=300 update >>"$log" 2>&1 || true
        apt_install "$log" "${missing[@]}" || {
            tail -n 20 "$log" >&2
            fail "apt-get install failed; the log is $log" "it needs a Debian mirror once; check /etc/apt/sources.list*" \
                "then run this again"
        }
    fi
    allow_daemons
    trap - EXIT
    rm -f "$log"
}

apt_install() {
    local log=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 \
        -o Dpkg::Options::=--force-confold install "$@" >>"$log" 2>&1 </dev/null
}

# A package's start-up script asks policy-rc.d whether it may start its daemon; 101 says no. What was there comes back.
readonly POLICY=/usr/sbin/policy-rc.d
policy_backup=
policy_is_ours=false

forbid_daemons() {
    if [ -e "$POLICY" ]; then
        policy_backup=$(mktemp "$POLICY.XXXXXX")
        cp -a "$POLICY" "$policy_backup"
    fi
    policy_is_ours=true
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

allow_daemons() {
    $policy_is_ours || return 0
    policy_is_ours=false
    if [ -n "$policy_backup" ]; then
        mv -f "$policy_backup" "$POLICY"
        policy_backup=
    else
        rm -f "$POLICY"
    fi
}

# Not Debian: nothing is installed, but say what would be missed.
check_libbpf() {
    if command -v ldconfig >/dev/null && ldconfig -p | grep -q 'libbpf\.so\.1'; then return; fi
    say "this is not Debian: install libbpf 1.x (libbpf.so.1) with your package manager"
}
