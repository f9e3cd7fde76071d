# A small machine under qemu: one kernel, an initramfs, the serial console as its output.
# Sourced by scripts/kernels/run, which gives say, fail and CACHE.

# make_initramfs OUT ROOT: busybox, init and the shared libraries of the programs in ROOT/bin; ROOT/checks is what runs.
make_initramfs() {
    local out=$1 root=$2 library
    mkdir -p "$root/bin"
    cp "$(command -v busybox)" "$root/bin/busybox"
    cp scripts/kernels/init "$root/init"
    chmod 755 "$root/init"
    while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L "$library" "$root$library"
    done < <(ldd "$root"/bin/* 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*' | sort -u)
    (cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$out"
}

# boot KERNEL INITRAMFS LOG: until the machine powers off. Emulated unless told otherwise: kvm inside a virtual machine is
# there and does not work often enough that trying it costs more than it gives. cx16 is off because the emulated
# cmpxchg16b of qemu 7.2 spoils a register in the kernel's allocator now and then.
boot() {
    local kernel=$1 initramfs=$2 log=$3
    timeout "${BOOT_SECONDS:-240}" qemu-system-x86_64 -accel "${SOCKSPAN_QEMU_ACCEL:-tcg}" \
        -cpu max,cx16=off,la57=off -smp 2 -m "${BOOT_MEMORY:-1024}" \
        -nographic -no-reboot -nodefaults -serial stdio -kernel "$kernel" -initrd "$initramfs" \
        -append "console=ttyS0 panic=-1 loglevel=3" </dev/null >"$log" 2>&1
}
