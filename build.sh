#!/usr/bin/env bash
#
# Builds, tests and installs hs. "./build.sh help" lists the commands. All
# output goes to build/.
#
# Each result has a key: a hash of its sources, flags, compiler and libc. A
# result is rebuilt only if its key has changed. File times do not matter.
#
# vendor/build.sh (the libraries), tests/lint.sh (the linters) and
# tests/prove.sh (the long checks) are parts of this script.

set -euo pipefail
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
src=vendor/src
CC=${CC:-gcc}
jobs=$(nproc)

# ---- packages of Debian 12 that each command needs -------------------------

BUILD_NEEDS=(gcc musl-dev patch xz-utils)
DEBUG_NEEDS=(libc6-dev)
TRY_NEEDS=(python3 openssl)
TEST_NEEDS=(python3 python3-pytest python3-pytest-xdist python3-pexpect
    python3-pyte python3-websockets python3-yaml curl git gnutls-bin groff-base
    libnss3-tools mandoc nginx openssl strace tmux)
# A download of 125 MB. Its tests are skipped if it is not installed.
BROWSER_NEEDS=(chromium)
BENCH_NEEDS=(python3 curl openssl nginx)
FUZZ_NEEDS=(clang libclang-rt-14-dev libc6-dev)

# ---- flags -----------------------------------------------------------------

# Warnings for hs.c, in every build. They are errors for lint.
WARN=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla
    -Wcast-qual -Wcast-align=strict -Wwrite-strings -Wundef -Wformat=2
    -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough
    -Wredundant-decls -Wlogical-op -Wduplicated-cond -Walloca)

# The release: small (unused functions are dropped, no unwind tables) and fast
# (-O2, because TLS takes most of the time).
SHIP=(-O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong
    -fstack-clash-protection -fno-asynchronous-unwind-tables
    -fno-unwind-tables "-ffile-prefix-map=$root=.")

# hs.c is compiled for size, except for functions with the attribute FAST. That
# saves 64 KiB, which are not read from disk at start-up.
SHIP_HS=("${SHIP[@]}" -Oz)

# For tests: glibc, and sanitizers that end the program on any finding.
DEBUG=(-O1 -g -fno-omit-frame-pointer)
CATCH=(-fsanitize=address -fsanitize=undefined -fsanitize=float-cast-overflow
    -fno-sanitize-recover=all)

# The vendored libraries are checked for memory errors only: they contain
# undefined behaviour (by UBSan's reading) that hs does not patch.
CATCH_VENDOR=(-fsanitize=address)

# Vendored headers count as system headers, so gcc does not warn about them.
HS=(-std=c11 -Ibuild/gen -isystem "$src/bearssl/inc"
    -isystem "$src/libyaml/include" -isystem "$src/cjson")

# The largest size of the binary, with its trust anchors, in KiB.
MAX_SIZE=690

# ---- messages --------------------------------------------------------------

say() { printf 'build: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# Runs a command, and prints its output only if it fails. (bash ignores "set -e"
# in a function that is called in a condition. A function that is called this
# way is a chain of &&.)
quietly() {
    local log=build/log
    if ! "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        return 1
    fi
}

# ---- packages --------------------------------------------------------------

# Prints the packages that are not installed; nothing if there is no dpkg.
missing() {
    local have name
    have=$(dpkg-query -W -f ' ${Package}:${db:Status-Status} ' "$@" \
        2>/dev/null) || [[ $? -ne 127 ]] || return 0
    for name; do
        [[ $have == *" $name:installed "* ]] || echo "$name"
    done
}

# The run level keeps Debian from starting nginx as a service.
apt_install() {
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq \
        -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

# Package lists are updated only if the installation fails without that.
apt_install_or_update() {
    apt_install "$@" || { apt-get -qq update && apt_install "$@"; }
}

# Installs packages as root; otherwise names the missing ones and fails.
need() {
    local list
    mapfile -t list < <(missing "$@")
    [[ ${#list[@]} -gt 0 ]] || return 0
    if [[ $(id -u) -ne 0 ]]; then
        say "packages are missing. As root, run:"
        die "  apt-get update && apt-get install -y ${list[*]}"
    fi
    say "installing ${list[*]}"
    quietly apt_install_or_update "${list[@]}" ||
        die "apt-get could not install: ${list[*]}"
}

# ---- keys ------------------------------------------------------------------

# Prints the key of the string $1 and of the files after it.
key_of() {
    local words=$1
    shift
    { echo "$words" && sha256sum -- "$@"; } | sha256sum | cut -c -64
}

# Succeeds if result $1 exists and was made with key $2.
fresh() {
    local file=build/keys/${1//\//,}
    [[ -e $1 && -e $file && $(<"$file") == "$2" ]]
}

made() { echo "$2" >"build/keys/${1//\//,}"; }

# ---- musl ------------------------------------------------------------------
#
# With -static-pie, Debian's musl-gcc silently links a dynamic program, so this
# lists the headers, start files and libraries of a static PIE.

setup_musl() {
    local arch
    arch=$("$CC" -dumpmachine)
    arch=${arch/-gnu/-musl}
    musl=/usr/lib/$arch
    MUSL=(-nostdinc -isystem "/usr/include/$arch"
        -isystem "$("$CC" -print-file-name=include)")
    [[ -e $musl/rcrt1.o ]] || die "no musl for $arch: $musl/rcrt1.o"
    toolchain="$("$CC" -dumpfullversion) $(sha256sum "$musl/libc.a")"
}

link_musl() {
    local out=$1
    shift
    "$CC" -static-pie -nostdlib -o "$out" "$musl/rcrt1.o" "$musl/crti.o" "$@" \
        -Wl,--start-group "$musl/libc.a" -lgcc -Wl,--end-group "$musl/crtn.o" \
        -Wl,--gc-sections,--build-id=none,--no-dynamic-linker \
        -Wl,-z,relro,-z,now,-z,noexecstack
}

# Sets the versions that `hs version` prints. Outside of a git work tree, the
# commit is unknown.
describe() {
    local commit="" date="" musl_version
    if [[ -e .git ]]; then
        commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || commit=
        date=$(git log -1 --format=%cs 2>/dev/null) || date=
    fi
    musl_version=$(dpkg-query -W -f '${Version}' musl-dev 2>/dev/null) ||
        musl_version=unknown
    DESCRIBE=("-DHS_COMMIT=\"${commit:-unknown}\""
        "-DHS_DATE=\"${date:-$(date -u -r hs.c +%F)}\""
        "-DHS_BEARSSL=\"$(version_of bearssl)\""
        "-DHS_LIBYAML=\"$(version_of libyaml)\""
        "-DHS_CJSON=\"$(version_of cjson)\""
        "-DHS_MUSL=\"${musl_version%%-*}\""
        "-DHS_ANCHORS=\"$(anchors_date)\"")
}

# ---- hs --------------------------------------------------------------------

# What every build of hs.c needs.
foundation() {
    need "${BUILD_NEEDS[@]}"
    setup_musl
    fetch
    vendors build/vendor "$CC" "${MUSL[@]}" "${SHIP[@]}"
    anchors
    licenses
    describe
}

# Prints the files that a C file consists of, without hs.c: a main.c includes
# the others in its folder.
parts_of() {
    case $1 in
    */main.c) printf '%s\n' "${1%main.c}"* ;;
    *) echo "$1" ;;
    esac
}

# with_musl OUT FILE.c LINK-FLAGS...
with_musl() {
    local out=$1 file=$2 key parts
    shift 2
    mapfile -t parts < <(parts_of "$file")
    key=$(key_of "${SHIP_HS[*]} ${WARN[*]} $* $(declare -f link_musl)" \
        "${parts[@]}" hs.c build/gen/*.h build/keys/build,vendor)
    fresh "$out" "$key" && return
    say "$out: compiling $file"
    "$CC" "${MUSL[@]}" "${SHIP_HS[@]}" "${WARN[@]}" "${HS[@]}" "$@" -c \
        -o "$out.o" "$file"
    link_musl "$out.new" "$@" "$out.o" "${LIBS[@]/#/build/vendor/}"
    rm "$out.o"
    [[ $out != build/hs ]] || check_binary "$out.new"
    mv "$out.new" "$out"
    made "$out" "$key"
}

# with_sanitizers OUT FILE.c FLAGS...
with_sanitizers() {
    local out=$1 file=$2 key parts
    shift 2
    mapfile -t parts < <(parts_of "$file")
    key=$(key_of "${DEBUG[*]} ${CATCH[*]} ${WARN[*]} $*" \
        "${parts[@]}" hs.c build/gen/*.h build/keys/build,vendor-debug)
    fresh "$out" "$key" && return
    say "$out: compiling $file with sanitizers"
    "$CC" "${DEBUG[@]}" "${CATCH[@]}" "${WARN[@]}" "${HS[@]}" "$@" \
        -o "$out.new" "$file" "${LIBS[@]/#/build/vendor-debug/}"
    mv "$out.new" "$out"
    made "$out" "$key"
}

build_hs() {
    foundation
    with_musl build/hs hs.c -s "${DESCRIBE[@]}"
    compile_commands
}

# A string as JSON.
json_string() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# Writes build/compile_commands.json, from which clangd learns the flags.
compile_commands() {
    local out=build/compile_commands.json file word comma=
    {
        echo "["
        for file in hs.c tests/*/*.c tests/*.c; do
            printf '%s{"directory": %s, "file": %s, "arguments": ["cc"' \
                "$comma" "$(json_string "$root")" "$(json_string "$file")"
            for word in "${MUSL[@]}" "${HS[@]}" -Wall -Wextra "$file"; do
                printf ', %s' "$(json_string "$word")"
            done
            echo "]}"
            comma=", "
        done
        echo "]"
    } >"$out.new"
    mv "$out.new" "$out"
}

# The programs that the tests run. tests/ignore.c does not use all of hs.c.
build_tests() {
    need "${DEBUG_NEEDS[@]}"
    vendors build/vendor-debug "$CC" "${DEBUG[@]}" "${CATCH_VENDOR[@]}"
    with_sanitizers build/hs-debug hs.c
    with_musl build/unit tests/unit/main.c
    with_sanitizers build/unit-debug tests/unit/main.c
    with_sanitizers build/ignore tests/ignore.c -Wno-unused-function
}

# Checks the release binary: static, position-independent, no memory that is
# writable and executable, no symbols, and not too large.
check_binary() {
    local file=$1 elf size bad=()
    elf=$(readelf -hldSW "$file")
    size=$((($(stat -c %s "$file") + 1023) / 1024))
    expect() { grep -qE "$1" <<<"$elf" || bad+=("$2"); }
    refuse() { ! grep -qE "$1" <<<"$elf" || bad+=("$2"); }
    expect '^ *Type: +DYN' "not position-independent"
    refuse '^ *INTERP' "needs an interpreter"
    refuse '\(NEEDED\)' "needs a shared library"
    refuse '\(TEXTREL\)' "has relocations in its code"
    expect '^ *GNU_RELRO' "no RELRO"
    expect '\(FLAGS_1\).*NOW' "binds symbols lazily"
    expect '^ *GNU_STACK .* RW ' "its stack is executable"
    refuse '^ *LOAD .* RWE ' "has writable and executable memory"
    refuse ' \.symtab ' "not stripped"
    [[ $size -le $MAX_SIZE ]] || bad+=("$size KiB; the limit is $MAX_SIZE")
    [[ ${#bad[@]} -eq 0 ]] || die "bad binary: $(printf '%s. ' "${bad[@]}")"
    say "build/hs is $size KiB: static, PIE, RELRO, NX, stripped"
}

# ---- commands --------------------------------------------------------------

# Builds that run at the same time wait for each other.
lock() {
    exec 9>build/lock
    flock 9
}

# Releases the lock, which only protects the build.
unlock() { exec 9>&-; }

run_tests() {
    # All at once, so that a user who is not root installs them only once.
    need "${BUILD_NEEDS[@]}" "${DEBUG_NEEDS[@]}" "${TEST_NEEDS[@]}"
    [[ $(id -u) -ne 0 ]] || (need "${BROWSER_NEEDS[@]}") ||
        say "chromium is not installed; tests that use it are skipped"
    build_hs
    build_tests
    lint
    unlock
    export HS_BIN=$root/build/hs HS_BINS=$root/build/hs:$root/build/hs-debug
    export PYTHONPYCACHEPREFIX=$root/build/pycache
    say "running the tests; each dot is one test"
    # Debian's python3, because another one in PATH lacks the packages. Two
    # processes per processor, because half of the time the tests wait. At most
    # 8, because nproc may exceed a container's share of the machine. -rs lists
    # the skipped tests with the reasons.
    exec /usr/bin/python3 -m pytest -q -rs -n "$((jobs < 4 ? 2 * jobs : 8))" \
        -o cache_dir="$root/build/pytest" "$@" tests
}

run_script() {
    local script=$1
    shift
    build_hs
    unlock
    HS_BIN=$root/build/hs exec "$script" "$@"
}

# Each fuzzer includes hs.c. build/fuzz-corpus keeps the inputs between runs.
fuzz() {
    local seconds=${1:-60} file name corpus
    foundation
    need "${FUZZ_NEEDS[@]}"
    vendors build/vendor-fuzz clang "${DEBUG[@]}" "${CATCH_VENDOR[@]}" \
        -fsanitize=fuzzer-no-link
    for file in tests/fuzz/fuzz_*.c; do
        name=$(basename "$file" .c)
        corpus=build/fuzz-corpus/$name
        mkdir -p "$corpus" "tests/fuzz/seeds/$name"
        say "fuzz: $name: compiling, then running for $seconds seconds"
        clang "${DEBUG[@]}" -fsanitize=fuzzer,address,undefined \
            -fno-sanitize-recover=all -w "${HS[@]}" -o "build/$name" "$file" \
            "${LIBS[@]/#/build/vendor-fuzz/}"
        quietly "build/$name" -max_total_time="$seconds" -timeout=10 \
            -artifact_prefix="build/$name-" "$corpus" \
            "tests/fuzz/seeds/$name" ||
            die "fuzz: $name found something; its input is build/$name-*"
        say "fuzz: $(tail -n 1 build/log)"
    done
}

# The binary, and an archive of the sources that builds without a network.
release() {
    local version out=build/dist name
    build_hs
    version=$(sed -nE 's/^#define HS_VERSION "([^"]+)"/\1/p' hs.c)
    [[ -n $version ]] || die "hs.c has no #define HS_VERSION \"x.y.z\""
    name=hs-$version
    rm -rf "$out"
    mkdir -p "$out"
    cp build/hs "$out/$name-linux-$(uname -m)"
    say "$out: packing $name"
    tar -c --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
        --mode=u+w,go=rX --transform "s,^,$name/," --exclude=__pycache__ \
        --exclude=vendor/src --exclude=vendor/src.new --exclude=.pytest_cache \
        .ci .clang-format .gitignore README.md build.sh hs.c tests vendor |
        xz -9e >"$out/$name.tar.xz"
    (cd "$out" && sha256sum -- "$name"* >SHA256SUMS)
}

# Copies mode $1, file $2 to path $3 below DESTDIR.
install_file() {
    install -D -m "$1" "$2" "${DESTDIR-}$3"
    say "installed ${DESTDIR-}$3"
}

# Installs the program, its manual page and shell completions below PREFIX.
install_hs() {
    local prefix=${PREFIX:-/usr/local} out=build/install shell
    [[ $prefix == /* ]] || die "PREFIX must be an absolute path: $prefix"
    prefix=${prefix%/}
    build_hs
    rm -rf "$out"
    mkdir -p "$out"
    build/hs man >"$out/man"
    for shell in bash zsh fish; do
        build/hs completion "$shell" >"$out/$shell"
    done
    install_file 755 build/hs "$prefix/bin/hs"
    install_file 644 "$out/man" "$prefix/share/man/man1/hs.1"
    install_file 644 "$out/bash" \
        "$prefix/share/bash-completion/completions/hs"
    install_file 644 "$out/zsh" "$prefix/share/zsh/site-functions/_hs"
    install_file 644 "$out/fish" \
        "$prefix/share/fish/vendor_completions.d/hs.fish"
}

help() {
    cat <<'END'
usage: ./build.sh [command]

  build           build the program, build/hs (the default)
  try             build, then sign in and call a simulated HubSpot API
  test            build, lint, and run all tests (pytest options may follow)
  lint            run all linters
  prove [JOB...]  run checks that take longer than the tests: bogo,
                  BoringSSL's tests of TLS clients (5 minutes at most)
  fuzz [SECONDS]  run each fuzzer (for 60 seconds)
  bench [PART...] measure speed, size and memory; "bench distance" compares hs
                  with curl and the official client at a distance
  pictures        draw README's pictures from real runs
  release         write the binary, sources and checksums to build/dist
  install         install the program, manual page and shell completions;
                  PREFIX (/usr/local) and DESTDIR choose where
  help            print this page

Needs Debian 12. As root it installs missing packages; otherwise it lists them.
Set CC to use another gcc.
END
}

source vendor/build.sh
source tests/lint.sh
source tests/prove.sh

main() {
    local verb=${1:-build}
    shift $(($# > 0))
    case $verb in
    help | -h | --help)
        help
        return
        ;;
    build | try | test | lint | prove | fuzz | bench | pictures | release | \
        install) ;;
    *) die "unknown command: $verb. Run ./build.sh help for a list." ;;
    esac
    mkdir -p build/gen build/keys
    lock
    case $verb in
    build)
        build_hs
        say "done: build/hs"
        ;;
    test) run_tests "$@" ;;
    lint)
        foundation
        lint
        ;;
    prove) prove "$@" ;;
    fuzz) fuzz "$@" ;;
    try)
        need "${BUILD_NEEDS[@]}" "${TRY_NEEDS[@]}"
        run_script tests/try.sh "$@"
        ;;
    bench)
        need "${BUILD_NEEDS[@]}" "${BENCH_NEEDS[@]}"
        run_script tests/bench/run.sh "$@"
        ;;
    pictures)
        need "${BUILD_NEEDS[@]}" "${BENCH_NEEDS[@]}"
        build_hs
        tests/bench/run.sh --tools
        /usr/bin/python3 -B tests/pictures/make.py
        ;;
    release) release ;;
    install) install_hs ;;
    esac
}

main "$@"
