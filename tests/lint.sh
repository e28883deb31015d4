# shellcheck shell=bash disable=SC2034,SC2154
#
# Part of build.sh: the linters. Each is a function lint_NAME that prints
# nothing and succeeds if it finds nothing. They run in parallel.

LINT_NEEDS=(black clang-format clang-tidy cppcheck flake8 libc6-dev python3
    shellcheck)

# All checks that begin with these, except:
#   bugprone-easily-swappable-parameters  every (char *, size_t) in C
#   bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp  _GNU_SOURCE
#   bugprone-assignment-in-if-condition   house style
#   bugprone-suspicious-include           tests include hs.c
#   cert-err33-c  unchecked fprintf to stderr: nothing else could be done
#   cert-dcl03-c  static asserts of what is not a constant
#   bugprone-narrowing-conversions  gcc's -Wconversion reports it already
#   bugprone-sizeof-expression  the size of a pointer that is stored
#   bugprone-implicit-widening-of-multiplication-result  16 * KIB as a size
#   clang-analyzer-optin.performance.Padding  fields are in reading order
#   clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling
#                 asks for memcpy_s, which neither libc has
TIDY='-*,bugprone-*,cert-*,clang-analyzer-*,misc-redundant-expression
    ,readability-misleading-indentation,readability-inconsistent-declaration*
    ,-bugprone-easily-swappable-parameters,-bugprone-reserved-identifier
    ,-bugprone-implicit-widening-of-multiplication-result
    ,-bugprone-narrowing-conversions,-bugprone-sizeof-expression
    ,-bugprone-assignment-in-if-condition,-bugprone-suspicious-include
    ,-cert-dcl37-c,-cert-dcl51-cpp,-cert-err33-c,-cert-dcl03-c
    ,-clang-analyzer-optin.performance.Padding
    ,-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling'

# tests/bogo/shim.c is compiled here because the tests do not run it.
lint_warnings() {
    "$CC" "${MUSL[@]}" "${SHIP_HS[@]}" "${HS[@]}" "${WARN[@]}" -Wunused-macros \
        -Werror -c -o /dev/null hs.c &&
        "$CC" "${MUSL[@]}" "${HS[@]}" "${WARN[@]}" -Wno-unused-function \
            -Werror -fsyntax-only tests/bogo/shim.c
}

# The limit on visits of one program point keeps the time for a file this large
# at a minute and a half; with a limit of 2 ten minutes were not enough.
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
    shellcheck -x "${scripts[@]}" && ! grep -nE '^.{81}' "${scripts[@]}"
}

lint_black() { black --quiet --check --diff --line-length 100 tests; }

# E203 is how black formats slices; F811 is how a test imports and then uses a
# pytest fixture.
lint_flake8() {
    flake8 --max-line-length 100 --extend-ignore E203,F811 tests
}

# `sources` includes hs.c.
lint_words() {
    /usr/bin/python3 tests/lint_words.py README.md "${scripts[@]}" \
        "${sources[@]}" "${pythons[@]}"
}

lint_sections() { /usr/bin/python3 tests/lint_sections.py hs.c; }

# The program of linter $1.
lint_tool() {
    case $1 in
    tidy) echo clang-tidy ;;
    format) echo clang-format ;;
    cppcheck) echo cppcheck ;;
    shell) echo shellcheck ;;
    black | flake8) echo "$1" ;;
    sections | words) echo /usr/bin/python3 ;;
    *) echo "$CC" ;;
    esac
}

# Runs linter $1 and reports its time. Its output goes to a log.
lint_job() {
    local start=$SECONDS
    "lint_$1" >"build/lint-$1.log" 2>&1 </dev/null || return 1
    say "lint: $1: nothing found ($((SECONDS - start)) s)"
}

# Starts the linters, then prints the logs of those that found something.
lint_jobs() {
    local job failed=0
    local -A pids
    for job; do
        if ! command -v "$(lint_tool "$job")" >/dev/null; then
            say "lint: $job: skipped; $(lint_tool "$job") is not installed"
            continue
        fi
        lint_job "$job" &
        pids[$job]=$!
    done
    for job in "${!pids[@]}"; do
        wait "${pids[$job]}" && continue
        failed=1
        say "lint: $job:"
        cat "build/lint-$job.log" >&2
    done
    return "$failed"
}

# Files that passed once are not checked again until one of them changes.
lint() {
    local key scripts sources pythons tools
    mapfile -t sources \
        < <(find hs.c vendor/*.c tests -name '*.[ch]' | sort)
    mapfile -t scripts < <(find build.sh .ci/run vendor/*.sh tests \
        \( -name '*.sh' -o -path .ci/run \) -type f | sort)
    mapfile -t pythons < <(find tests -name '*.py' | sort)
    if [[ $(id -u) -eq 0 ]]; then
        need "${LINT_NEEDS[@]}"
    fi
    tools=$(command -v black clang-format clang-tidy cppcheck flake8 \
        shellcheck) || true
    key=$(key_of "$toolchain $tools" .clang-format README.md \
        "${sources[@]}" "${scripts[@]}" "${pythons[@]}")
    fresh hs.c "$key" && return
    say "lint: running the linters, about 4 minutes on two cores"
    lint_jobs tidy analyzer cppcheck warnings format shell black flake8 \
        sections words || die "lint found something"
    made hs.c "$key"
}
