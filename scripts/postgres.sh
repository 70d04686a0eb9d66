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

# The pooler that the tests stand between, after installing it where it is missing and we may.
pooler_install() {
    if command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        say 'PgBouncer is needed for the tests and was not found.'
        say 'Install it, for example with: sudo apt-get install pgbouncer'
        return 1
    fi
    say 'installing PgBouncer'
    apt update && apt install -y --no-install-recommends pgbouncer
}

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
