#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# apt.sh SUITE ARCHITECTURE: prints the path of an APT_CONFIG for that suite of Debian, with lists of its own, so that
# packages of other suites and architectures can be looked up and downloaded without a change to this system. The lists
# are fetched once a day. CACHE is where they are kept.
set -eu

suite=$1 architecture=$2
place=$(realpath -m "$CACHE/apt/$suite-$architecture")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The host's mirror, which may be near.
mirror() {
	# shellcheck disable=SC2016 # apt expands it
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 2>/dev/null |
		grep -m 1 '^http' || echo http://deb.debian.org/debian/
}

sources() {
	archive=$(mirror)
	archive=${archive%/}
	# Old suites are not signed anew any more.
	set -- "deb [signed-by=$keyring check-valid-until=no]"
	echo "$1 $archive $suite main"
	case $suite in
	*-backports | sid) ;;
	*) echo "$1 $archive-security $suite-security main" ;;
	esac
}

config() {
	cat <<-END
		APT::Architecture "$architecture";
		APT::Architectures { "$architecture"; };
		Acquire::Languages "none";
		Dir::State "$place";
		Dir::State::status "$place/status";
		Dir::Cache "$place";
		Dir::Etc::sourcelist "$place/sources.list";
		Dir::Etc::sourceparts "/dev/null";
	END
}

[ -r $keyring ] || {
	echo "apt.sh: $keyring is needed and not there: is debian-archive-keyring installed?" >&2
	exit 1
}
mkdir -p "$place/lists/partial" "$place/archives/partial"
: >"$place/status"
sources >"$place/sources.list"
config >"$place/apt.conf"
if [ -z "$(find "$place/updated" -mmin -1440 2>/dev/null)" ]; then
	# Of a mirror that is being synchronized some lists cannot be had. What they hold is in others mostly, if older.
	APT_CONFIG=$place/apt.conf apt-get --quiet=2 update >"$place/messages" 2>&1 || {
		cat "$place/messages" >&2
		exit 1
	}
	! grep -q '^E: ' "$place/messages" || echo "apt.sh: $suite, $architecture: some lists could not be fetched" >&2
	touch "$place/updated"
fi
echo "$place/apt.conf"
