#!/bin/bash
# Makes the database on the first start, then runs what it was given as the postgres user.
set -euo pipefail
export PATH="/usr/lib/postgresql/15/bin:$PATH"
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
init="$(dirname "$(readlink -f "$0")")/20_areas.sql"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /run/postgresql
  chown postgres:postgres "$PGDATA" /run/postgresql
  chmod 0700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ "${1:-}" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made beside its place and moved there when whole: a start that was cut short begins anew.
  rm -rf "$PGDATA"/* "$PGDATA"/.making
  password="$(mktemp)"
  printf '%s\n' "$POSTGRES_PASSWORD" >"$password"
  initdb --pgdata="$PGDATA/.making" --username="$POSTGRES_USER" --pwfile="$password" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 >/dev/null
  rm -f "$password"
  printf 'host all all all scram-sha-256\n' >>"$PGDATA/.making/pg_hba.conf"
  printf "listen_addresses = '*'\n" >>"$PGDATA/.making/postgresql.conf"
  pg_ctl --pgdata="$PGDATA/.making" --wait --options="-c listen_addresses=''" start >/dev/null
  createdb --username="$POSTGRES_USER" "$POSTGRES_DB"
  psql --quiet --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" --set=ON_ERROR_STOP=1 --file="$init" >/dev/null
  pg_ctl --pgdata="$PGDATA/.making" --wait stop >/dev/null
  version="$PGDATA/.making/PG_VERSION"
  mv "$version" "$PGDATA/.version"
  mv "$PGDATA"/.making/* "$PGDATA"/
  rmdir "$PGDATA/.making"
  mv "$PGDATA/.version" "$PGDATA/PG_VERSION"
fi

exec "$@"
