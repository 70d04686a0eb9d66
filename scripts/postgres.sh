# shellcheck shell=bash
# Finds and installs PostgreSQL and keeps private servers. Sourced by bash scripts; everything it says goes to stderr.
#
# A private server is one folder: data/, log and the Unix socket, the only way in. The folder belongs to the user that
# the server runs as (PostgreSQL refuses root) and nobody else can enter it: that is why no password is asked for.

pg_port=5433

say() { printf '%s\n' "$*" >&2; }

# Sets PG_BIN to the folder of the server's programs; fails where there is none.
pg_find() {
    local initdb
    if [ -n "${PG_BIN:-}" ]; then
        [ -x "$PG_BIN/initdb" ]
        return
    fi
    initdb=$(command -v initdb) ||
        initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
    [ -x "$initdb" ] || return 1
    PG_BIN=$(dirname "$(readlink -f "$initdb")")
}

# pg_find, after installing Debian's packages where they are missing and we may.
pg_install() {
    if pg_find; then
        return
    fi
    if [ -n "${PG_BIN:-}" ]; then
        say "PG_BIN=$PG_BIN holds no initdb"
        return 1
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say 'PostgreSQL (12 or newer) with its server programs is needed and was not found.'
        say 'Install it, for example with: sudo apt-get install postgresql'
        say 'or say where it is: export PG_BIN=/usr/lib/postgresql/17/bin'
        return 1
    fi
    say 'installing PostgreSQL'
    apt update && apt install -y --no-install-recommends postgresql-common || return
    # Else the next package makes a cluster of its own, and starts it.
    sed -i 's/^#create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf || return
    apt install -y --no-install-recommends postgresql postgresql-client || return
    pg_find
}

# apt COMMAND…: Debian's packages, without questions.
apt() { DEBIAN_FRONTEND=noninteractive apt-get -q "$@" >&2; }

# package_install NAME WORDS…: Debian's package NAME, which gives the WORDS that are missing, if we may.
package_install() {
    local package=$1
    shift
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say "$* is needed for the tests and was not found."
        say "Install it, for example with: sudo apt-get install $package"
        return 1
    fi
    say "installing $*"
    apt update && apt install -y --no-install-recommends "$package"
}

# What the tests need beside the server: the pooler that they stand between, openssl for certificates, python3 and libpq
# to compare with.
tools_install() {
    command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || package_install pgbouncer PgBouncer || return
    command -v openssl >/dev/null || package_install openssl openssl || return
    command -v python3 >/dev/null || package_install python3 python3 || return
    python3 -c 'import ctypes; ctypes.CDLL("libpq.so.5")' 2>/dev/null || package_install libpq5 libpq.so.5
}

# The second server of the tests, which negotiates TLS directly (PostgreSQL 17 and newer) where the first one may be too
# old for that. Debian's packages are preferred; else it is a package of npm, held by its version and its contents.
modern_version=18.4.0-beta.17

# Prints the folder of the unpacked package. Servers that root starts run as somebody else, to whom root's home is closed.
modern_folder() {
    local cache=${XDG_CACHE_HOME:-${HOME:-}/.cache}
    [ "$(id -u)" != 0 ] || cache=/var/cache
    printf '%s\n' "$cache/onward-tests/postgres-$modern_version"
}

# Sets PG_MODERN_BIN to the folder of its programs, initdb, pg_ctl and postgres; fails where there is none.
modern_find() {
    local folder
    if [ -z "${PG_MODERN_BIN:-}" ]; then
        for folder in /usr/lib/postgresql/{18,17}/bin "$(modern_folder)/native/bin"; do
            if [ -x "$folder/initdb" ]; then
                PG_MODERN_BIN=$folder
                break
            fi
        done
    fi
    [ -x "${PG_MODERN_BIN:-}/initdb" ]
}

# modern_find, after unpacking the package where it is missing.
modern_install() {
    local folder parent new
    if modern_find; then
        return
    fi
    if [ -n "${PG_MODERN_BIN:-}" ]; then
        say "PG_MODERN_BIN=$PG_MODERN_BIN holds no initdb"
        return 1
    fi
    if ! command -v npm >/dev/null; then
        package_install npm npm || {
            say 'or say where PostgreSQL 17 or newer is: export PG_MODERN_BIN=/usr/lib/postgresql/17/bin'
            return 1
        }
    fi
    folder=$(modern_folder)
    parent=$(dirname "$folder")
    say "unpacking PostgreSQL ${modern_version%.0-*} into $folder"
    mkdir -p "$parent" || return
    chmod 755 "$parent" || return
    new=$(mktemp -d "$parent/new.XXXXXX") || return
    # Whole or not at all: another run may look for it meanwhile, or be the first to have it.
    if modern_unpack "$new" && { mv -T "$new/package" "$folder" 2>/dev/null || [ -x "$folder/native/bin/initdb" ]; }; then
        rm -rf "$new"
        modern_find
    else
        rm -rf "$new"
        say "PostgreSQL ${modern_version%.0-*} could not be unpacked"
        return 1
    fi
}

# modern_unpack FOLDER: makes FOLDER/package.
modern_unpack() (
    umask 022
    cd "$1" || exit
    case $(uname -m) in
        x86_64) name=x64 sum=795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2 ;;
        aarch64) name=arm64 sum=5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea ;;
        *)
            say "there is no such package for $(uname -m)"
            exit 1
            ;;
    esac
    npm pack --loglevel=error --update-notifier=false "@embedded-postgres/linux-$name@$modern_version" >&2 || exit
    printf '%s  %s\n' "$sum" "embedded-postgres-linux-$name-$modern_version.tgz" | sha256sum --check --quiet >&2 || exit
    tar -xzf ./*.tgz --no-same-owner package/native || exit
    chmod -R a+rX,u+w package || exit
    chmod 755 package/native/bin/* || exit
    # npm keeps no symbolic links, so the package lists them.
    tr '{' '\n' <package/native/pg-symlinks.json |
        sed -n 's|^"source":"native/lib/\([^"/]*\)","target":"native/lib/\([^"/]*\)".*|\1 \2|p' |
        while read -r source target; do ln -s "$source" "package/native/lib/$target" || exit; done || exit
    package/native/bin/postgres --version >&2
)

# pg_as FOLDER COMMAND…: runs one of the server's programs as the owner of FOLDER.
pg_as() {
    local folder=$1 program=$PG_BIN/$2
    shift 2
    (
        # The current folder may be closed to that user.
        cd "$folder" || exit
        export LC_ALL=C
        if [ "$(id -u)" = 0 ]; then
            exec setpriv --reuid="$(stat -c %u .)" --regid="$(stat -c %g .)" --clear-groups -- "$program" "$@"
        fi
        exec "$program" "$@"
    )
}

# Prints the name of a new folder for a private server. It is short: the path of a socket ends at 107 bytes.
pg_folder() {
    local folder user=postgres
    folder=$(mktemp -d /var/tmp/onward.XXXXXX) || return
    if [ "$(id -u)" = 0 ]; then
        id "$user" >/dev/null 2>&1 || user=nobody
        chown "$user:$(id -g "$user")" "$folder" || return
    fi
    printf '%s\n' "$folder"
}

# pg_create FOLDER [SETTING…]: makes the data of a server whose superuser is "postgres".
pg_create() {
    local folder=$1
    shift
    pg_as "$folder" initdb -D data -U postgres -A trust -E UTF8 --locale=C >/dev/null || return
    printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$folder'" "port = $pg_port" 'max_connections = 100' \
        "$@" >>"$folder/data/postgresql.conf"
}

pg_running() { pg_as "$1" pg_ctl -D data status >/dev/null 2>&1; }

pg_start() {
    if ! pg_as "$1" pg_ctl -D data -l log -w start >/dev/null; then
        say "PostgreSQL did not start; the end of $1/log:"
        tail -n 20 "$1/log" >&2
        return 1
    fi
}

# pg_remove FOLDER: stops the server, if it runs, and takes its folder away.
pg_remove() {
    if [ -d "$1" ]; then
        if pg_running "$1"; then
            # Nothing of it will be wanted again, so no checkpoint; and a server without its folder ends by itself.
            pg_as "$1" pg_ctl -D data -m immediate -w -t 10 stop >/dev/null || true
        fi
        rm -rf "$1"
    fi
}
