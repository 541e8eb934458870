#!/usr/bin/env python3
"""Compares telesgd with PyTorch: compare.py TELESGD FOLDER [DATA NETWORK EPOCHS LR]

TELESGD is the program, FOLDER has the files of DATA, whose names are those of MNIST's. For each
network: the module that `telesgd model --pytorch` prints is given random parameters; telesgd starts
from them (--init) and both train on the same minibatches, with plain SGD on one node. Then the test
loss and accuracy of both are printed, and those that the module has with the parameters that
telesgd saved. The exit code is 1 if any differ by more than rounding explains. Without DATA: some
networks on digits, and those for pictures of 32x32 pixels on noise. Needs PyTorch and NumPy.
"""
import gzip, importlib.util, json, os, subprocess, sys
import numpy as np
import torch
import torch.nn.functional as F

BATCH = 32
ON_DIGITS = [
    "logistic",
    "mlp:40,20",
    "net: conv 8 3 pad 1; relu; maxpool 2; groupnorm 2; dense 32; relu; dense",
    "net: conv 8 3 pad 1 nobias; groupnorm 4; relu;"
    " a: residual { conv 16 3 pad 1 stride 2 nobias; groupnorm 4; relu; conv 16 3 pad 1 };"
    " relu; residual { conv 16 1; relu }; avgpool; dense 16;"
    " residual { dense 16; residual { relu; dense 24; relu }; dense 20 }; relu; conv 12 1;"
    " head: dense classes",
    "net: conv 8 3; layernorm; gelu; dwconv 3 pad 1; gelu; avgpool 2; residual { dwconv 3 pad 1"
    " nobias; layernorm }; dwconv 2 stride 2; dense 20; layernorm; gelu; dense",
    "net: conv 8 3 pad 1; layernorm; gelu; dwconv 3 pad 1 stride 2; avgpool 2; conv 12 1; gelu;"
    " dwconv 2 nobias; avgpool; layernorm; dense 16; layernorm; gelu; dwconv 1; dense",
]
ON_NOISE = ["lenet", "vgg11", "resnet20"]
program, folder = sys.argv[1:3]


def telesgd(*words):
    done = subprocess.run([program, *words], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def idx(name, head):
    with gzip.open(f"{folder}/{name}-ubyte.gz") as f:
        data = f.read()
    shape = [int.from_bytes(data[at:at + 4], "big") for at in range(4, head, 4)]
    return np.frombuffer(data, "u1", offset=head).reshape(shape)


def pixels(images):
    return torch.tensor(images.astype("f4") / np.float32(255))


class Idx:
    def __init__(self, name):
        self.options = ["--data", name, "--data-dir", folder]

    def samples(self, part):
        images, labels = idx(f"{part}-images-idx3", 16), idx(f"{part}-labels-idx1", 8)
        return pixels(images[:, None]), torch.tensor(labels.astype("i8"))


class Noise:
    """Pictures of 3x32x32 random pixels, in files as CIFAR-10 has them; whole minibatches."""
    options = ["--data", "cifar10", "--data-dir", "noise"]

    def __init__(self, each=32):
        os.makedirs("noise", exist_ok=True)
        random = np.random.default_rng(1)
        self.data = {}
        for part, names in (("train", [f"data_batch_{i}" for i in range(1, 6)]),
                            ("t10k", ["test_batch"])):
            records = random.integers(0, 256, (each * len(names), 3073), "u1")
            records[:, 0] %= 10
            self.data[part] = records
            for i, name in enumerate(names):
                with open(f"noise/{name}.bin", "wb") as f:
                    f.write(records[i * each:(i + 1) * each].tobytes())

    def samples(self, part):
        records = self.data[part]
        return (pixels(records[:, 1:].reshape(-1, 3, 32, 32)),
                torch.tensor(records[:, 0].astype("i8")))


def load(path):
    with open(path, "rb") as f:
        data = f.read()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, t in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = t["data_offsets"]
            tensors[name] = np.frombuffer(data[start + begin:start + end], "<f4").reshape(t["shape"])
    return tensors


def save(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(t.shape),
                        "data_offsets": [len(data), len(data) + t.nbytes]}
        data += t.astype("<f4").tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + data)


def module(spec, data):
    with open("net.py", "w") as f:
        f.write(telesgd("model", spec, *data.options, "--pytorch"))
    found = importlib.util.spec_from_file_location("net", "net.py")
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    return loaded.Net()


def train(net, images, labels, epochs, lr):
    with open("split") as f:
        order = [int(i) for line in f if not line.startswith("#") for i in line.split()]
    for _ in range(epochs):
        for at in range(0, len(order), BATCH):
            batch = order[at:at + BATCH]
            net.zero_grad()
            F.cross_entropy(net(images[batch]), labels[batch]).backward()
            with torch.no_grad():
                for p in net.parameters():
                    p -= lr * p.grad


def measure(net, images, labels):
    with torch.no_grad():
        out = net(images)
        return (F.cross_entropy(out, labels).item(),
                (out.argmax(1) == labels).double().mean().item())


def same(what, a, b, loss, accuracy):
    good = abs(a[0] - b[0]) <= loss * max(a[0], 1) and abs(a[1] - b[1]) <= accuracy
    print(f"  {what:32} loss {b[0]:.6f}  accuracy {100 * b[1]:.2f} %{'' if good else '  DIFFERS'}")
    return good


def compare(spec, data, epochs, lr):
    torch.manual_seed(2)
    net = module(spec, data)
    save("start", {name: t.numpy() for name, t in net.state_dict().items()})
    telesgd("train", *data.options, "--model", spec, "--method", "dsgd", "--nodes", "1", "--order",
            "sequential", "--batch", str(BATCH), "--epochs", str(epochs), "--lr", str(lr), "--init",
            "start", "--save", "saved", "--save-split", "split", "--progress", "off", "--force")
    found = json.loads(telesgd("eval", "--init", "saved", *data.options, "--json"))
    here = found["test_loss"], found["test_accuracy"]
    print(f"{spec}, {epochs} epochs, step size {lr}")
    print(f"  {'telesgd':32} loss {here[0]:.6f}  accuracy {100 * here[1]:.2f} %")
    train(net, *data.samples("train"), epochs, lr)
    test = data.samples("t10k")
    good = same("PyTorch, same minibatches", here, measure(net, *test), 5e-3, 0.01)
    net.load_state_dict({name: torch.tensor(t) for name, t in load("saved").items()})
    return same("PyTorch, telesgd's parameters", here, measure(net, *test), 1e-5, 0.003) and good


torch.set_num_threads(1)
if len(sys.argv) > 3:
    name, spec, epochs, lr = sys.argv[3:]
    good = compare(spec, Idx(name), int(epochs), float(lr))
else:
    digits, noise = Idx("digits"), Noise()
    good = all([compare(spec, digits, 4, 0.1) for spec in ON_DIGITS] +
               [compare(spec, noise, 1, 0.001) for spec in ON_NOISE])
sys.exit(not good)
