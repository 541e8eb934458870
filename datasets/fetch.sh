#!/bin/sh
# fetch.sh NAME [FOLDER]: fetches a data set from its public home, or from a mirror where that fails.
#   NAME    mnist, fashion-mnist or cifar10
#   FOLDER  where the files go; datasets/NAME of this tree unless given
# A file is fetched as FILE.part, resumed if a part of it is there already, and gets its own name only
# once its SHA-256 is that of SHA256SUMS (beside this script); files that are right already stay as they
# are. CIFAR-10's archive is unpacked, and not kept: the checksums of what it held are written beside it.
# Needs curl or wget, and tar for CIFAR-10. Exit codes: 0 all files are there and right, 1 they are not,
# 2 usage. For tests and for a mirror of your own, from the environment:
#   TELESGD_DATASETS_URL   base URLs, separated by spaces, in place of the public ones; a file's name follows
#   TELESGD_DATASETS_SUMS  a file of checksums in place of SHA256SUMS
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sums=${TELESGD_DATASETS_SUMS:-$here/SHA256SUMS}
names="mnist fashion-mnist cifar10"

say() { echo "$name: $*"; }
die() { echo "fetch.sh: $*" >&2; exit 1; }

name=${1:-}
case $name in
mnist)
    homes="https://storage.googleapis.com/cvdf-datasets/mnist https://ossci-datasets.s3.amazonaws.com/mnist
        http://yann.lecun.com/exdb/mnist" ;;
fashion-mnist)
    homes="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com
        https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion" ;;
cifar10)
    homes="https://www.cs.toronto.edu/~kriz https://cave.cs.toronto.edu/kriz
        https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10" ;;
-h | --help)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 0 ;;
*)
    echo "fetch.sh: the data set is '$name', want one of: $names; usage: fetch.sh NAME [FOLDER]" >&2
    exit 2 ;;
esac
[ $# -le 2 ] || { echo "fetch.sh: $# arguments, want at most 2; usage: fetch.sh NAME [FOLDER]" >&2; exit 2; }
folder=${2:-$here/$name}
homes=${TELESGD_DATASETS_URL:-$homes}

if command -v curl >/dev/null; then get=curl
elif command -v wget >/dev/null; then get=wget
else die "found neither curl nor wget, want one of them to fetch files"
fi
if command -v sha256sum >/dev/null; then sha256=sha256sum
elif command -v shasum >/dev/null; then sha256="shasum -a 256"
else die "found neither sha256sum nor shasum, want one of them to verify files"
fi

digest() { d=$($sha256 < "$1") && echo "${d%% *}"; }
is_right() { [ -f "$1" ] && [ "$(digest "$1")" = "$want" ]; }

# The URL $1 into the file $2, after what is there of it already. What curl or wget say about a failure goes to
# standard error. Returns 2 if the server, or curl in a file:, cannot go on from there.
download() {
    code=0 status=''
    case $get in
    curl) if [ -t 2 ]; then bar=-#; else bar=-s; fi
          status=$(curl -fLS $bar --connect-timeout 30 --speed-limit 1 --speed-time 60 -C - -w '%{http_code}' \
              -o "$2" "$1") || code=$? ;;
    wget) if [ -t 2 ]; then bar="-q --show-progress"; else bar=-nv; fi
          # shellcheck disable=SC2086
          wget $bar --tries=1 --connect-timeout=30 --read-timeout=60 -c -O "$2" "$1" || code=$? ;;
    esac
    [ -s "$2" ] || rm -f "$2"
    case $code,$status in
    0,*) return 0 ;;
    33,* | 36,* | 22,416) return 2 ;;
    *) why="$1 cannot be fetched ($get ended with $code)"; return 1 ;;
    esac
}

# The file $1 from the base URL $2 into $part, verified. False: it did not come, or is not the right one; $why
# says which. If it is wrong after a resumption, the part may be to blame: then all of it is fetched anew.
fetch_from() {
    resumed='' result=0
    [ ! -s "$part" ] || resumed=yes
    say "fetching $2/$1${resumed:+, from byte $(($(wc -c < "$part")))}"
    download "$2/$1" "$part" || result=$?
    [ $result -ne 1 ] || return 1
    if [ $result -eq 0 ]; then
        if is_right "$part"; then return 0; fi
        why="$2/$1 has SHA-256 $(digest "$part"), want $want; it is not installed"
    fi
    rm -f "$part"
    [ -n "$resumed" ] || return 1
    fetch_from "$1" "$2"
}

# Sets $got to the file $1, verified: it lies in its place already, or in $part, from whichever home gave it.
fetch() {
    part=$folder/$1.part got=$folder/$1 why="no base URL is given"
    want=$(sed -n "s|^\([0-9a-f]\{64\}\)  $name/$1\$|\1|p" "$sums")
    [ -n "$want" ] || die "$sums: holds no SHA-256 of $name/$1"
    if is_right "$got"; then return 0; fi
    [ ! -e "$got" ] || say "$got has another SHA-256 than $want, and is replaced once that has come"
    got=$part
    if is_right "$part"; then return 0; fi
    for home in $homes; do
        if fetch_from "$1" "${home%/}"; then return 0; fi
        say "$why"
    done
    kept=''
    [ ! -s "$part" ] || kept="; the next call goes on with $part"
    die "$name: $1 did not come: $why$kept"
}

# The file $1 in its place.
install_file() {
    fetch "$1"
    [ "$got" = "$folder/$1" ] || mv -f "$got" "$folder/$1" || die "$folder/$1: cannot be written"
    say "$folder/$1 is right"
}

# Whether all of the binary version is there as it was when it was unpacked.
is_unpacked() {
    [ -f "$bin/SHA256SUMS" ] && (cd "$bin" && $sha256 -c SHA256SUMS >/dev/null 2>&1)
}

# Each file gets its place when all are unpacked, and their checksums come last.
install_cifar10() {
    archive=cifar-10-binary.tar.gz bin=$folder/cifar-10-batches-bin
    if is_unpacked; then say "$bin is right"; return; fi
    fetch $archive
    work=$folder/unpack.part
    say "unpacking $got"
    rm -rf "$work"
    mkdir -p "$work" || die "$work: cannot be made"
    tar -xzf "$got" -C "$work" || die "$got: cannot be unpacked"
    for file in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
        [ -f "$work/cifar-10-batches-bin/$file.bin" ] || die "$got: holds no cifar-10-batches-bin/$file.bin"
    done
    (cd "$work/cifar-10-batches-bin" && $sha256 -- * > ../SHA256SUMS) || die "$work: cannot be written"
    mkdir -p "$bin" || die "$bin: cannot be made"
    mv -f "$work"/cifar-10-batches-bin/* "$bin" && mv -f "$work/SHA256SUMS" "$bin" || die "$bin: cannot be written"
    rm -rf "$work" "$part"
    say "$bin is right"
}

# Removes what a failed call leaves: an archive that is half unpacked, and the folders that this call made, from
# $folder up to $outermost, as far as they are empty.
tidy() {
    [ -z "$work" ] || rm -rf "$work"
    [ -n "$outermost" ] || return 0
    made=$folder
    while rmdir "$made" 2>/dev/null && [ "$made" != "$outermost" ]; do made=$(dirname "$made"); done
}

work='' outermost='' above=$folder
while [ ! -e "$above" ]; do
    outermost=$above
    above=$(dirname "$above")
done
[ -r "$sums" ] || die "$sums: cannot read the checksums"
mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || die "$folder: cannot write there"
exec 9< "$folder"
if command -v flock >/dev/null && ! flock -n 9; then die "$folder: another fetch.sh is at work there"; fi
trap tidy EXIT
if [ "$name" = cifar10 ]; then
    install_cifar10
else
    for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
        install_file $file-ubyte.gz
    done
fi
say "use it with --data $name --data-dir $folder"
