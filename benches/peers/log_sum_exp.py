"""Attention updates of numpy and torch on the problem of
benches/src/definitions/associative_memory.rs.

usage: log_sum_exp.py PEER FOLDER DIM BETA UPDATES

PEER is numpy, torch or torch-sdpa. Reads patterns.f32 and cues.f32
(little-endian, one after the other) from FOLDER, makes UPDATES updates
x <- P softmax(beta P'x), writes the states to states-PEER.f32, prints "ready",
and then answers every line with the seconds that the same updates take.
"""

import sys
import time

import numpy as np


def updates_of(peer, patterns, cues, beta, updates):
    """The updates as a function without arguments that returns the states."""
    if peer == "numpy":
        transposed = patterns.T

        def run():
            x = cues
            for _ in range(updates):
                weights = x @ transposed
                weights *= beta
                weights -= weights.max(axis=1, keepdims=True)
                np.exp(weights, out=weights)
                weights /= weights.sum(axis=1, keepdims=True)
                x = weights @ patterns
            return x

        return run

    import torch

    torch.set_num_threads(1)
    p, c = torch.from_numpy(patterns), torch.from_numpy(cues)

    def softmax(x):
        return torch.softmax(torch.mul(x @ p.T, beta), dim=1) @ p

    def sdpa(x):
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(x[None, None], p[None, None], p[None, None], scale=beta)[0, 0]

    update = {"torch": softmax, "torch-sdpa": sdpa}[peer]

    def run():
        with torch.inference_mode():
            x = c
            for _ in range(updates):
                x = update(x)
            return x.numpy()

    return run


def main():
    peer, folder = sys.argv[1:3]
    dim, beta, updates = int(sys.argv[3]), np.float32(sys.argv[4]), int(sys.argv[5])
    read = lambda name: np.fromfile(f"{folder}/{name}.f32", dtype="<f4").reshape(-1, dim)
    run = updates_of(peer, read("patterns"), read("cues"), float(beta), updates)
    run().astype("<f4").tofile(f"{folder}/states-{peer}.f32")
    print("ready", flush=True)
    for _ in sys.stdin:
        begin = time.perf_counter()
        run()
        print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main()
