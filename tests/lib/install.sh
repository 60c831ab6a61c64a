# SPDX-License-Identifier: GPL-3.0-or-later
# install: Debian packages that are missing, without starting the servers among them. Sourced by tests/run.

policy=/usr/sbin/policy-rc.d

# While packages are being configured nothing may start; whatever policy was there comes back afterwards.
forbid_services() {
	[ -e "$policy" ] && mv "$policy" "$policy.millrace-saved"
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	policy_ours=1
}

restore_policy() {
	[ -n "${policy_ours-}" ] || return 0
	policy_ours=
	rm -f "$policy"
	[ -e "$policy.millrace-saved" ] && mv "$policy.millrace-saved" "$policy"
	return 0
}

missing_packages() {
	local p
	grep -v '^#' tests/lib/packages | while read -r p; do
		dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null | grep -qx installed || echo "$p"
	done
}

# Installed for comparing with, not for serving: they shall not start at the next boot either.
disable_servers() {	# MISSING-PACKAGE...
	local p
	[ -d /run/systemd/system ] || return 0
	for p in "$@"; do
		case $p in knot|nsd|prometheus) systemctl disable --quiet "$p" ;; esac
	done
}

apt_install() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -o DPkg::Lock::Timeout=300 update &&
		apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

install_packages() {
	local missing
	if ! command -v dpkg-query >/dev/null; then
		skipped packages "this is no Debian: install what tests/lib/packages names by other means"
		return 0
	fi
	mapfile -t missing < <(missing_packages)
	if [ ${#missing[@]} -eq 0 ]; then
		line packages "ok: all there" 0
		return 0
	fi
	if [ "$(id -u)" -ne 0 ]; then
		failed packages "not installed, and installing needs root: ${missing[*]}"
		return 1
	fi
	forbid_services
	step "packages (${#missing[@]} to install)" apt_install "${missing[@]}"
	local rc=$?
	disable_servers "${missing[@]}"
	restore_policy
	return $rc
}
