#!/usr/bin/env bash
#
# The one door of hs: builds it, tries it, tests it. "./build.sh help" lists
# what there is. Everything that is made goes to build/.
#
# How it knows what to make: every result has a key, a hash of all that went
# into it (sources, flags, compiler, libc). A result whose key still stands is
# left alone, whatever the files' times say, so a second run costs nothing and
# a changed flag rebuilds just what it touches.

set -euo pipefail
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
src=vendor/src
CC=${CC:-gcc}
jobs=$(nproc)

# ---- packages of Debian 12 that each job needs -----------------------------

BUILD_NEEDS=(gcc musl-dev patch xz-utils)
DEBUG_NEEDS=(libc6-dev)
TRY_NEEDS=(python3 openssl)
TEST_NEEDS=(python3 python3-pytest python3-pytest-xdist python3-pexpect
    python3-pyte python3-websockets python3-yaml curl git groff-base mandoc
    openssl strace tmux)
# 125 MB to fetch; where it is missing its tests are skipped.
BROWSER_NEEDS=(chromium)
BENCH_NEEDS=(python3 curl openssl)
LINT_NEEDS=(clang-format clang-tidy cppcheck libc6-dev python3 shellcheck)
FUZZ_NEEDS=(clang libclang-rt-14-dev libc6-dev)

# ---- flags -----------------------------------------------------------------

# For hs.c, in every build; lint makes errors of them.
WARN=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla
    -Wcast-qual -Wcast-align=strict -Wwrite-strings -Wundef -Wformat=2
    -Wnull-dereference -Wdouble-promotion -Wimplicit-fallthrough
    -Wredundant-decls -Wlogical-op -Wduplicated-cond -Walloca)

# What ships: small (sections that nothing calls are dropped, no unwind tables)
# and fast (-O2: the time goes into TLS).
SHIP=(-O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong
    -fstack-clash-protection -fno-asynchronous-unwind-tables
    -fno-unwind-tables "-ffile-prefix-map=$root=.")

# hs.c alone: small, except for the sections that ask for speed with the
# attribute FAST. It saves 60 KiB, which are pages that a start need not read.
SHIP_HS=("${SHIP[@]}" -Os)

# What developers run: glibc, and every mistake ends the program.
DEBUG=(-O1 -g -fno-omit-frame-pointer)
CATCH=(-fsanitize=address -fsanitize=undefined -fsanitize=float-cast-overflow
    -fno-sanitize-recover=all)

# The vendors are held to memory safety, but not to the letter of the standard:
# what UBSan says about them is not ours to mend.
CATCH_VENDOR=(-fsanitize=address)

# BearSSL gets no source of randomness of its own, neither /dev/urandom (a
# chroot may lack it) nor the processor's: hs.c must give it the kernel's
# getrandom, and a handshake fails where that was forgotten.
BEARSSL=(-DBR_RDRAND=0 -DBR_USE_URANDOM=0
    -I"$root/$src/bearssl/inc" -I"$root/$src/bearssl/src")

# libyaml and cJSON are built small: where time counts hs.c reads by itself.
SMALL=(-Os)
LIBYAML=("${SMALL[@]}" -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2
    -DYAML_VERSION_PATCH=5 '-DYAML_VERSION_STRING="0.2.5"'
    -I"$root/$src/libyaml/include")

# Vendor headers are system headers here: their warnings are not ours.
HS=(-std=c11 -Ibuild/gen -isystem "$src/bearssl/inc"
    -isystem "$src/libyaml/include" -isystem "$src/cjson")

# The binary with its trust anchors stays below this, in KiB.
MAX_SIZE=710

# ---- talk ------------------------------------------------------------------

say() { printf 'build: %s\n' "$*" >&2; }

die() {
    say "$@"
    exit 1
}

# Runs a command whose words only matter when it fails. (bash forgets "set -e"
# in a function whose result is asked for, so such a one is a chain of &&.)
quietly() {
    local log=build/log
    if ! "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        return 1
    fi
}

# ---- packages --------------------------------------------------------------

# Those of the packages that are not installed; none where there is no dpkg.
missing() {
    local have name
    have=$(dpkg-query -W -f ' ${Package}:${db:Status-Status} ' "$@" \
        2>/dev/null) || [[ $? -ne 127 ]] || return 0
    for name; do
        [[ $have == *" $name:installed "* ]] || echo "$name"
    done
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "$@"
}

# Lists that are stale or were never read show in a failure, not before.
apt_install_or_update() {
    apt_install "$@" || { apt-get -qq update && apt_install "$@"; }
}

# Makes sure that packages are there. Only root may install; others are told.
need() {
    local list
    mapfile -t list < <(missing "$@")
    [[ ${#list[@]} -gt 0 ]] || return 0
    if [[ $(id -u) -ne 0 ]]; then
        say "this needs packages that are not installed. As root, run:"
        die "  apt-get update && apt-get install -y ${list[*]}"
    fi
    say "installing ${list[*]}"
    quietly apt_install_or_update "${list[@]}" ||
        die "apt-get could not install: ${list[*]}"
}

# ---- keys ------------------------------------------------------------------

# The key of words $1 and of the files after it.
key_of() {
    local words=$1
    shift
    { echo "$words" && sha256sum -- "$@"; } | sha256sum | cut -c -64
}

# Whether result $1 was made from what key $2 stands for.
fresh() {
    local file=build/keys/${1//\//,}
    [[ -e $1 && -e $file && $(<"$file") == "$2" ]]
}

made() { echo "$2" >"build/keys/${1//\//,}"; }

# ---- musl, by hand ---------------------------------------------------------
#
# Debian's musl-gcc silently makes a dynamic program of -static-pie, so the
# headers, the start files and the libraries of a static PIE are named here.

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

# ---- vendors ---------------------------------------------------------------

fetch() {
    local want
    want=$(sha256sum <vendor/sources.lock)
    [[ -e $src/.lock && $(<"$src/.lock") == "$want" ]] || vendor/fetch.sh
}

# Compiles C files to objects in folder $1, with a command of $2 words.
compile_all() {
    local dir=$1 count=$2
    shift 2
    mkdir -p "$dir" && printf '%s\0' "${@:count+1}" |
        (cd "$dir" && xargs -0 -n 16 -P "$jobs" "${@:1:count}" -w -c)
}

# An archive of one vendor: archive DIR NAME FILE... with $cmd to compile.
archive() {
    local dir=$1 name=$2
    shift 2
    compile_all "$dir/$name" "${#cmd[@]}" "${cmd[@]}" "$@" &&
        ar rcsD "$dir/$name.a" "$dir/$name"/*.o &&
        rm -r "${dir:?}/$name"
}

# vendors DIR COMPILER FLAGS...: the three libraries, built the same way.
vendors() {
    local dir=$1 key cmd files
    shift
    key=$(key_of "$* ${BEARSSL[*]} ${LIBYAML[*]} $toolchain" \
        vendor/sources.lock)
    fresh "$dir" "$key" && return
    say "$dir: BearSSL, libyaml, cJSON"
    rm -rf "$dir" "$dir.new"
    mapfile -t files < <(find "$root/$src/bearssl/src" -name '*.c' | sort)
    cmd=("$@" "${BEARSSL[@]}")
    quietly archive "$dir.new" bearssl "${files[@]}"
    cmd=("$@" "${LIBYAML[@]}")
    quietly archive "$dir.new" libyaml "$root/$src/libyaml/src"/*.c
    cmd=("$@" "${SMALL[@]}")
    quietly archive "$dir.new" cjson "$root/$src/cjson/cJSON.c"
    mv "$dir.new" "$dir"
    made "$dir" "$key"
}

# The built-in trust anchors: Mozilla's list, decoded by BearSSL itself.
anchors() {
    local version key tool=build/anchors out=build/gen/anchors.h
    key=$(key_of "${SHIP[*]}" vendor/sources.lock vendor/anchors.c)
    fresh "$out" "$key" && return
    say "trust anchors"
    version=$(sed -n 's/^\[ca-certificates \(.*\) .*/\1/p' \
        vendor/sources.lock)
    "$CC" "${MUSL[@]}" "${SHIP[@]}" "${WARN[@]}" "${HS[@]}" -c \
        -o "$tool.o" vendor/anchors.c
    link_musl "$tool" "$tool.o" build/vendor/bearssl.a
    "$tool" "$version" \
        "$src"/ca-certificates/usr/share/ca-certificates/mozilla/*.crt \
        >"$out.new"
    mv "$out.new" "$out"
    made "$out" "$key"
}

# The notices that the licences of the linked libraries require, for
# `hs licenses`. All four are under the MIT licence: its text is printed once.
licenses() {
    local key out=build/gen/licenses.h
    key=$(key_of "$(declare -f licenses)" vendor/sources.lock)
    fresh "$out" "$key" && return
    {
        printf 'hs\nCopyright (c) 2026 The hs authors\n'
        printf '\nBearSSL\n'
        grep -h '^Copyright' "$src/bearssl/LICENSE.txt"
        printf '\nlibyaml\n'
        grep -h '^Copyright' "$src/libyaml/License"
        printf '\ncJSON\n'
        grep -h '^Copyright' "$src/cjson/LICENSE"
        printf '\nmusl\n'
        printf 'Copyright (c) 2005-2020 Rich Felker and contributors\n'
        printf 'Copyright (c) 2011 Valentin Ochs\n'
        printf 'Copyright (c) 2011-2012 Nicholas J. Kain\n'
        printf '\nEach of them is under this licence:\n'
        grep -v '^Copyright' "$src/bearssl/LICENSE.txt"
    } | {
        echo "/* Made by build.sh. */"
        echo "static const char CLI_LICENSES[] ="
        sed 's/[\\"]/\\&/g; s/^/    "/; s/ *$/\\n"/; $s/$/;/'
    } >"$out.new"
    mv "$out.new" "$out"
    made "$out" "$key"
}

# Versions, for `hs version`. Outside of a git work tree the commit is unknown.
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

# The upstream version of a package in sources.lock.
version_of() {
    sed -nE "s/^\\[$1 ([0-9.]+).*/\\1/p" vendor/sources.lock
}

# 20250419~deb12u2 -> 2025-04-19
anchors_date() {
    sed -nE 's/^\[ca-certificates (....)(..)(..).*/\1-\2-\3/p' \
        vendor/sources.lock
}

# ---- hs --------------------------------------------------------------------

# What every flavour of hs.c stands on.
foundation() {
    need "${BUILD_NEEDS[@]}"
    setup_musl
    fetch
    vendors build/vendor "$CC" "${MUSL[@]}" "${SHIP[@]}"
    anchors
    licenses
    describe
}

LIBS=(bearssl.a libyaml.a cjson.a)

# The files that a C file is made of, one a line. main.c includes the others in
# its folder; hs.c is not named.
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
    say "$out"
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
    say "$out"
    "$CC" "${DEBUG[@]}" "${CATCH[@]}" "${WARN[@]}" "${HS[@]}" "$@" \
        -o "$out.new" "$file" "${LIBS[@]/#/build/vendor-debug/}"
    mv "$out.new" "$out"
    made "$out" "$key"
}

build_hs() {
    foundation
    [[ -e hs.c ]] || die "there is no hs.c here"
    with_musl build/hs hs.c -s "${DESCRIBE[@]}"
}

# The tests include hs.c, and do not call all of it.
build_tests() {
    need "${DEBUG_NEEDS[@]}"
    vendors build/vendor-debug "$CC" "${DEBUG[@]}" "${CATCH_VENDOR[@]}"
    with_sanitizers build/hs-debug hs.c
    [[ -e tests/unit/main.c ]] || return 0
    with_musl build/unit tests/unit/main.c
    with_sanitizers build/unit-debug tests/unit/main.c
    with_sanitizers build/ignore tests/ignore.c -Wno-unused-function
}

# Whether the binary is what it is meant to be: no interpreter and no library
# asked for, at any address, nothing writable that can run, no symbols, small.
check_binary() {
    local file=$1 elf size bad=()
    elf=$(readelf -hldSW "$file")
    size=$((($(stat -c %s "$file") + 1023) / 1024))
    expect() { grep -qE "$1" <<<"$elf" || bad+=("$2"); }
    refuse() { ! grep -qE "$1" <<<"$elf" || bad+=("$2"); }
    expect '^ *Type: +DYN' "not position-independent"
    refuse '^ *INTERP' "asks for an interpreter"
    refuse '\(NEEDED\)' "asks for a library"
    refuse '\(TEXTREL\)' "relocates its code"
    expect '^ *GNU_RELRO' "no RELRO"
    expect '\(FLAGS_1\).*NOW' "not bound at start"
    expect '^ *GNU_STACK .* RW ' "its stack can run"
    refuse '^ *LOAD .* RWE ' "has memory to write and run"
    refuse ' \.symtab ' "not stripped"
    [[ $size -le $MAX_SIZE ]] || bad+=("$size KiB; $MAX_SIZE are allowed")
    [[ ${#bad[@]} -eq 0 ]] || die "bad binary: $(printf '%s. ' "${bad[@]}")"
    say "build/hs is $size KiB: static, PIE, RELRO, NX, stripped"
}

# ---- lint ------------------------------------------------------------------

# All checks that begin with these, less those that argue with the house:
#   bugprone-easily-swappable-parameters  every (char *, size_t) in C
#   bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp  _GNU_SOURCE
#   bugprone-assignment-in-if-condition, bugprone-suspicious-include
#   cert-err33-c  unchecked fprintf to stderr: there is nobody left to tell
#   cert-dcl03-c  static asserts of what is no constant
#   bugprone-narrowing-conversions  gcc's -Wconversion says it already
#   bugprone-sizeof-expression  the size of a pointer, where one is stored
#   bugprone-implicit-widening-of-multiplication-result  16 * KIB as a size
#   clang-analyzer-optin.performance.Padding      fields stand in the order in
#       which they are read about, not by their size
#   clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
#                 asks for memcpy_s, which no libc here has
TIDY='-*,bugprone-*,cert-*,clang-analyzer-*,misc-redundant-expression
    ,readability-misleading-indentation,readability-inconsistent-declaration*
    ,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier
    ,-bugprone-implicit-widening-of-multiplication-result
    ,-bugprone-narrowing-conversions,-bugprone-sizeof-expression
    ,-bugprone-assignment-in-if-condition,-bugprone-suspicious-include
    ,-cert-dcl37-c,-cert-dcl51-cpp,-cert-err33-c,-cert-dcl03-c
    ,-clang-analyzer-optin.performance.Padding
    ,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'

lint_warnings() {
    "$CC" "${MUSL[@]}" "${SHIP_HS[@]}" "${HS[@]}" "${WARN[@]}" -Wunused-macros \
        -Werror -c -o /dev/null hs.c
}

# The limit on how often it looks at one place keeps the time of a file this
# large at a minute and a half; with a limit of 2 ten were not enough.
lint_analyzer() {
    "$CC" "${MUSL[@]}" -O1 "${HS[@]}" -fanalyzer \
        --param analyzer-bb-explosion-factor=1 -Werror -c -o /dev/null hs.c
}

lint_tidy() {
    clang-tidy --quiet --warnings-as-errors='*' --checks="${TIDY//[ $'\n']/}" \
        hs.c vendor/anchors.c -- "${HS[@]}"
}

lint_cppcheck() {
    cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -UHS_TEST \
        --enable=warning,performance,portability -Ibuild/gen \
        --suppress=missingIncludeSystem --suppress='*:build/gen/*' hs.c
}

lint_format() {
    clang-format --dry-run -Werror "${sources[@]}"
}

lint_shell() {
    shellcheck "${scripts[@]}" && ! grep -nE '^.{81}' "${scripts[@]}"
}

lint_sections() { /usr/bin/python3 tests/lint_sections.py hs.c; }

# The linter of job $1, or nothing where it is built in.
lint_tool() {
    case $1 in
    tidy) echo clang-tidy ;;
    format) echo clang-format ;;
    cppcheck) echo cppcheck ;;
    shell) echo shellcheck ;;
    sections) echo /usr/bin/python3 ;;
    *) echo "$CC" ;;
    esac
}

# The jobs run side by side, each into a log; then all the logs are read.
lint_jobs() {
    local job pid failed=0
    local -A pids
    for job; do
        if ! command -v "$(lint_tool "$job")" >/dev/null; then
            say "lint: skipped $job: no $(lint_tool "$job")"
            continue
        fi
        "lint_$job" >"build/lint-$job.log" 2>&1 </dev/null &
        pids[$job]=$!
    done
    for job in "${!pids[@]}"; do
        pid=${pids[$job]}
        wait "$pid" && continue
        failed=1
        say "lint: $job:"
        cat "build/lint-$job.log" >&2
    done
    return "$failed"
}

# What was clean once is not looked at again before it changes.
lint() {
    local key scripts sources tools
    mapfile -t sources \
        < <(find hs.c vendor/anchors.c tests -name '*.[ch]' | sort)
    mapfile -t scripts < <(find build.sh .ci/run vendor/fetch.sh tests \
        \( -name '*.sh' -o -path .ci/run \) -type f | sort)
    if [[ $(id -u) -eq 0 ]]; then
        need "${LINT_NEEDS[@]}"
    fi
    tools=$(command -v clang-format clang-tidy cppcheck shellcheck) || true
    key=$(key_of "$toolchain $tools" .clang-format tests/lint_sections.py \
        "${sources[@]}" "${scripts[@]}")
    fresh hs.c "$key" && return
    say "lint"
    lint_jobs analyzer tidy cppcheck warnings format shell sections ||
        die "lint found something"
    made hs.c "$key"
}

# ---- the rest of the door --------------------------------------------------

# The build's lock is not for what runs after the build.
unlock() { exec 9>&-; }

run_tests() {
    # In one go, so that whoever must install by hand is told just once.
    need "${BUILD_NEEDS[@]}" "${DEBUG_NEEDS[@]}" "${TEST_NEEDS[@]}"
    [[ $(id -u) -ne 0 ]] || (need "${BROWSER_NEEDS[@]}") ||
        say "the tests with a browser will be skipped"
    build_hs
    build_tests
    lint
    unlock
    export HS_BIN=$root/build/hs HS_BINS=$root/build/hs:$root/build/hs-debug
    export PYTHONPYCACHEPREFIX=$root/build/pycache
    # By its path: another python3 in front of Debian's lacks its packages.
    # Eight at most: nproc knows nothing of a container's share of a machine.
    exec /usr/bin/python3 -m pytest -q -n "$((jobs < 8 ? jobs : 8))" \
        -o cache_dir="$root/build/pytest" "$@" tests
}

run_script() {
    local script=$1
    shift
    [[ -e $script ]] || die "there is no $script yet"
    build_hs
    unlock
    HS_BIN=$root/build/hs exec "$script" "$@"
}

# Each fuzzer includes hs.c; what it finds stays in build/fuzz-corpus.
fuzz() {
    local seconds=${1:-60} file name corpus
    foundation
    need "${FUZZ_NEEDS[@]}"
    vendors build/vendor-fuzz clang "${DEBUG[@]}" "${CATCH_VENDOR[@]}" \
        -fsanitize=fuzzer-no-link
    for file in tests/fuzz/fuzz_*.c; do
        [[ -e $file ]] || die "there is no tests/fuzz/fuzz_*.c yet"
        name=$(basename "$file" .c)
        corpus=build/fuzz-corpus/$name
        mkdir -p "$corpus" "tests/fuzz/seeds/$name"
        say "fuzz: $name, $seconds seconds"
        clang "${DEBUG[@]}" -fsanitize=fuzzer,address,undefined \
            -fno-sanitize-recover=all -w "${HS[@]}" -o "build/$name" "$file" \
            "${LIBS[@]/#/build/vendor-fuzz/}"
        quietly "build/$name" -max_total_time="$seconds" -timeout=10 \
            -artifact_prefix="build/$name-" "$corpus" \
            "tests/fuzz/seeds/$name" || die "$name found something"
        say "fuzz: $(tail -n 1 build/log)"
    done
}

# The binary, and a bundle of sources that builds without a network.
release() {
    local version out=build/dist name
    build_hs
    version=$(sed -nE 's/^#define HS_VERSION "([^"]+)"/\1/p' hs.c)
    [[ -n $version ]] || die "hs.c has no #define HS_VERSION \"x.y.z\""
    name=hs-$version
    rm -rf "$out"
    mkdir -p "$out"
    cp build/hs "$out/$name-linux-$(uname -m)"
    say "$out: $name"
    tar -c --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 \
        --mode=u+w,go=rX --transform "s,^,$name/," --exclude=__pycache__ \
        --exclude=vendor/src --exclude=vendor/src.new --exclude=.pytest_cache \
        .ci .clang-format .gitignore README.md build.sh hs.c tests vendor |
        xz -9e >"$out/$name.tar.xz"
    (cd "$out" && sha256sum -- "$name"* >SHA256SUMS)
}

help() {
    cat <<'END'
usage: ./build.sh [command]

  build           make build/hs, the program: one static binary (the default)
  try             build it, then see the main job work on this machine alone
  test            build it, lint it, and run all tests
  lint            warnings as errors, analyzers, format, the order of rooms
  fuzz [SECONDS]  run each fuzzer for that long (60)
  bench           measure it against a program that does nothing, and curl
  release         fill build/dist: the binary, the sources, their checksums
  help            this page

Needs Debian 12. As root it installs the packages that it lacks; else it says
which. Set CC to compile with another gcc.
END
}

main() {
    local verb=${1:-build}
    shift $(($# > 0))
    case $verb in
    help | -h | --help)
        help
        return
        ;;
    build | try | test | lint | fuzz | bench | release) ;;
    *) die "no such command: $verb. ./build.sh help lists them." ;;
    esac
    mkdir -p build/gen build/keys
    # Two builds at once take turns.
    exec 9>build/lock
    flock 9
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
    fuzz) fuzz "$@" ;;
    try)
        need "${BUILD_NEEDS[@]}" "${TRY_NEEDS[@]}"
        run_script tests/try.sh "$@"
        ;;
    bench)
        need "${BUILD_NEEDS[@]}" "${BENCH_NEEDS[@]}"
        run_script tests/bench/run.sh "$@"
        ;;
    release) release ;;
    esac
}

main "$@"
