# SPDX-License-Identifier: GPL-3.0-or-later
# steps: runs one step after another, keeps the count, shows what failed, and cleans up behind
# everything. Sourced by tests/run; needs $build and $logs.

n_passed=0 n_failed=0 n_skipped=0
run_started=$SECONDS
# Every process of this run carries this in its environment, so that strays are found by it alone.
export MILLRACE_TEST_RUN=run-$$-$RANDOM$RANDOM
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:handle_abort=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
export LSAN_OPTIONS=suppressions=$root/tests/lib/lsan.supp:print_suppressions=0

begin() {
	ip netns list 2>/dev/null | awk '{print $1}' | sort >"$logs/.netns"
	awk '{print $5}' /proc/self/mountinfo | sort >"$logs/.mounts"
	trap 'exit 130' INT TERM HUP
	trap clean_up EXIT
}

strays() {
	local p
	for p in /proc/[0-9]*; do
		p=${p#/proc/}
		[ "$p" != $$ ] && [ "$p" != "$BASHPID" ] &&
			tr '\0' '\n' 2>/dev/null <"/proc/$p/environ" | grep -qx "MILLRACE_TEST_RUN=$MILLRACE_TEST_RUN" &&
			echo "$p"
	done 2>/dev/null
}

new_namespaces() { ip netns list 2>/dev/null | awk '{print $1}' | sort | comm -13 "$logs/.netns" - | grep '^mt-'; }
# /run/netns itself becomes a mount with the first namespace that anybody makes: not ours to undo
new_mounts() { awk '{print $5}' /proc/self/mountinfo | sort | comm -13 "$logs/.mounts" - | grep -v '^/run/netns'; }

nothing_left() {
	local p bad=0
	for p in $(strays); do
		ps -o args= -p "$p" | grep -qE '(tests|\.ci)/run' && continue	# we ourselves
		ps -o pid=,args= -p "$p" && bad=1
	done
	new_namespaces && bad=1
	new_mounts && bad=1
	return $bad
}

clean_up() {
	local p n
	trap - EXIT INT TERM HUP
	type restore_policy >/dev/null 2>&1 && restore_policy
	for p in $(strays); do kill -TERM "$p" 2>/dev/null; done
	for n in 1 2 3 4 5; do
		[ -z "$(strays)" ] && break
		sleep 0.2
	done
	for p in $(strays); do kill -KILL "$p" 2>/dev/null; done
	for n in $(new_namespaces); do ip netns delete "$n" 2>/dev/null; done
	# what root built in a user's tree belongs to that user
	if [ -n "${SUDO_UID-}" ] && [ "$(stat -c %u "$root")" = "$SUDO_UID" ]; then
		chown -R "$SUDO_UID:${SUDO_GID-$SUDO_UID}" "$build" 2>/dev/null
	fi
}

log_name() { echo "$logs/$(echo "$1" | tr -c 'A-Za-z0-9_.\n-' _).log"; }
line() { printf '%-44s %s (%d s)\n' "$1" "$2" "$3"; }

show_log() {
	echo "---- the end of ${1#"$root"/}:"
	tail -n "${2:-40}" "$1" | sed 's/^/     /'
	echo "----"
}

failed() {	# NAME WHY
	n_failed=$((n_failed + 1))
	line "$1" "FAILED: $2" 0
}

skipped() {	# NAME REASON
	n_skipped=$((n_skipped + 1))
	line "$1" "skipped: $2" 0
}

# One test that is one command. Exit status 77 says skipped; the last line of output is the reason.
step() {	# NAME COMMAND...
	local name=$1 log at=$SECONDS rc
	log=$(log_name "$name")
	shift
	"$@" >"$log" 2>&1 </dev/null
	rc=$?
	case $rc in
	0) n_passed=$((n_passed + 1)); line "$name" ok $((SECONDS - at)) ;;
	77) skipped "$name" "$(tail -n 1 "$log")" ;;
	*) n_failed=$((n_failed + 1)); line "$name" "FAILED, status $rc" $((SECONDS - at)); show_log "$log" ;;
	esac
	return $rc
}

# A command that runs many tests and writes their results to a file (meson's JSON lines or JUnit XML).
suite() {	# NAME RESULTS COMMAND...
	local name=$1 results=$2 log at=$SECONDS rc p f s
	log=$(log_name "$name")
	shift 2
	rm -f "$results"
	"$@" >"$log" 2>&1 </dev/null
	rc=$?
	if ! read -r p f s < <(/usr/bin/python3 tests/lib/results.py "$results" 2>>"$log"); then
		failed "$name" "status $rc and no results"
		show_log "$log"
		return 1
	fi
	# a runner that fails without a failed test (a crash of pytest itself) must not look like success
	[ $rc -ne 0 ] && [ "$f" -eq 0 ] && f=1
	n_passed=$((n_passed + p)) n_failed=$((n_failed + f)) n_skipped=$((n_skipped + s))
	if [ "$f" -eq 0 ]; then
		line "$name" "ok: $p passed, $s skipped" $((SECONDS - at))
	else
		line "$name" "FAILED: $f of $((p + f))" $((SECONDS - at))
		show_log "$log" 100
	fi
	/usr/bin/python3 tests/lib/results.py --skips "$results"
	[ "$f" -eq 0 ]
}

finish() {
	echo "took $((SECONDS - run_started)) s; logs in ${logs#"$root"/}/"
	clean_up
	echo "$n_passed passed, $n_failed failed, $n_skipped skipped"
	exit $((n_failed > 0))
}
