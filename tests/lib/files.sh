# SPDX-License-Identifier: GPL-3.0-or-later
# files: the project's own files, for the checks. From git when there is a repository, else from the tree.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

tracked() {	# GIT-PATTERN...
	# root may look into a clone that belongs to somebody else
	if git -c safe.directory="$PWD" rev-parse --git-dir >/dev/null 2>&1; then
		git -c safe.directory="$PWD" ls-files --cached --others --exclude-standard -- "$@" |
			while read -r f; do [ -f "$f" ] && echo "$f"; done
	else
		local pattern args=()
		for pattern in "$@"; do args+=(-o -path "./$pattern"); done
		find . -path './build*' -prune -o -type f \( -false "${args[@]}" \) -print | sed 's,^\./,,' | sort
	fi
}
