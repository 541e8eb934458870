#!/bin/sh
# Makes the four files of this folder from digits.csv.gz, the copy of UCI's optdigits.tes that scikit-learn
# carries. One line of it is one picture: 64 numbers from 0 to 16, row after row, and the digit. Any system
# with the C locale's tools can run it; the files come out the same, byte for byte, with the same gzip
# (Debian 12's 1.12 made these). On Debian:
#   apt-get download python3-sklearn && dpkg-deb -x python3-sklearn_*.deb sklearn
#   datasets/digits/make.sh sklearn/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz
# The first 1,437 pictures become the training set, the last 360 the test set. A pixel v becomes the byte
# round(v * 255 / 16). At the end every file is read back and compared with the CSV.
set -eu
export LC_ALL=C
[ $# -ge 1 ] && [ $# -le 2 ] || { echo "usage: make.sh digits.csv.gz [FOLDER]" >&2; exit 2; }
folder=${2:-$(dirname "$0")}
work=$(mktemp -d "${TMPDIR:-/tmp}/telesgd-digits-XXXXXX")
trap 'rm -rf "$work"' EXIT
want=1797 train=1437
sum=6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8

gzip -dc "$1" > "$work/all"
found=$(sha256sum < "$work/all")
[ "${found%% *}" = $sum ] || {
    echo "make.sh: the contents of $1 have SHA-256 ${found%% *}, want $sum" >&2; exit 1; }
head -n $train "$work/all" > "$work/train"
tail -n +$((train + 1)) "$work/all" > "$work/t10k"

# Lines of octal escapes become bytes.
bytes() { while read -r line; do printf "$line"; done; }
# Numbers below 65,536 as big-endian words of 32 bits.
words() { for n in "$@"; do printf '\\000\\000\\%03o\\%03o\n' $((n / 256)) $((n % 256)); done | bytes; }

for part in train t10k; do
    count=$(wc -l < "$work/$part")
    images=$part-images-idx3-ubyte.gz labels=$part-labels-idx1-ubyte.gz
    { words 2051 "$count" 8 8
      awk -F, '{ for (i = 1; i <= 64; i++) printf "\\%03o", int($i * 255 / 16 + 0.5); print "" }' "$work/$part" | bytes
    } | gzip -9n > "$work/$images"
    { words 2049 "$count"
      awk -F, '{ printf "\\%03o\n", $65 }' "$work/$part" | bytes
    } | gzip -9n > "$work/$labels"
done

# Back to a CSV: the byte is within half a step of v * 255 / 16, so b * 16 / 255 rounds to v again.
for part in train t10k; do
    gzip -dc "$work/$part-images-idx3-ubyte.gz" | tail -c +17 | od -An -v -w64 -tu1 |
        awk '{ for (i = 1; i <= 64; i++) printf "%d,", int($i * 16 / 255 + 0.5); print "" }' > "$work/pixels"
    gzip -dc "$work/$part-labels-idx1-ubyte.gz" | tail -c +9 | od -An -v -w1 -tu1 | tr -d ' ' > "$work/digits"
    paste -d '\0' "$work/pixels" "$work/digits"
done > "$work/back"
[ "$(wc -l < "$work/back")" -eq $want ] && cmp -s "$work/all" "$work/back" || {
    echo "make.sh: what was written is not what $1 holds" >&2; exit 1; }
for part in train t10k; do
    cp "$work/$part-images-idx3-ubyte.gz" "$work/$part-labels-idx1-ubyte.gz" "$folder"
done
