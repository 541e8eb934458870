"""telesgd from Python, by ctypes: with NumPy and the shared library, and nothing to build.

    import telesgd
    run = telesgd.Run({"data": "digits", "model": "mlp:64", "rounds": 500})
    run.train(lambda round, metrics: print(round, metrics["test_accuracy"]))
    run.tensors["fc1.weight"]           # of the mean of the tokens, as an array
    run.tokens[0]                       # the parameters of a token

objective.py beside this file trains an objective that is written in NumPy.
Arrays of results are the library's own memory, not copies: they cannot be written, and each keeps
its run alive. Settings are the options of `telesgd train`. TELESGD_LIBRARY names the library where
the loader does not find it.
"""
import ctypes as c
import os

import numpy as np

library = c.CDLL(os.environ.get("TELESGD_LIBRARY", "libtelesgd.so.0"))


# ---- the types of telesgd.h, as far as they are needed; members that follow are left out ----

class _Error(c.Structure):
    _fields_ = [("status", c.c_int), ("text", c.c_char * 1024)]


class _Info(c.Structure):
    _fields_ = [("resolved", c.c_void_p), ("parameters", c.c_uint64), ("tensors", c.c_uint64),
                ("tokens", c.c_uint64), ("threads", c.c_uint64)]


class _Tensor(c.Structure):
    _fields_ = [("name", c.c_char_p), ("offset", c.c_uint64), ("count", c.c_uint64),
                ("rank", c.c_uint32), ("shape", c.c_uint32 * 4)]


_counts = ["round", "samples", "gradients", "bytes_gossip", "bytes_teleport"]
_numbers = ["sim_seconds", "wall_seconds", "train_loss", "test_loss", "test_accuracy", "test_r2",
            "validation_loss", "validation_accuracy", "validation_r2",
            "test_loss_mean", "test_loss_worst", "test_accuracy_mean", "test_accuracy_worst",
            "test_r2_mean", "test_r2_worst", "validation_loss_mean", "validation_loss_worst",
            "validation_accuracy_mean", "validation_accuracy_worst", "validation_r2_mean",
            "validation_r2_worst", "consensus", "grad_norm2", "grad_norm2_tokens", "objective",
            "suboptimality", "suboptimality_mean", "suboptimality_worst", "distance2", "lr"]
_most_metrics = 8


class _Eval(c.Structure):
    _fields_ = ([(name, c.c_uint64) for name in _counts] +
                [(name, c.c_double) for name in _numbers] +
                [("state_hash", c.c_uint64), ("metric", c.c_double * _most_metrics)])


class _Visit(c.Structure):
    _fields_ = [("node", c.c_uint32), ("block", c.c_uint32), ("visit", c.c_uint64),
                ("random", c.c_void_p), ("scratch", c.c_void_p)]


class _Metric(c.Structure):
    _fields_ = [("name", c.c_char_p), ("more_is_better", c.c_bool)]


_floats, _doubles = c.POINTER(c.c_float), c.POINTER(c.c_double)
_gradient = c.CFUNCTYPE(c.c_double, c.POINTER(_Visit), _floats, _floats, c.c_void_p)
_evaluate = c.CFUNCTYPE(None, c.POINTER(_Visit), _floats, _doubles, c.c_void_p)


class _Objective(c.Structure):
    _fields_ = [("size", c.c_size_t), ("name", c.c_char_p), ("dim", c.c_size_t),
                ("nodes", c.c_uint32), ("blocks", c.c_uint32), ("scratch_bytes", c.c_size_t),
                ("user", c.c_void_p), ("gradient", _gradient), ("samples", c.c_void_p),
                ("init", c.c_void_p), ("evaluate", _evaluate), ("metrics", c.POINTER(_Metric)),
                ("tensors", c.c_void_p), ("n_metrics", c.c_uint32), ("n_tensors", c.c_uint32)]


_on_eval = c.CFUNCTYPE(c.c_bool, c.POINTER(_Eval), c.c_void_p)

for _name, _result, _arguments in [
        ("tsgd_version", c.c_char_p, []),
        ("tsgd_settings_create", c.c_int, [c.c_void_p, c.c_void_p]),
        ("tsgd_settings_set", c.c_int, [c.c_void_p, c.c_char_p, c.c_char_p, c.c_void_p]),
        ("tsgd_settings_set_objective", c.c_int, [c.c_void_p, c.c_void_p, c.c_void_p]),
        ("tsgd_settings_free", None, [c.c_void_p]),
        ("tsgd_run_create", c.c_int, [c.c_void_p, c.c_void_p, c.c_void_p]),
        ("tsgd_run_train", c.c_int, [c.c_void_p, _on_eval, c.c_void_p, c.c_void_p, c.c_void_p]),
        ("tsgd_run_stop", None, [c.c_void_p]),
        ("tsgd_run_info", c.POINTER(_Info), [c.c_void_p]),
        ("tsgd_run_tensor", c.c_int, [c.c_void_p, c.c_uint64, c.c_void_p, c.c_void_p]),
        ("tsgd_run_token", c.c_void_p, [c.c_void_p, c.c_uint64]),
        ("tsgd_random_u64", c.c_uint64, [c.c_void_p]),
        ("tsgd_run_mean", c.c_void_p, [c.c_void_p]),
        ("tsgd_run_save", c.c_int, [c.c_void_p, c.c_char_p, c.c_void_p]),
        ("tsgd_run_free", None, [c.c_void_p])]:
    getattr(library, _name).restype = _result
    getattr(library, _name).argtypes = _arguments


class Error(Exception):
    """What the library says: one sentence."""


def _call(name, *arguments):
    error = _Error()
    if getattr(library, name)(*arguments, c.byref(error)):
        raise Error(error.text.decode())


def version():
    return library.tsgd_version().decode()


def _array(pointer, n, writeable=True):
    array = np.ctypeslib.as_array(pointer, (n,))
    array.flags.writeable = writeable
    return array


class Objective:
    """A function of your own, in place of a model.

    gradient(node, x, rng) returns the loss of that node at x and its gradient, of as many floats;
    evaluate(x) returns the numbers in `metrics`, in that order. rng is a NumPy generator that
    depends on seed, node and visit alone: what draws from nothing else has the same bits for any
    number of threads. x is the library's own memory, and is valid during the call. Python runs one
    of these at a time, whatever the threads; NumPy may let others run meanwhile.
    """

    def __init__(self, name, dim, nodes, gradient, evaluate=None, metrics=()):
        self.failed, self.metrics = None, list(metrics)
        self._metrics = (_Metric * max(len(metrics), 1))(*[(m.encode(), False) for m in metrics])

        def call_gradient(visit, x, grad, _):
            try:
                v = visit.contents
                rng = np.random.default_rng(library.tsgd_random_u64(v.random))
                loss, _array(grad, dim)[:] = gradient(v.node, _array(x, dim, False), rng)
                return float(loss)
            except BaseException as failed:         # a loss that is no number ends the training
                self.failed = failed
                return float("nan")

        def call_evaluate(_, x, value, __):
            try:
                _array(value, len(metrics))[:] = evaluate(_array(x, dim, False))
            except BaseException as failed:
                self.failed = failed
                value[0] = float("nan")

        self.struct = _Objective(
            size=c.sizeof(_Objective), name=name.encode(), dim=dim, nodes=nodes,
            gradient=_gradient(call_gradient),
            evaluate=_evaluate(call_evaluate) if evaluate else _evaluate(),
            metrics=self._metrics if metrics else None, n_metrics=len(metrics))


class Run:
    """A training: created with settings (and an objective), trained once, asked for its results."""

    def __init__(self, settings, objective=None):
        self._run, self._failed, self._objective = c.c_void_p(), None, objective
        made = c.c_void_p()
        _call("tsgd_settings_create", c.byref(made))
        try:
            if objective:
                _call("tsgd_settings_set_objective", made, c.byref(objective.struct))
            for name, value in settings.items():
                text = str(value).lower() if isinstance(value, bool) else str(value)
                _call("tsgd_settings_set", made, name.encode(), text.encode())
            _call("tsgd_run_create", c.byref(self._run), made)
        finally:
            library.tsgd_settings_free(made)
        self._info = library.tsgd_run_info(self._run).contents

    def __del__(self):
        library.tsgd_run_free(self._run)

    def train(self, on_eval=None):
        """on_eval(round, metrics) is called in threads of the library; true ends the training. What
        it raises ends the training, and is raised here."""
        def tell(evaluation, _):
            try:
                e = evaluation.contents
                metrics = {name: getattr(e, name) for name in _counts[1:] + _numbers}
                metrics = {name: x for name, x in metrics.items() if x == x}    # which apply
                own = self._objective.metrics if self._objective else []
                metrics.update(zip(own, e.metric))
                return bool(on_eval(e.round, metrics))
            except BaseException as failed:         # which ctypes would print and forget
                self._failed = failed
                return True
        callback = _on_eval(tell) if on_eval else _on_eval()
        try:
            _call("tsgd_run_train", self._run, callback, None, None)
        except Error:
            if self._objective and self._objective.failed:
                raise self._objective.failed from None
            raise
        if self._failed:
            raise self._failed

    def save(self, path):
        """Writes the mean of the tokens as safetensors."""
        _call("tsgd_run_save", self._run, str(path).encode())

    def _row(self, address):
        if not address:
            raise Error("there is no result: it has not been trained")
        memory = (c.c_float * self._info.parameters).from_address(address)
        memory.run = self                           # which must outlive it
        row = np.frombuffer(memory, np.float32)
        row.flags.writeable = False
        return row

    @property
    def mean(self):
        """The parameters: the mean of the tokens."""
        return self._row(library.tsgd_run_mean(self._run))

    @property
    def tokens(self):
        """The parameters of each token."""
        return [self._row(library.tsgd_run_token(self._run, a)) for a in range(self._info.tokens)]

    def cut(self, row):
        """A row, as a dictionary of its tensors by name."""
        tensors = {}
        for i in range(self._info.tensors):
            t = _Tensor()
            _call("tsgd_run_tensor", self._run, i, c.byref(t))
            tensors[t.name.decode()] = row[t.offset:t.offset + t.count].reshape(t.shape[:t.rank])
        return tensors

    @property
    def tensors(self):
        return self.cut(self.mean)
