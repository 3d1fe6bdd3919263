#!/usr/bin/env bash
# Runs the tests by other clocks, so that no date breaks them: a month and 400 days ahead, on a leap day, and in the
# nights in which the clocks are changed. The clocks run; only time spans are measured by the real one.
#
#   tests/clocks.sh [CLOCK…] [-- ARGUMENTS OF cargo test]
#   tests/clocks.sh leap-day -- --test cli restore::
#
# Without a clock it is all of them, without arguments all tests. It needs Debian's `faketime`.
set -euo pipefail
cd "$(dirname "$0")/.."

clocks=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do clocks+=("$1"); shift; done
[ $# -eq 0 ] || shift
[ ${#clocks[@]} -gt 0 ] || clocks=(month year leap-day spring autumn)

preload=$(faketime -m -f +1d printenv LD_PRELOAD) || { echo "install faketime: apt-get install faketime" >&2; exit 1; }
# The compiler goes by the real clock.
cargo test --locked --no-run "$@"

for clock in "${clocks[@]}"; do
    zone=UTC
    case $clock in
        month) date="now + 30 days" ;;
        year) date="now + 400 days" ;;
        leap-day) date="2028-02-29 12:00:00" ;;
        spring) zone=Europe/Berlin date="2027-03-28 01:59:30" ;;
        autumn) zone=Europe/Berlin date="2027-10-31 02:59:30" ;;
        *) echo "no clock \`$clock\`: month, year, leap-day, spring, autumn" >&2; exit 2 ;;
    esac
    # A distance, not a date: each process would begin again at a date.
    ahead=$(($(TZ=$zone date -d "$date" +%s) - $(date +%s)))
    echo "tests/clocks.sh: $clock, from $(TZ=$zone date -d "$date")"
    runner="['env', 'TZ=$zone', 'LD_PRELOAD=$preload', 'FAKETIME=+$ahead', 'FAKETIME_DONT_FAKE_MONOTONIC=1']"
    cargo test --locked --no-fail-fast --config "target.'cfg(all())'.runner=$runner" "$@"
done
