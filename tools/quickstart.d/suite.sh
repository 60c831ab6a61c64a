# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# suite: starting, asking and stopping `millrace serve` in the background. Sourced by tools/quickstart.

# Where we remember what runs. Root's is on /run; anybody else's must really be theirs.
find_state() {
	if [ "$(id -u)" -eq 0 ]; then
		state=/run/millrace-quickstart
	else
		state=${XDG_RUNTIME_DIR:-/tmp}/millrace-quickstart-$(id -u)
	fi
	log=$state/log
}

make_state() {
	mkdir -m 700 "$state" 2>/dev/null
	if [ -L "$state" ] || [ ! -d "$state" ] || [ ! -O "$state" ]; then
		die "$state is not a folder of ours; remove it"
	fi
}

# Is this process a `millrace` that quickstart started, of this clone or of another one?
is_ours() {
	[[ $(readlink "/proc/$1/exe" 2>/dev/null) == */millrace?(" (deleted)") ]] &&
		tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | grep -qxF "$state/run"
}

end_process() {
	local pid n
	[ -f "$state/pid" ] && [ -O "$state" ] || return 0
	read -r pid <"$state/pid"
	if [[ $pid =~ ^[0-9]+$ ]] && is_ours "$pid"; then
		kill "$pid" 2>/dev/null
		for n in {1..40}; do
			is_ours "$pid" || break
			sleep 0.05
		done
		is_ours "$pid" && kill -KILL "$pid"
	fi
	rm -f "$state/pid"
}

stop_suite() {
	[ "${1-}" != quietly ] && [ ! -d "$state" ] && say "nothing was running"
	end_process
	remove_network
	[ -d "$state" ] && [ ! -L "$state" ] && [ -O "$state" ] && rm -rf "$state"
	return 0
}

# launch PREFIX... -- OPTION...: start `millrace serve` and wait until it says that it answers.
launch() {
	local prefix=() n
	while [ "$1" != -- ]; do prefix+=("$1"); shift; done
	shift
	: >"$log"
	# the last word of the prefix is replaced by millrace itself, so $! is its pid
	setsid "${prefix[@]}" "$build/tools/millrace" serve --run-dir "$state/run" "$@" "$zone=$zone_file" \
		</dev/null >>"$log" 2>&1 &
	local pid=$!
	echo "$pid" >"$state/pid"
	for ((n = 0; n < ready_s * 20; n++)); do
		grep -q 'Ctrl-C stops it' "$log" && return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	return 1
}

# The last complaint in the log, for people.
complaint() {
	local text
	text=$(grep -E 'error|warning' "$log" | grep -vE ' (died|cannot run): ' | tail -n 1)
	[ -n "$text" ] || text=$(tail -n 1 "$log")
	echo "${text:-it did not get ready within $ready_s s}"
}

# What a user types before the question.
dig_command() {
	if [ "$port" = 53 ]; then echo "dig @$server"; else echo "dig @$server -p $port"; fi
}

# The same for us: bounded, and without asking for recursion, which this server has not.
ask() { dig +norecurse +time=2 +tries=3 "@$server" -p "$port" "$@"; }

answers() { [ -n "$(ask +short "www.$zone" A 2>/dev/null)" ] && [ -n "$(ask +short +tcp "www.$zone" A 2>/dev/null)" ]; }

# on_device NAME DEVICE-ARGUMENTS
on_device() {
	say "starting on a DPDK port: $1 on interface $there_if in network namespace $netns"
	server=$there4 port=53
	launch ip netns exec "$netns" -- --port "$2" && answers && return 0
	say "$1 does not work here ($(complaint))"
	end_process
	return 1
}

on_sockets() {
	say "starting on the kernel's sockets at $socket_address port $socket_port"
	server=$socket_address port=$socket_port
	launch env -- --listen "$socket_address:$socket_port" && answers && return 0
	say "that does not work here either ($(complaint))"
	end_process
	return 1
}

# The fastest port that this machine allows, or the one that was asked for.
start_somewhere() {
	if [ "$only" = sockets ]; then
		:
	elif [ "$(id -u)" -ne 0 ]; then
		say "not root: no network namespace, no DPDK device"
	elif make_network; then
		if [ "$only" != af_packet ]; then
			on_device AF_XDP "net_af_xdp0,iface=$there_if" && return 0
		fi
		quiet_kernel
		on_device AF_PACKET "net_af_packet0,iface=$there_if" && return 0
		remove_network
	fi
	on_sockets
}

show_answers() {
	local dig sudo=
	dig=$(dig_command)
	[ "$(id -u)" -ne 0 ] || sudo="sudo "
	say "a question over UDP: $dig www.$zone A"
	ask "www.$zone" A | grep -v '^$'
	say "a question over TCP: $dig +tcp $zone MX"
	ask +tcp "$zone" MX | grep -v '^$'
	say "it goes on answering; ask more:"
	cat <<END
    $dig anything.wild.$zone          # a wildcard
    $dig +norecurse host.sub.$zone    # a delegation
    $dig x.old.$zone                  # a DNAME
    $dig big.$zone TXT                # too large for UDP: dig comes back over TCP
    $dig nothing.$zone                # NXDOMAIN
    ${sudo}build/tools/millracectl --run-dir $state/run status    # or: stats, zone list, zone status $zone
The zone file is $zone_file;
after a change: ${sudo}build/tools/millracectl --run-dir $state/run zone reload $zone. The log is $log.
END
	say "to stop it: ${sudo}tools/quickstart stop"
}
