#!/usr/bin/env bash
# First inputs for the fuzz targets, made by the program itself: seed.sh PROGRAM FOLDER writes
# FOLDER/NAME/*, for merge.sh, which brings them together with what the fuzzer has made of them.
set -euo pipefail
program=$(realpath "$1")
out=$2
mkdir -p "$out" && cd "$out"
mkdir -p idx cifar10 npz csv libsvm safetensors checkpoint page graph net split availability settings log sweep cli train
seeds=$(mktemp -d) && trap 'rm -rf "$seeds"' EXIT

exec >/dev/null
quiet=(--progress off --threads 1)
tiny=(--data blobs:60,4,3 --nodes 4 --active 2 --rounds 4 --batch 4 --eval-every 2)

# ---- data ----
images() { printf '\0\0\10\3\0\0\0\2\0\0\0\2\0\0\0\3abcdefghijkl'; }
labels() { printf '\0\0\10\1\0\0\0\2\1\2'; }
{ printf '\0'; images; } > idx/images
{ printf '\1'; labels; } > idx/labels
{ printf '\6'; images; } > idx/test-images
{ printf '\13'; labels; } > idx/labels-compressed
{ printf '\32'; images; } > idx/images-two-members
{ printf '\1'; labels | gzip -n; } > idx/labels-gzip
{ printf '\0'; { images | gzip -n; images | gzip -n; }; } > idx/images-gzip-twice
printf '\0\1\14\3' > cifar10/one
printf '\5\2\30\3\7\11' > cifar10/two
printf '\3\1\14\12' > cifar10/label

printf '\0a,b,c\n1,2,x\n3.5,-4e1,y\n1,2,x\n5,6,y\n7,8,x\n' > csv/names
printf '\21;1,5\n1;2\n' > csv/decimal-comma
printf '\1\357\273\277"a";"b";"c"\r\n1;2;"3"\r\n4;5;6\r\n7;8;9\r\n' > csv/quoted
printf '\16a\tb\n1\tx\n2\ty\n\0a\tb\n3\tx\n' > csv/test
printf '\20"a ""b""",1\nx,2\n' > csv/quotes
printf '\0010.1,12345678901234567890,1e-30\n9007199254740993,1e22,1e-400\n' > csv/numbers
printf '\00,1,2,3\n5,6,7,0\n5,6,7,1\n1,NA,3,1\n' > csv/counts-up
printf '\0+1 1:0.5 3:2 # one\n-1\n+1 2:1e-3\n-1 2147483647:1\n' > libsvm/binary
printf '\0061 1:1 2:.5\n2 3:7\n3\n1\n2\n\0002 9:1\n' > libsvm/test
printf '\1001.5 1:1\n-2 qid:3 2:1\n' > libsvm/query
python3 - <<'PY'
import struct
def npy(descr, shape, data, order=False, version=1):
    text = str({"descr": descr, "fortran_order": order, "shape": shape}).encode()
    text += b" " * (-(len(text) + len(data) + 11 + 2 * (version > 1)) % 4) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + data
def pair(name, how, x, y):              # the length of x is a multiple of 4
    open("npz/" + name, "wb").write(bytes([how, len(x) // 4]) + x + y)
two = npy("<i8", (2,), struct.pack("<2q", 0, 1))
four = npy("|S2", (4, 1), b"a\0bba\0bb")
floats = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
pair("table", 1, npy("<f4", (2, 3), floats), two)
pair("test", 9, npy("<f4", (2, 3), floats, True), two)
pair("stored", 2, npy(">f8", (4, 1), struct.pack(">4d", 1, 2, 3, 1e300)), four)
pair("compressed", 11, npy("|u1", (4, 2, 3, 1), bytes(range(24))), four)
pair("numbers", 7, npy("<f2", (4,), struct.pack("<4e", 1, 2, 3, 4)),
     npy("<f4", (4, 2), struct.pack("<8f", *range(8)), True, 2))
pair("names", 3, npy("|b1", (4,), b"\1\0\1\0"),
     npy("<U1", (4,), "a\u00e9ab".encode("utf-32-le"), False, 3))
PY
(cd "$seeds" && python3 - <<'PY'
import struct, zipfile
def npy(descr, shape, data):
    text = str({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data
for name, method in (("stored.npz", 0), ("deflated.npz", 8)):
    with zipfile.ZipFile(name, "w", method) as z:
        for part in ("train", "test"):
            z.writestr("x_%s.npy" % part, npy("|u1", (2, 2), bytes(4)))
            z.writestr("y_%s.npy" % part, npy("|u1", (2,), b"\0\1"))
PY
)
for archive in stored deflated; do { printf '\0'; cat "$seeds/$archive.npz"; } > npz/whole-$archive; done

# ---- parameters: the header up to a zero byte, then the data ----
safetensors() {         # KIND FILE
    python3 - "$1" "$2" <<'PY'
import struct, sys
kind, path = int(sys.argv[1]), sys.argv[2]
whole = open(path, "rb").read()
n = struct.unpack("<Q", whole[:8])[0]
name = path.split("/")[-1]
open("safetensors/" + name, "wb").write(bytes([kind]) + whole[8:8 + n] + b"\0" + whole[8 + n:])
open("safetensors/" + name + "-whole", "wb").write(bytes([kind | 4]) + whole)
PY
}
"$program" train --data blobs:20,2,2 --model logistic --nodes 2 --active 1 --rounds 2 --batch 2 \
    --normalize data --save "$seeds/logistic" "${quiet[@]}"
"$program" train --data blobs:20,2,2 --model mlp:2 --nodes 2 --active 1 --rounds 2 --batch 2 \
    --save "$seeds/mlp" "${quiet[@]}"
"$program" train --model quadratic --dim 3 --nodes 2 --active 1 --rounds 2 --save "$seeds/x" \
    "${quiet[@]}"
safetensors 0 "$seeds/logistic"
safetensors 1 "$seeds/mlp"
safetensors 2 "$seeds/x"

# ---- text ----
printf '\2# a ring\n0 1\n1 2\n2 0 # the last\n' > graph/links
printf '\2000 1 0.5\n1 0 0.5\n0 0 0.5\n1 1 5e-1\n2 2 1\n' > graph/weights
"$program" train "${tiny[@]}" --model logistic --save-split "$seeds/split" "${quiet[@]}"
{ printf '\3\73'; cat "$seeds/split"; } > split/drawn
printf '\203\7# two\n0 1\n\n2 7\n3\n' > split/by-hand
printf '\3# node from to\n0 0 2\n0 5 9\n3 1 1\n2 0 18446744073709551615\n' > availability/some

# ---- networks ----
printf '\47conv 6 5 pad 2; relu; maxpool 2; groupnorm 2\nstem: conv 8 3 stride 2 nobias\nrelu # end\ndense' > net/chain
printf '\45a: residual { conv 2 3 pad 1; relu; residual { conv 4 1 } }; relu; avgpool\nfc: dense classes' > net/residual
printf '\44dense 8; residual { relu; dense 12 }; conv 3 1 pad 2; groupnorm 3; maxpool 2; dense' > net/flat
many() { printf "%0.s$1" $(seq "$2"); }      # a text, so many times
for n in 31 32; do { printf '\44'; many n $n; printf ': dense'; } > net/bound-name-$n; done
for n in 8 9; do { printf '\44'; many 'residual{' $n; printf relu; many '}' $n; printf ';dense'; } > net/bound-depth-$n; done
for n in 63 64; do { printf '\44relu '; many x $n; } > net/bound-word-$n; done

# ---- settings, logs ----
{ printf '\0'; "$program" train "${tiny[@]}" --model mlp:4 --momentum 0.9 --dry-run; } \
    > settings/train
printf '\1data = blobs:60,4,3\nmodel = mlp:4\nlr-grid = 0.1,0.2\nnodes = 4\n' > settings/tune
printf '\0\357\273\277lr = 0.5 ; a comment\n# another\nschedule=step:1,2:0.5\nnesterov = true\n' \
    > settings/by-hand
"$program" train "${tiny[@]}" --model logistic --log "$seeds/log" "${quiet[@]}"
"$program" tune --data blobs:60,4,3 --model logistic --nodes 4 --rounds 4 --lr-grid 0.1,0.2 \
    --eval-every 2 --log "$seeds/tune" "${quiet[@]}"
"$program" train --model quadratic --dim 3 --nodes 2 --active 1 --rounds 2 --log "$seeds/quadratic" \
    "${quiet[@]}"
for log in log tune quadratic; do
    { printf '\1'; cat "$seeds/$log"; } > "log/$log"
    { printf '\2'; head -c 3000 "$seeds/$log"; } > "log/$log-cut"
done
{ printf '\0'; head -n 1 "$seeds/log"; } > settings/log
{ printf '\1'; head -n 1 "$seeds/tune"; } > settings/tune-log
printf '\1{"type":"config","seed":0,"tokens":2,"lr":0.1}\n{"type":"eval","round":1,"test_loss":0.5,"population":0,"state_hash":"00ff"}\n{"type":"summary","state_hash":"00ff","rounds_grid":3,"chosen_active":1,"chosen_lr":0.1,"diverged":false}\n' > log/by-hand
printf '\0{"type":"config","asked":{"lr":"0.1"},"given":["lr"],"derived":["batch"],"command":"train"}\n' > settings/log-by-hand

both() { cat "$seeds/log"; echo ===; cat "$seeds/tune"; echo ===; cat "$seeds/quadratic"; }
{ printf '\0---\n'; both; } > page/report
{ printf '\0---\n'; cat "$seeds/log"; } > page/report-one
{ printf '\0---\n'; cat "$seeds/quadratic"; } > page/report-quadratic
{ printf '\1--by\nmodel\n---\n'; both; } > page/tables
{ printf '\1--csv\n--metric\nconsensus\n--x\nrounds\n---\n'; both; } > page/csv
{ printf '\1--ascii\n--target\n0.5\n---\n'; cat "$seeds/log"; echo ===; cat "$seeds/log"; } > page/ascii
{ printf '\1--latex\n--best\nlr\n---\n'; cat "$seeds/tune"; } > page/latex

# ---- checkpoints ----
for run in 0 1 2 3 4 5 6; do printf "\\$run\\0" > checkpoint/run-$run; done
printf '\0\1---\n\3\0\1z' > checkpoint/bound-damaged
printf '\1\2' > checkpoint/init
printf '\0\2' > checkpoint/init-quadratic
printf '\0\0telesgd.round=5\n---\n' > checkpoint/round
printf '\0\0telesgd.holder=1:5\n' > checkpoint/bound-holder
printf '\4\0telesgd.clock_at=2:5\n' > checkpoint/bound-clock-at
printf '\1\0telesgd.visits=0:4294967295\n' > checkpoint/bound-visits
printf '\2\0telesgd.diverged=0:17179869189\n' > checkpoint/bound-diverged
printf '\6\0telesgd.samples=0:18446744073709551615\n' > checkpoint/bound-samples
printf '\1\0telesgd.evaluated=0:18446744073709551615\ntelesgd.loss=1:1e308\n' > checkpoint/bound-loss
printf '\4\0telesgd.clock_idle=1:-1e308\ntelesgd.clock_port=1:inf\n' > checkpoint/bound-clock
printf '\1\0telesgd.seconds=0.5\n---\n\40\0\4\1\2\3\4' > checkpoint/bytes

# ---- sweeps ----
cat > sweep/sections <<'TEXT'
tune.seed=7, 8
rounds=5
---
# a sweep
data = blobs:60,4,3
model = logistic
seed = 0..2
lr = 0.1, 0.2
[dsgd]
method = dsgd
[teleport]
method = teleport
[tune]
momentum = 0, 0.9
by = validation_accuracy
seed = 100, 101
[tune teleport]
active = 2, 4
TEXT
printf -- '---\nmodel = quadratic\nnodes = 4\nactive = 1, 2, 4\ntopology = ring, torus:2x2\n' > sweep/plain

printf -- '---\nmodel = quadratic\nnodes = 1..9\nseed = 0..9999\n' > sweep/many-runs
printf -- '---\nmodel = quadratic\nnodes = 1..60000\nbatch = 1..60000\n' > sweep/many-values

for n in 63 64; do
    { printf -- '---\nmodel = quadratic\nseed = '; many 1 $n; echo; } > sweep/bound-item-$n
    { printf 'train\n--'; many x $n; printf '\n1\n'; } > cli/bound-name-$n
done
for n in 196 197 198; do { printf '\0lr = '; many ' ' $((n - 6)); echo 1; } > settings/bound-line-$n; done

# ---- the command line ----
printf 'train\n--data\nblobs:60,4,3\n--model=mlp:4\n--nesterov\n--lr=0.1\n--config\n@\n---\nnodes = 4\nlr = 0.2\n' > cli/train
printf 'compare\na.jsonl\nb.jsonl\n--by\ntopology,active\n--csv\n--target\n0.8\n' > cli/compare
printf 'help\ntrain\n--man\n' > cli/help
printf 'sweep\nfile\n-o\nfolder\nlr=0.1\n--jobs\n2\n' > cli/sweep
printf 'tune\n--help-all\n' > cli/all
printf 'train\n--config=@\n--lr=\n---\n' > cli/log
"$program" train "${tiny[@]}" --model logistic --log "$seeds/short" "${quiet[@]}"
head -n 1 "$seeds/short" >> cli/log
for c in eval topology split report list; do printf '%s\nx\n--seed\n3\n--help\n' "$c" > "cli/$c"; done

# ---- settings through create, train and free ----
words() { local name=$1; shift; printf '%s\n' "$@" > "train/$name"; }
words quadratic method=teleport topology=exp momentum=0.9 nesterov=true
words network data model=mlp:4 partition=dirichlet:0.5 allow-empty=true normalize=data
words gt active= method=gt topology=ring lr=0.05 local-steps=1 eval-every=1 eval-at-start=true
words tracking active= method=momentum-tracking momentum=0.5 topology=complete weight-decay=0.1
words qg method=qg-dsgdm momentum=0.5 topology=torus:2x2 active=4
words d2 active= method=d2 lazy=true topology=ring
words walk method=walk availability=0.5 link-cost=slow-links:0.5 tau=3 port=serial
words clock bandwidth=1000 link-seconds=0.1 compute-seconds=1:lognormal:0.5 mix-every=2
words teams data model=logistic batch=40 step-parts=2 threads=3 validation=0.2 order=iid
words until data model=logistic until='test_loss<=0.9' eval=tokens final-average=true
words epochs data model=logistic epochs=1 warmup=1 schedule=cosine:0.01 gossip=slices
words tune tune data model=logistic lr-grid=0.1,0.2 nodes=4
words offline active= method=dsgd topology=ring offline=isolate availability=0.7 momentum-home=mixed isa=sse4
words graph topology=file:@ --- '0 1' '1 2'
words trace availability-trace=@ --- '0 0 2' '1 1 3'
words saved save-split=@ data model=logistic partition=shards:2 subset=40
{ printf 'split=@\ndata\nmodel=logistic\nnodes=4\nactive=2\n---\n'; cat "$seeds/split"; } > train/split
{ printf 'init=@\ndim=3\n---\n'; cat "$seeds/x"; } > train/init
