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

# Is this process the `millrace` of this clone?
is_ours() { [ "$(readlink "/proc/$1/exe" 2>/dev/null)" = "$build/tools/millrace" ] || [ "$(readlink "/proc/$1/exe" 2>/dev/null)" = "$build/tools/millrace (deleted)" ]; }

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

# dig as we are and as a user would: one line of options less.
ask() { dig +time=2 +tries=3 "@$server" -p "$port" "$@"; }

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

# The fastest port that this machine allows.
start_somewhere() {
	if [ "$(id -u)" -ne 0 ]; then
		say "not root: no network namespace, no DPDK device"
	elif make_network; then
		on_device AF_XDP "net_af_xdp0,iface=$there_if" && return 0
		quiet_kernel
		on_device AF_PACKET "net_af_packet0,iface=$there_if" && return 0
		remove_network
	fi
	on_sockets
}

show_answers() {
	local at="@$server" p=()
	[ "$port" = 53 ] || p=(-p "$port")
	say "a question over UDP: dig $at ${p[*]} www.$zone A"
	ask "www.$zone" A | grep -v '^$'
	say "a question over TCP: dig $at ${p[*]} +tcp $zone MX"
	ask +tcp "$zone" MX | grep -v '^$'
	say "it goes on answering; ask more:"
	cat <<END
    dig $at ${p[*]} anything.wild.$zone      # a wildcard
    dig $at ${p[*]} host.sub.$zone +norec    # a delegation
    dig $at ${p[*]} x.old.$zone              # a DNAME
    dig $at ${p[*]} big.$zone TXT            # too large for UDP: dig comes back over TCP
    dig $at ${p[*]} nothing.$zone            # NXDOMAIN
The zone file is $zone_file; the log is $log.
END
	say "to stop it: $([ "$(id -u)" -eq 0 ] && echo sudo )tools/quickstart stop" | sed 's/sudotools/sudo tools/'
}
