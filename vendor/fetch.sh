#!/usr/bin/env bash
#
# Brings the third-party sources of hs to vendor/src. They are Debian packages,
# pinned by version and SHA-256 in vendor/sources.lock, and never committed.
#
#   vendor/fetch.sh           from vendor/cache, else from this machine's mirror
#   vendor/fetch.sh DIR       from a folder that holds the files; no network
#   vendor/fetch.sh --update  pin what the mirror serves now: rewrites the lock
#   vendor/fetch.sh --lock FILE FOLDER ...  the same for another list: to
#                             FOLDER/src and FOLDER/cache
#
# The mirror is the one that apt already uses. apt checks Debian's signatures,
# and works in its own folder: the system's lists, caches and
# configuration stay as they are, and no root is needed.

set -euo pipefail
export LC_ALL=C

vendor=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lock=$vendor/sources.lock
to=$vendor
if [[ ${1-} == --lock ]]; then
    lock=$(realpath "$2")
    to=$(realpath "$3")
    shift 3
fi
cache=$to/cache
tmp=

# The Debian release whose packages are pinned.
suite=bookworm

say() { printf 'fetch: %s\n' "$*" >&2; }

die() {
    printf 'fetch: %s\n' "$1" >&2
    shift
    [[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
    exit 1
}

make_tmp() {
    tmp=$(mktemp -d)
    trap 'rm -rf "$tmp"' EXIT
}

# ---- the lock --------------------------------------------------------------
#
# A line "[name version kind]" opens a package (kind: source or binary); the
# lines "sha256  file" that follow are its files, as sha256sum writes them.

lock_packages() {
    sed -nE 's/^\[([^ ]+) ([^ ]+) (source|binary)\]$/\1 \2 \3/p' "$lock"
}

lock_sums() { grep -E '^[0-9a-f]{64}  [^/]+$' "$lock"; }

lock_files() { lock_sums | cut -c 67-; }

# True when folder $1 has every pinned file, right or wrong.
has_all() {
    local file
    while read -r file; do
        [[ -f $1/$file ]] || return 1
    done < <(lock_files)
}

# Every pinned file in folder $1 has its SHA-256, or the run ends here.
verify() {
    local bad
    if ! bad=$(cd "$1" && lock_sums | sha256sum --check --quiet 2>&1); then
        die "what is in $1 is not what $lock pins:" "$bad" \
            "Nothing was unpacked. Remove the bad files and run this again."
    fi
}

# ---- apt, kept apart from the system ---------------------------------------

# Picks the paragraphs of deb822 files that name our release, as deb + deb-src.
pick_deb822() {
    awk -v suite="$suite" '
        BEGIN { RS = ""; ORS = "\n\n" }
        /(^|\n)Enabled:[ \t]*no/ { next }
        $0 !~ "(^|\n)Suites:[^\n]*(" suite "|stable)([-/ \t\n]|$)" { next }
        $0 !~ /(^|\n)Components:[^\n]*main/ { next }
        sub(/(^|\n)Types:[^\n]*/, "\nTypes: deb deb-src")
    ' "$@"
}

# The same for one-line files: "deb [options] uri suite component...".
pick_oneline() {
    sed -nE "s/^deb(-src)?[[:space:]]+(.*[[:space:]]($suite|(old)?stable)\
([-\/][a-z]+)*[[:space:]]+.*\bmain\b.*)/deb \2\ndeb-src \2/p" "$@" | sort -u
}

# A bare debootstrap lists no security archive, but fixes may be only there;
# by Debian's custom it lies beside the main one. A miss does no harm.
add_security() {
    local dir=$1 uri
    grep -qrs "$suite-security" "$dir" && return
    uri=$(grep -ohrE '[a-z+]+://[^ ]+/debian/?( |$)' "$dir" | head -n 1) ||
        return 0
    uri=${uri%% *}
    [[ -z $uri ]] ||
        pick_oneline <<<"deb ${uri%/}-security $suite-security main" \
            >"$dir/security.list"
}

apt_sources() {
    local dir=$1 file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [[ -r $file ]] || continue
        case $file in
        *.sources) pick_deb822 "$file" ;;
        *.list) pick_oneline "$file" ;;
        esac >"$dir/${file##*/}"
        [[ -s $dir/${file##*/} ]] || rm "$dir/${file##*/}"
    done
    add_security "$dir"
    [[ -n $(ls "$dir") ]] ||
        die "no mirror of Debian 12 ($suite) is set up in /etc/apt." \
            "Give a folder that holds the files: vendor/fetch.sh DIR"
}

# The one place where apt's settings are made. Hooks of the system's own apt
# (caches to clean, desktops to tell) are none of this run's business.
apt_setup() {
    mkdir -p "$tmp"/{sources.d,state/lists/partial,cache/archives/partial,get}
    apt_sources "$tmp/sources.d"
    cat >"$tmp/apt.conf" <<-END
	Dir::Etc::SourceList "/dev/null";
	Dir::Etc::SourceParts "$tmp/sources.d";
	Dir::State "$tmp/state";
	Dir::State::Status "/var/lib/dpkg/status";
	Dir::Cache "$tmp/cache";
	Acquire::Languages "none";
	#clear APT::Update;
	END
    # Root's apt downloads as the user _apt, which must get into the folder.
    chmod 755 "$tmp"
    if [[ $(id -u) -eq 0 ]] && id _apt >/dev/null 2>&1; then
        chown _apt "$tmp"/{state/lists,cache/archives}/partial "$tmp/get"
    fi
    say "reading the package lists of this machine's Debian mirror"
    # A list that fails is shown below, if a package was not found in it.
    apt-get -c "$tmp/apt.conf" -qq update >"$tmp/log" 2>&1 || true
}

apt_newest() {
    if [[ $2 == source ]]; then
        apt-cache -c "$tmp/apt.conf" showsrc --only-source "$1"
    else
        apt-cache -c "$tmp/apt.conf" show "$1"
    fi 2>/dev/null | sed -n 's/^Version: //p' | sort -uV | tail -n 1 || true
}

apt_fetch() {
    local name=$1 version=$2 kind=$3 verb=download
    say "$name $version"
    [[ $kind == binary ]] || verb="source --download-only"
    # $verb is split on purpose.
    # shellcheck disable=SC2086
    (cd "$tmp/get" && apt-get -c "$tmp/apt.conf" -qq $verb \
        "$name=$version") >>"$tmp/log" 2>&1 || apt_missing "$@"
}

apt_missing() {
    local newest
    newest=$(apt_newest "$1" "$3")
    if [[ -n $newest && $newest != "$2" ]]; then
        die "the mirror no longer has $1 $2; it has $newest." \
            "To move on: vendor/fetch.sh --update, then review and commit" \
            "the change of ${lock##*/}. To build without the" \
            "network: vendor/fetch.sh DIR, a folder with the pinned files."
    fi
    cat "$tmp/log" >&2
    die "cannot fetch $1 $2: see apt's words above." \
        "Without a network: vendor/fetch.sh DIR, a folder with the files."
}

# ---- the three ways to fill vendor/cache -----------------------------------

# Only what has been verified moves into the cache, so a broken run leaves none.
keep() {
    local file
    verify "$1"
    mkdir -p "$cache"
    while read -r file; do
        cp -f "$1/$file" "$cache/.$file.new"
        mv -f "$cache/.$file.new" "$cache/$file"
    done < <(lock_files)
}

from_mirror() {
    local name version kind
    make_tmp
    apt_setup
    while read -r name version kind; do
        apt_fetch "$name" "$version" "$kind"
    done < <(lock_packages)
    keep "$tmp/get"
}

from_folder() {
    has_all "$1" ||
        die "$1 lacks some of the files that $lock names."
    keep "$1"
}

update() {
    local name version kind newest
    make_tmp
    apt_setup
    sed '/^\[/,$d' "$lock" >"$tmp/lock"
    while read -r name version kind; do
        newest=$(apt_newest "$name" "$kind")
        apt_fetch "$name" "${newest:-$version}" "$kind"
        printf '[%s %s %s]\n' "$name" "${newest:-$version}" "$kind"
        (cd "$tmp/get" && sha256sum -- "${name}"_*) && echo
    done < <(lock_packages) >>"$tmp/lock"
    sed -i '$d' "$tmp/lock"
    rm -rf "$cache" "$to/src"
    cat "$tmp/lock" >"$lock"
    keep "$tmp/get"
}

# ---- vendor/src ------------------------------------------------------------

# A source package is upstream's archive with Debian's patches on it. This is
# what "dpkg-source -x" does, without the need to install it.
unpack_source() {
    local name=$1 dir=$2 patch
    tar -xf "$cache/${name}_"*.orig.tar.* -C "$dir" --strip-components=1
    tar -xf "$cache/${name}_"*.debian.tar.* -C "$dir"
    [[ -f $dir/debian/patches/series ]] || return 0
    while read -r patch _; do
        [[ -z $patch || $patch == \#* ]] ||
            patch -d "$dir" -p1 -F0 -N -s <"$dir/debian/patches/$patch" ||
            die "Debian's patch $patch does not apply to $name."
    done <"$dir/debian/patches/series"
}

unpack() {
    local new=$to/src.new name version kind
    rm -rf "$new"
    while read -r name version kind; do
        mkdir -p "$new/$name"
        if [[ $kind == source ]]; then
            unpack_source "$name" "$new/$name"
        else
            dpkg-deb -x "$cache/${name}_$version"_*.deb "$new/$name"
        fi
    done < <(lock_packages)
    sha256sum <"$lock" >"$new/.lock"
    rm -rf "$to/src"
    mv "$new" "$to/src"
}

case ${1-} in
--update) update ;;
-*) die "usage: vendor/fetch.sh [DIR | --update]" ;;
?*) from_folder "$1" ;;
"") if has_all "$cache"; then verify "$cache"; else from_mirror; fi ;;
esac
unpack
