#!/bin/sh
# Debian's packages for arm64, unpacked in a folder: libraries for a program that is cross-compiled and
# emulated here. Nothing is installed, and what the system's apt knows stays as it is: the lists of packages
# for arm64, and the list of those that are installed, which is empty, lie in the folder too. Does not need
# root. Once the folder is complete it is left alone.
#     tests/arm/root.sh FOLDER PACKAGE..
set -eu
root=$1
shift
[ "$(cat "$root/complete" 2>/dev/null)" != "$*" ] || exit 0
rm -rf "$root"
mkdir -p "$root/apt/lists/partial" "$root/apt/cache/archives/partial"
cd "$root/apt"
: > status

apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= -o Dir::State="$PWD" \
        -o Dir::State::lists="$PWD/lists" -o Dir::State::status="$PWD/status" -o Dir::Cache="$PWD/cache" \
        -o Acquire::Languages=none -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 "$@" >> said 2>&1
}
if ! { apt update && apt download "$@"; }; then
    tail -n 3 said
    echo "$0: apt could not get these packages for arm64 from where this system gets its own: $*"
    exit 1
fi
for package in *.deb; do
    dpkg-deb -x "$package" ..
done
rm -rf lists cache *.deb
echo "$*" > ../complete
