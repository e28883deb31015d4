# shellcheck shell=bash disable=SC2034,SC2154
#
# Part of build.sh: builds the vendored libraries, and generates what hs.c
# includes from them: the trust anchors and the licence notices.

# BearSSL is built without a source of randomness: neither /dev/urandom (a
# chroot may lack it) nor the processor's. hs.c must seed it with getrandom;
# otherwise a handshake fails.
BEARSSL=(-DBR_RDRAND=0 -DBR_USE_URANDOM=0
    -I"$root/$src/bearssl/inc" -I"$root/$src/bearssl/src")

# For code whose speed does not matter. Where it does, hs.c has its own readers
# of YAML and JSON.
SMALL=(-Oz)
LIBYAML=("${SMALL[@]}" -DNDEBUG -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2
    -DYAML_VERSION_PATCH=5 '-DYAML_VERSION_STRING="0.2.5"'
    -I"$root/$src/libyaml/include")

CJSON=("${SMALL[@]}" -include "$root/vendor/cjson.h")

LIBS=(bearssl.a libyaml.a cjson.a)

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

# archive DIR NAME FILE...: adds files to a library, compiled with the command
# in $cmd.
archive() {
    local dir=$1 name=$2
    shift 2
    compile_all "$dir/$name" "${#cmd[@]}" "${cmd[@]}" "$@" &&
        ar rcsD "$dir/$name.a" "$dir/$name"/*.o &&
        rm -r "${dir:?}/$name"
}

# Prints the C files of BearSSL. The first argument is "fast" for those that
# encrypt, hash and calculate, "small" for the rest.
bearssl_files() {
    local options=(-E)
    [[ $1 == fast ]] || options+=(-v)
    find "$root/$src/bearssl/src" -name '*.c' | sort |
        grep "${options[@]}" '/src/(aead|codec|ec|hash|int|mac|rsa|symcipher)/'
}

# vendors DIR COMPILER FLAGS...: the three libraries, with the same flags.
vendors() {
    local dir=$1 key cmd files
    shift
    key=$(key_of "$* ${BEARSSL[*]} ${LIBYAML[*]} ${CJSON[*]} $toolchain" \
        vendor/sources.lock vendor/build.sh vendor/cjson.h)
    fresh "$dir" "$key" && return
    say "$dir: compiling BearSSL, libyaml and cJSON"
    rm -rf "$dir" "$dir.new"
    mapfile -t files < <(bearssl_files fast)
    cmd=("$@" -fno-align-functions -fno-align-jumps "${BEARSSL[@]}")
    quietly archive "$dir.new" bearssl "${files[@]}"
    mapfile -t files < <(bearssl_files small)
    cmd=("$@" "${SMALL[@]}" "${BEARSSL[@]}")
    quietly archive "$dir.new" bearssl "${files[@]}"
    cmd=("$@" "${LIBYAML[@]}")
    quietly archive "$dir.new" libyaml "$root/$src/libyaml/src"/*.c
    cmd=("$@" "${CJSON[@]}")
    quietly archive "$dir.new" cjson "$root/$src/cjson/cJSON.c"
    mv "$dir.new" "$dir"
    made "$dir" "$key"
}

# The built-in trust anchors: Mozilla's list, decoded by BearSSL itself.
anchors() {
    local version key tool=build/anchors out=build/gen/anchors.h
    key=$(key_of "${SHIP[*]}" vendor/sources.lock vendor/anchors.c)
    fresh "$out" "$key" && return
    say "$out: decoding the trust anchors"
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

# The upstream version of a package in sources.lock.
version_of() {
    sed -nE "s/^\\[$1 ([0-9.]+).*/\\1/p" vendor/sources.lock
}

# 20250419~deb12u2 -> 2025-04-19
anchors_date() {
    local version
    version=$(version_of ca-certificates)
    echo "${version:0:4}-${version:4:2}-${version:6:2}"
}
