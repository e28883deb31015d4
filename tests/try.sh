#!/usr/bin/env bash
# See the main job work, on loopback alone: `./build.sh try` comes here after
# the build. Starts the stand-in for HubSpot's API, signs in to two accounts
# with the real binary over real TLS, lists them, switches, reads and writes.
# It removes everything that it creates at the end, also after Ctrl-C.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
hs=${1:-$repo/build/hs}

# The stand-in is a Python program and makes its certificates with openssl.
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3 || true)
if [ -z "$python" ] || ! command -v openssl >/dev/null; then
    need="apt-get install -y python3 openssl"
    if [ "$(id -u)" != 0 ]; then
        echo "try: needs python3 and openssl: sudo $need" >&2
        exit 1
    fi
    echo "try: $need"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && $need; } >/dev/null 2>&1 ||
        { echo "try: that failed: run it by hand to see why" >&2; exit 1; }
    python=$(command -v python3)
fi
if [ ! -x "$hs" ]; then
    echo "try: $hs is missing: run ./build.sh" >&2
    exit 1
fi

dir=$(mktemp -d)
sim=
clean_up() {
    if [ -n "$sim" ]; then
        kill "$sim" 2>/dev/null || true
        wait "$sim" 2>/dev/null || true
    fi
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A pipe that we hold open keeps the stand-in alive: should we be killed, it
# ends with us.
mkfifo "$dir/hold" "$dir/said"
"$python" -B "$repo/tests/hubsim.py" --dir "$dir" <"$dir/hold" >"$dir/said" &
sim=$!
exec 3>"$dir/hold"
read -r -t 20 word <"$dir/said" || word=nothing
if [ "$word" != ready ]; then
    echo "try: the stand-in did not start (it said: $word)" >&2
    exit 1
fi

# A clean house: nothing of the caller's HubSpot set-up is read or touched.
hubspot='^(HUBSPOT_|HUBAPI_|USE_ENVIRONMENT_)'
for name in $(compgen -e | grep -E "$hubspot" || true) http_proxy \
    https_proxy all_proxy no_proxy HTTP_PROXY ALL_PROXY NO_PROXY \
    SSL_CERT_DIR NODE_EXTRA_CA_CERTS INIT_CWD; do
    unset "$name"
done
# shellcheck source=/dev/null
. "$dir/env"
export HOME=$dir/home
mkdir "$HOME" "$dir/work"
cd "$dir/work"
PATH=$(dirname "$hs"):$PATH

# The stand-in's two accounts; their keys go to files, never to a command line.
# A third key is well formed, and no account has it.
"$python" -B - "${HTTPS_PROXY:?}" "$dir" <<'PY'
import json, pathlib, sys, urllib.request
proxy, dir = sys.argv[1:]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for name, account in {
        "acme": {"hub_id": 1000001, "name": "Acme Prod"},
        "sandbox": {"hub_id": 2000002, "name": "Acme Sandbox",
                    "type": "STANDARD_SANDBOX", "parent": 1000001}}.items():
    answer = direct.open(proxy + "/_sim/portal", json.dumps(account).encode())
    key = json.load(answer)["key"]
    pathlib.Path(dir, f"{name}.key").write_text(key + "\n")
key = pathlib.Path(dir, "acme.key").read_text()
pathlib.Path(dir, "bad.key").write_text(key[:40] + key[40:].swapcase())
PY

failed=
step() { # step EXPECTED_EXIT COMMAND_LINE: show it, run it, check how it ended
    local code=0
    printf '\n$ %s\n' "$2"
    bash -c "$2" 2>&1 || code=$?
    if [ "$code" != "$1" ]; then
        printf '(exit code %s: expected %s)\n' "$code" "$1"
        failed="${failed:-$2}"
    elif [ "$code" != 0 ]; then
        printf '(exit code %s, as it should be)\n' "$code"
    fi
}

contacts=/crm/v3/objects/contacts
cp "$dir"/*.key .
echo "hs $(hs --version) against a stand-in for HubSpot's API on loopback"
step 0 "hs account auth --pak-stdin --use-default-name --default < acme.key"
step 0 "hs account auth --pak-stdin --name sandbox --no-default < sandbox.key"
step 0 "hs account list"
step 0 "hs account use sandbox"
ada='{"properties": {"email": "ada@example.com"}}'
step 0 "hs api $contacts --data '$ada'"
step 0 "hs api $contacts"
step 0 "hs api '$contacts?limit=1' --account acme-prod"
step 4 "hs account auth --pak-stdin --use-default-name < bad.key"

echo
if [ -n "$failed" ]; then
    echo "try: FAILED at: $failed"
    exit 1
fi
echo "try: all steps worked"
