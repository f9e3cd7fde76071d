# Debian kernels by apt, through a state folder of their own: this machine's sources stay as they are.
# Sourced by scripts/kernels/run, which gives say, fail and CACHE.

# fetch_kernel NAME SUITE: leaves CACHE/NAME/vmlinuz and CACHE/NAME/release.
fetch_kernel() {
    local name=$1 suite=$2 folder=$CACHE/$1
    if [ -f "$folder/vmlinuz" ] && [ -f "$folder/release" ]; then return 0; fi
    local apt=$CACHE/apt-$suite image work
    prepare_apt "$apt" "$suite"
    say "$name: apt-get update for Debian $suite"
    apt_get "$apt" -q update >"$apt/log" 2>&1 || { tail -n 5 "$apt/log" >&2; return 1; }
    # The meta package depends on the newest image of the suite; `-t` prefers backports to the suite below them.
    image=$(apt_get "$apt" -s -t "$suite" install linux-image-cloud-amd64 2>/dev/null |
        sed -n 's/^Inst \(linux-image-[0-9][^ ]*-cloud-amd64\) .*/\1/p' | head -n 1)
    [ -n "$image" ] || { say "$name: Debian $suite has no linux-image-cloud-amd64"; return 1; }
    work=$(mktemp -d "$CACHE/fetch.XXXXXX")
    # Since 7.0 the image package is empty and the kernel itself is in linux-binary.
    local package
    for package in "$image" "${image/linux-image/linux-binary}"; do
        say "$name: apt-get download $package"
        (cd "$work" && apt_get "$apt" -q download "$package") >>"$apt/log" 2>&1 || continue
        dpkg-deb -x "$work/$package"_*.deb "$work/root"
        compgen -G "$work/root/boot/vmlinuz-*" >/dev/null && break
        compgen -G "$work/root/usr/lib/modules/*/vmlinuz" >/dev/null && break
    done
    mkdir -p "$folder"
    cp "$(compgen -G "$work/root/boot/vmlinuz-*" || compgen -G "$work/root/usr/lib/modules/*/vmlinuz")" "$folder/vmlinuz" ||
        { rm -rf "$work"; say "$name: no kernel in $image"; return 1; }
    echo "${image#linux-image-}" >"$folder/release"
    rm -rf "$work"
}

apt_get() {
    local apt=$1
    shift
    apt-get -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State="$apt/state" \
        -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" -o APT::Install-Recommends=false \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Architecture=amd64 \
        -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}

# The mirror that this machine's own sources use, with another suite.
prepare_apt() {
    local apt=$1 suite=$2 mirror suites
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        grep -m 1 '/debian/*$' || echo http://deb.debian.org/debian/)
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    : >"$apt/sources.list"
    suites=$suite
    case $suite in *-backports) suites="$suite ${suite%-backports}" ;; esac
    local each
    for each in $suites; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $each main" >>"$apt/sources.list"
    done
}
