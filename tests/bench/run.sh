#!/usr/bin/env bash
# Measures speed, size and memory, as ratios. ./build.sh bench runs this after
# the build. It compiles a program that does nothing, one that measures, and a
# delay line, with the flags of hs. bench.py does the rest, and distance.py for
# "bench distance".
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$repo/tests/bench
out=$repo/build/bench
cc=${CC:-gcc}
export HS_BIN=${HS_BIN:-$repo/build/hs}

# As in build.sh: Debian's musl-gcc silently makes a dynamic program of
# -static-pie, so all is named here.
arch=$("$cc" -dumpmachine)
arch=${arch/-gnu/-musl}
musl=/usr/lib/$arch
make_static() {
    "$cc" -nostdinc -isystem "/usr/include/$arch" \
        -isystem "$("$cc" -print-file-name=include)" -O2 -fPIE -Wall -Wextra \
        -c -o "$out/$1.o" "$here/$1.c"
    "$cc" -s -static-pie -nostdlib -o "$out/$1" "$musl/rcrt1.o" \
        "$musl/crti.o" "$out/$1.o" \
        -Wl,--start-group "$musl/libc.a" -lgcc -Wl,--end-group "$musl/crtn.o" \
        -Wl,--gc-sections,--build-id=none,--no-dynamic-linker \
        -Wl,-z,relro,-z,now,-z,noexecstack
}
mkdir -p "$out"
make_static noop
make_static spawn
make_static line
[[ ${1-} != --tools ]] || exit 0
exec /usr/bin/python3 -B "$here/bench.py" "$out" "$@"
