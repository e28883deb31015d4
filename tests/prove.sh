# shellcheck shell=bash disable=SC2034,SC2154
#
# Part of build.sh: checks that take longer than the tests. Each is a function
# prove_NAME, listed in PROVE_JOBS. It builds what it needs, calls unlock(), and
# then runs, each command under a time limit. It fails if it finds something,
# and else writes what it did to build/prove/NAME.
#
# A job that passed is not repeated until hs.c or its own files change, so after
# a failure or an interruption the next run goes on from there.

PROVE_JOBS=(bogo)

# Prints the files that the result of job $1 depends on, besides hs.c.
prove_files() {
    case $1 in
    bogo) find tests/bogo -type f | sort ;;
    esac
}

# prove [JOB...]: the named jobs, or all.
prove() {
    local job key files
    for job; do
        [[ " ${PROVE_JOBS[*]} " == *" $job "* ]] ||
            die "no such job: $job. Jobs: ${PROVE_JOBS[*]}"
    done
    [[ $# -gt 0 ]] || set -- "${PROVE_JOBS[@]}"
    mkdir -p build/prove
    for job; do
        lock
        foundation
        mapfile -t files < <(prove_files "$job")
        key=$(key_of "$toolchain $(declare -f "prove_$job")" hs.c \
            vendor/sources.lock tests/prove.sh "${files[@]}")
        if fresh "build/prove/$job" "$key"; then
            say "prove: $job: passed before, and nothing has changed since"
            continue
        fi
        rm -f "build/prove/$job"
        say "prove: $job: starting"
        local start=$SECONDS
        "prove_$job"
        made "build/prove/$job" "$key"
        say "prove: $job: passed ($((SECONDS - start)) s)"
    done
}

# ---- bogo: BoringSSL's tests of TLS clients --------------------------------
#
# tests/bogo/shim.c explains how they work, tests/bogo/expected what they find.

BOGO_NEEDS=(golang-go golang-golang-x-crypto-dev)

# Builds build/bogo/runner. Without a network, put the packages into
# build/bogo/cache.
bogo_runner() {
    local key bogo=$root/build/bogo tests module
    key=$(key_of "$(declare -f bogo_runner)" tests/bogo/sources.lock)
    fresh build/bogo/runner "$key" && return
    need "${BOGO_NEEDS[@]}"
    rm -rf build/bogo/go
    vendor/fetch.sh --lock tests/bogo/sources.lock build/bogo
    tests=$(echo "$bogo"/src/*/src)
    module=$bogo/go/src/$(sed -n 's/^module //p' "$tests/go.mod")
    mkdir -p "${module%/*}"
    ln -s "$tests" "$module"
    # With -loose-errors, an error may lack its alert: BearSSL sends none.
    local wanted=test.expectedLocalError
    local is_alert="strings.HasPrefix($wanted, \"remote error\")"
    sed -i "s/len($wanted) != 0 {/!(*looseErrors \&\& $is_alert) \&\& &/" \
        "$tests/ssl/test/runner/runner.go"
    say "build/bogo/runner: compiling"
    (cd "$module/ssl/test/runner" &&
        GOPATH=$bogo/go:/usr/share/gocode GOCACHE=$bogo/go/cache GOFLAGS='' \
            GO111MODULE=off go test -c -o "$bogo/runner" .)
    made build/bogo/runner "$key"
}

# bogo_run SHIM OPTIONS...: runs the tests with a shim, and compares the
# results.
bogo_run() {
    local out=$root/build/$1 json=$root/tests/bogo
    shift
    : >"$out.skipped"
    rm -f "$out.json"
    say "$out: running"
    (cd build/bogo/src/*/src/ssl/test/runner &&
        HS_BOGO_SKIPPED=$out.skipped ASAN_OPTIONS=exitcode=90:detect_leaks=0 \
            UBSAN_OPTIONS=exitcode=90 timeout -k 5 900 \
            "$root/build/bogo/runner" -test.run TestAll -test.timeout 15m \
            -shim-path "$out" -shim-config "$json/config.json" -pipe \
            -num-workers 2 -loose-errors -allow-unimplemented \
            -idle-timeout 10s -json-output "$out.json" "$@") \
        >"$out.log" 2>&1 </dev/null || true
    /usr/bin/python3 -B tests/bogo/check.py tests/bogo/expected "$out.json" \
        "$out.log" "$out.skipped"
}

# First all tests, then those that are not skipped with a shim that has
# sanitizers.
prove_bogo() {
    local names
    bogo_runner
    need python3 "${DEBUG_NEEDS[@]}"
    vendors build/vendor-debug "$CC" "${DEBUG[@]}" "${CATCH_VENDOR[@]}"
    with_musl build/bogo/shim tests/bogo/shim.c -Wno-unused-function
    with_sanitizers build/bogo/shim-debug tests/bogo/shim.c \
        -Wno-unused-function
    unlock
    bogo_run bogo/shim | tee build/prove/bogo.new
    names=$(sed -nE 's/^(PASSED|FAILED) \((.*)\)$/\2/p' build/bogo/shim.log |
        paste -sd ';')
    quietly bogo_run bogo/shim-debug -test "$names" ||
        die "bogo: with sanitizers, the results are different"
    mv build/prove/bogo.new build/prove/bogo
}
