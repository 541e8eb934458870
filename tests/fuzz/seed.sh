#!/usr/bin/env bash
# First inputs for the fuzz targets, made by the program itself: seed.sh PROGRAM FOLDER writes
# FOLDER/NAME/*, for merge.sh, which brings them together with what the fuzzer has made of them.
set -euo pipefail
program=$(realpath "$1")
out=$2
mkdir -p "$out" && cd "$out"
mkdir -p idx cifar10 safetensors checkpoint page graph split availability settings log sweep cli train
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

many() { printf "%0.s$1" $(seq "$2"); }      # a text, so many times
for n in 63 64; do
    { printf -- '---\nmodel = quadratic\nseed = '; many 1 $n; echo; } > sweep/bound-item-$n
    { printf 'train\n--'; many x $n; printf '\n1\n'; } > cli/bound-name-$n
    { printf '\0{"__metadata__":{"telesgd.model":"mlp:'; many 1 $((n - 4))
      printf '","telesgd.shape":"1x1x2","telesgd.classes":"2"}}'; } > safetensors/bound-model-$n
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
