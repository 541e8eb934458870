"""Ridge regression among 20 nodes with different data, in NumPy, trained by TELEPORTATION.

    python3 objective.py            (TELESGD_LIBRARY=.../libtelesgd.so.0 where it is not installed)

Node i has 50 rows (A[i], b[i]) and f_i(x) = |A[i] x - b[i]|^2 / 100 + |x|^2 / 200. A step takes 10
of the rows. Prints how far the mean of the tokens is from the solution of the normal equations.
"""
import numpy as np

import telesgd

NODES, ROWS, DIM = 20, 50, 8
rng = np.random.default_rng(1)
A = rng.normal(size=(NODES, ROWS, DIM))
truth = rng.normal(size=DIM) + 0.2 * rng.normal(size=(NODES, DIM))      # the nodes do not agree
b = np.einsum("nrd,nd->nr", A, truth) + 0.1 * rng.normal(size=(NODES, ROWS))


def gradient(node, x, rng):
    rows = rng.choice(ROWS, 10, replace=False)
    residual = A[node][rows] @ x - b[node][rows]
    return residual @ residual / 20 + x @ x / 200, residual @ A[node][rows] / 10 + x / 100


def evaluate(x):
    residual = A @ x.astype(float) - b
    return [(residual ** 2).sum() / (2 * NODES * ROWS) + x @ x.astype(float) / 200]


objective = telesgd.Objective("ridge", DIM, NODES, gradient, evaluate, ["loss"])
run = telesgd.Run({"active": 4, "rounds": 2000, "lr": 0.05, "schedule": "cosine"}, objective)
run.train()

H = np.einsum("nrd,nre->de", A, A) / (NODES * ROWS) + np.eye(DIM) / 100
best = np.linalg.solve(H, np.einsum("nrd,nr->d", A, b) / (NODES * ROWS))
x = run.tensors["x"]
print("library", telesgd.version())
print("loss %.6f, at best %.6f" % (evaluate(x)[0], evaluate(best)[0]))
print("distance %.4f, of %.4f from 0" % (np.linalg.norm(x - best), np.linalg.norm(best)))
print("tokens apart %.2g" % max(np.linalg.norm(token - x) for token in run.tokens))
