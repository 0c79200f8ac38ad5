#!/bin/sh
# A night: get bars, check, run yesterday, back up, verify. Copy this file and set the next lines, here or in the environment.
#   nightly.sh [YYYY-MM-DD]    the day to run; without it yesterday, in UTC
# It stops at the first command that fails, with its exit code. It needs no lock of its own: memory and backups have one each.
set -eu
carryover=${CARRYOVER:-/opt/carryover}
home=${TRADING_HOME:-/srv/trading} # has config.yaml
backups=${BACKUPS:-$home/backups}  # better on another disk, or s3://bucket/prefix
ping=${PING:-true}                 # after a good night, such as: curl -fsS https://example.com/dead-man-switch
export PATH="${PATH:-/usr/bin:/bin}:/usr/local/bin"

# Keys of models or of S3, a line each: OPENAI_API_KEY=...
set -a
if [ -e "$home/keys.env" ]; then . "$home/keys.env"; fi
set +a

# One command or several; what they print is of no interest, but for errors. config.yaml names the same assets.
get_bars=${GET_BARS:-"
  bun '$carryover/scripts/fetch-bars.ts' --exchange binance --assets BTC/USDT,ETH/USDT --start 2021-01-01 --data-dir '$home/market'"}

# Seconds, since only some `date` know "yesterday". This is for Linux: the one of macOS has other flags.
day=${1:-$(date -u -d "@$(($(date -u +%s) - 86400))" +%Y-%m-%d)}
start=$(date -u -d "$day" +%s) || exit 2
next=$(date -u -d "@$((start + 86400))" +%Y-%m-%d)

run() {
  script=$1
  shift
  bun "$carryover/scripts/$script.ts" "$@" --config "$home/config.yaml"
}

sh -ec "$get_bars" >/dev/null
# Exit code 3 if there are no bars of that day, a key or a program is missing, or memory that backups have; 4 if memory is damaged, which a run does not notice.
run doctor --backup-dir "$backups" --set backtest.start="$day" --set backtest.end="$next"
run run-chunks --start "$day" --end "$next" --require-bars
# Exit code 4, and no older backup removed, if what it copied is damaged.
run backup create --backup-dir "$backups" --answers --keep-last 30
if [ "$(date -u +%u)" = 6 ]; then which=; else which=latest; fi # all on Saturdays: disks rot
run backup verify $which --backup-dir "$backups"
sh -ec "$ping"
