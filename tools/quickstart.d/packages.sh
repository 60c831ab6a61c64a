# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# packages: Debian packages that are missing, and the build. Sourced by tools/quickstart.

policy=/usr/sbin/policy-rc.d

# While packages are configured no service may start; a policy that was there comes back afterwards.
forbid_services() {
	if [ -e "$policy" ] || [ -L "$policy" ]; then
		mv "$policy" "$policy.millrace-saved" || return 1
	fi
	policy_ours=1
	trap restore_policy EXIT
	trap 'exit 130' INT TERM HUP
	printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
}

restore_policy() {
	[ -n "${policy_ours-}" ] || return 0
	policy_ours=
	rm -f "$policy"
	if [ -e "$policy.millrace-saved" ] || [ -L "$policy.millrace-saved" ]; then
		mv "$policy.millrace-saved" "$policy"
	fi
	trap - EXIT INT TERM HUP
}

missing_packages() {
	local p
	grep -v '^#' "$root/tools/quickstart.d/packages" | while read -r p; do
		dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || echo "$p"
	done
}

install_packages() {
	local missing rc
	if ! command -v dpkg-query >/dev/null; then
		say "this is no Debian: install what tools/quickstart.d/packages names by other means"
		return 0
	fi
	mapfile -t missing < <(missing_packages)
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		say "these packages are missing, and installing them needs root (sudo tools/quickstart): ${missing[*]}"
		return 1
	fi
	say "installing ${#missing[@]} packages: ${missing[*]}"
	forbid_services || return 1
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o DPkg::Lock::Timeout=300 update >/dev/null &&
		apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" >/dev/null
	rc=$?
	restore_policy
	[ $rc -eq 0 ] || say "apt-get could not install them (status $rc)"
	return $rc
}

# As whoever owns the clone, so that the build is theirs and not root's.
as_owner() {
	local owner
	owner=$(stat -c %U "$root")
	if [ "$(id -u)" -eq 0 ] && [ "$owner" != root ] && [ "$owner" != UNKNOWN ] && command -v runuser >/dev/null; then
		runuser -u "$owner" -- "$@"
	else
		"$@"
	fi
}

build_suite() {
	local log=$build/quickstart.log
	say "building in $build (about a minute the first time)"
	as_owner mkdir -p "$build" || return 1
	if [ ! -f "$build/build.ninja" ]; then
		as_owner meson setup "$build" "$root" --buildtype=release -Dtests=false >"$build.log" 2>&1 ||
			{ cat "$build.log"; rm -f "$build.log"; say "meson failed"; return 1; }
		rm -f "$build.log"
	fi
	if ! as_owner ninja -C "$build" >"$log" 2>&1; then
		tail -n 30 "$log"
		say "the build failed; all of it is in $log"
		return 1
	fi
}
