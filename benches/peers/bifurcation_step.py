"""Steps of discrete simulated bifurcation on dense couplings, in PyTorch.

usage: bifurcation_step.py COUPLINGS N REPLICAS

Reads an N by N matrix of little-endian floats from COUPLINGS. For each line on
the input, a number of steps, prints the seconds of one. One thread.
"""

import sys
import time

import numpy as np
import torch


def main():
    path, n, replicas = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    couplings = torch.from_numpy(np.fromfile(path, dtype="<f4").reshape(n, n))
    generator = torch.Generator().manual_seed(1)
    x = 0.1 * torch.rand(n, replicas, generator=generator) - 0.05
    y = 0.1 * torch.rand(n, replicas, generator=generator) - 0.05
    step, detuning, strength = 1.0, 0.5, 0.5 / n**0.5

    def advance():
        y.add_(couplings @ torch.sign(x), alpha=step * strength)
        y.add_(x, alpha=-step * detuning)
        x.add_(y, alpha=step)
        y.masked_fill_(x.abs() > 1.0, 0.0)
        x.clamp_(-1.0, 1.0)

    with torch.inference_mode():
        for _ in range(3):
            advance()
        for line in sys.stdin:
            steps = int(line)
            begin = time.perf_counter()
            for _ in range(steps):
                advance()
            print((time.perf_counter() - begin) / steps, flush=True)


if __name__ == "__main__":
    main()
