"""What a run over ranks ought to send, from who held which token: of that the trace of the same run in one
process tells, and of who reads whom `telesgd topology --matrix`. The rules are M1, M5 and M8 of
src/engine/spread.h, written here as sets. Compares with what was counted (shim.c).

    count.py TRACE MATRIX RANKS NODES DIM EXCHANGED PRIVATE ROUNDS EVAL-EVERY MIX-EVERY COUNTED
"""
import json
import sys

trace, matrix, ranks, nodes, dim, exchanged, private, rounds, every, mix_every, counted = sys.argv[1:]
R, n, D, T, E, M = int(ranks), int(nodes), int(dim), int(rounds), int(every), int(mix_every)

node = {}
for event in json.load(open(trace))["traceEvents"]:
    if event["name"] == "step":
        node[event["args"]["token"], event["args"]["round"]] = event["args"]["node"]
k = 1 + max(a for a, t in node)
assert len(node) == k * T, "the trace lacks steps"

readers = {}
period = 0
for line in open(matrix):
    t, row, column, weight = line.split()
    period = max(period, int(t) + 1)
    if row != column and float(weight):
        readers.setdefault((int(t), int(column)), set()).add(int(row))


def rank(a, t):
    """Of the holder; after the last round a token stays where it was."""
    return node[a, min(t, T - 1)] * R // n


def reads(t, a):
    if (t + 1) % M:
        return set()
    return readers.get((((t + 1) // M - 1) % period, a), set())


rows = sum(len({rank(c, t + 1) for c in reads(t, a) | {a}} - {rank(a, t)}) for a in range(k) for t in range(T))
moves = sum(rank(a, t + 1) != rank(a, t) for a in range(k) for t in range(T)) if int(private) else 0
evaluated = sorted({t for t in range(E, T + 1, E)} | {T})
folded = sum(rank(a, t) != 0 for a in range(k) for t in evaluated)
line = (D + 15) // 16 * 64
want = {
    "rows": (rows, rows * (64 + int(exchanged) * line)),
    "private": (moves, moves * int(private) * line),
    "evaluation": (folded, folded * (64 + line)),
}
got = {name: (int(messages), int(size)) for name, messages, size in map(str.split, open(counted))}
bad = [name for name in want if want[name] != got[name]]
# A mean to each other rank and measures from each of them, for an evaluation; a gate every fourth round.
if got["control"][0] != 2 * (R - 1) * len(evaluated):
    bad.append("control")
if got["all"][0] % R or abs(got["all"][0] // R - T // 4) > 1:
    bad.append("all")
for name in bad:
    print("%s: found %s, want %s" % (name, got[name], want.get(name)))
sys.exit(bool(bad))
