# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# network: a namespace with one end of a veth pair, which stands for a machine with a network card.
# Sourced by tools/quickstart.

inside() { ip netns exec "$netns" "$@"; }

remove_network() {
	[ "$(id -u)" -eq 0 ] && command -v ip >/dev/null || return 0
	ip netns list 2>/dev/null | awk '{print $1}' | grep -qx "$netns" && ip netns delete "$netns"
	# the other end goes with the namespace, a moment later
	ip link show "$here_if" >/dev/null 2>&1 && ip link delete "$here_if" 2>/dev/null
	return 0
}

try_network() {
	ip netns add "$netns" &&
		ip link add "$here_if" type veth peer name "$there_if" netns "$netns" &&
		ip addr add "$here4/24" dev "$here_if" &&
		ip link set "$here_if" up &&
		ip -n "$netns" link set lo up &&
		ip -n "$netns" addr add "$there4/24" dev "$there_if" &&
		ip -n "$netns" link set "$there_if" up || return 1
	# without IPv6 it works too
	ip addr add "$here6/64" dev "$here_if" nodad 2>/dev/null &&
		ip -n "$netns" addr add "$there6/64" dev "$there_if" nodad 2>/dev/null
	# a veth hands over packets whose checksum was left to hardware that is not there
	ethtool -K "$here_if" tx off >/dev/null 2>&1
	inside ethtool -K "$there_if" tx off >/dev/null 2>&1
	return 0
}

make_network() {
	local error
	remove_network
	if ! error=$(try_network 2>&1); then
		remove_network
		say "network namespaces are not allowed here (${error##*$'\n'})"
		return 1
	fi
}

# An AF_PACKET port sees a copy of each packet. The kernel's own must vanish, or it answers "port
# unreachable": a routing rule in front of the one for local addresses does that, without any filter module.
quiet_kernel() {
	local family
	for family in -4 -6; do
		ip "$family" -n "$netns" rule add pref 2 lookup local &&
			ip "$family" -n "$netns" rule delete pref 0 &&
			ip "$family" -n "$netns" rule add pref 1 iif "$there_if" ipproto udp dport 53 blackhole
	done 2>/dev/null
}
