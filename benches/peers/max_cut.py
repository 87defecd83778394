"""Python solvers on one max-cut instance, each for the same processor time.

usage: max_cut.py FILE SECONDS RUNS [SOLVER ...]

Reads FILE (rudy format) and prints a JSON object a line: `solver` with `cpu`
(mean processor seconds of a run), `best` and `mean` (cuts over RUNS runs with
seeds 1, 2, ...), or with `absent`, the reason why it cannot be run. Reading the
file and translating it for a solver are not counted; what a solver needs to
find out its own speed is not counted either. One thread.
"""

import json
import os
import sys
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np


class Instance:
    def __init__(self, path):
        table = np.loadtxt(path, skiprows=1, ndmin=2)
        with open(path) as file:
            self.n = int(file.readline().split()[0])
        self.i = table[:, 0].astype(np.int64) - 1
        self.j = table[:, 1].astype(np.int64) - 1
        self.w = table[:, 2] if table.shape[1] > 2 else np.ones(len(table))

    def cut(self, spins):
        """Cuts of the rows of `spins`."""
        spins = np.atleast_2d(np.asarray(spins, dtype=np.int8))
        return np.array([self.w[s[self.i] != s[self.j]].sum() for s in spins])

    def dense(self):
        matrix = np.zeros((self.n, self.n), dtype=np.float32)
        matrix[self.i, self.j] = self.w
        matrix[self.j, self.i] = self.w
        return matrix

    def sparse(self):
        from scipy.sparse import coo_matrix

        shape = (self.n, self.n)
        upper = coo_matrix((self.w, (self.i, self.j)), shape=shape)
        return (upper + upper.T).tocsr()


def cpu(work):
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def length_for(seconds, trial, run):
    """Steps for which `run(steps)` takes `seconds`: a line through two shorter runs."""
    run(trial)
    while True:
        short, _ = cpu(lambda: run(trial))
        if short > 0.08 * seconds:
            break
        trial *= 4
    long, _ = cpu(lambda: run(3 * trial))
    pace = max(long - short, 0.1 * long) / (2 * trial)
    return max(1, int(trial + (seconds - short) / pace))


def in_order(found, n):
    """Samples with variable v in column v; absent ones, without edges, are +1."""
    samples = found.record.sample
    spins = np.ones((len(samples), n), dtype=np.int8)
    spins[:, np.array(list(found.variables))] = samples
    return spins


# Replicas that a run shares its time between: few enough for long schedules,
# enough to take the best of.
READS = 4


def dwave_annealing(instance, seconds):
    import dimod
    from dwave.samplers import SimulatedAnnealingSampler

    bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(
        np.zeros(instance.n), (instance.i, instance.j, instance.w), 0.0, "SPIN"
    )
    sampler = SimulatedAnnealingSampler()

    def run(sweeps, seed=1):
        return sampler.sample(bqm, num_reads=READS, num_sweeps=sweeps, seed=seed)

    sweeps = length_for(seconds, 50, run)
    return lambda seed: in_order(run(sweeps, seed), instance.n)


def openjij_annealing(instance, seconds):
    import openjij

    couplings = {
        (int(i), int(j)): float(w) for i, j, w in zip(instance.i, instance.j, instance.w)
    }
    sampler = openjij.SASampler()

    def run(sweeps, seed=1):
        return sampler.sample_ising({}, couplings, num_reads=READS, num_sweeps=sweeps, seed=seed)

    sweeps = length_for(seconds, 50, run)

    return lambda seed: in_order(run(sweeps, seed), instance.n)


def dwave_tabu(instance, seconds):
    import dimod
    from dwave.samplers import TabuSampler

    bqm = dimod.BinaryQuadraticModel.from_numpy_vectors(
        np.zeros(instance.n), (instance.i, instance.j, instance.w), 0.0, "SPIN"
    )
    sampler = TabuSampler()

    def solve(seed):
        found = sampler.sample(bqm, num_reads=1, timeout=int(1000 * seconds), seed=seed)
        return in_order(found, instance.n)

    return solve


def simulated_bifurcation(mode):
    def prepare(instance, seconds):
        import torch
        import simulated_bifurcation as sb

        torch.set_num_threads(1)
        if instance.n > 3000:
            raise MemoryError(f"dense only: {instance.n}² couplings a step")
        matrix = torch.from_numpy(instance.dense())
        agents = 16

        def run(steps, seed=1):
            torch.manual_seed(seed)
            # The ramp ends with the run; the step is the larger of those that work.
            sb.set_env(time_step=0.5, pressure_slope=1.0 / (0.5 * steps))
            return sb.minimize(
                matrix,
                domain="spin",
                agents=agents,
                max_steps=steps,
                best_only=False,
                mode=mode,
                early_stopping=False,
                verbose=False,
            )

        steps = length_for(seconds, 10, run)
        return lambda seed: run(steps, seed)[0].numpy().astype(np.int8).reshape(-1, instance.n)

    return prepare


def mindquantum(name):
    def prepare(instance, seconds):
        from mindquantum.algorithm import qaia

        couplings = -instance.sparse()
        method = getattr(qaia, name)

        def run(steps, seed=1):
            np.random.seed(seed)
            solver = method(couplings, n_iter=steps, batch_size=16)
            solver.update()
            return solver

        steps = length_for(seconds, 20, run)
        return lambda seed: np.sign(run(steps, seed).x.T).astype(np.int8)

    return prepare


def mqlib(name):
    def prepare(instance, seconds):
        import MQLib

        problem = MQLib.Instance("M", instance.sparse())

        def solve(seed):
            found = MQLib.runHeuristic(name, problem, seconds, seed)
            return np.asarray(found["solution"], dtype=np.int8)

        return solve

    return prepare


SOLVERS = {
    "dwave-samplers SA": dwave_annealing,
    "dwave-samplers tabu": dwave_tabu,
    "OpenJij SA": openjij_annealing,
    "simulated-bifurcation dSB": simulated_bifurcation("discrete"),
    "simulated-bifurcation bSB": simulated_bifurcation("ballistic"),
    "mindquantum dSB": mindquantum("DSB"),
    "mindquantum bSB": mindquantum("BSB"),
    "MQLib BURER2002": mqlib("BURER2002"),
    "MQLib PALUBECKIS2006": mqlib("PALUBECKIS2006"),
    "MQLib LU2010": mqlib("LU2010"),
}


def main():
    path, seconds, runs = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    instance = Instance(path)
    for name in sys.argv[4:] or SOLVERS:
        try:
            solve = SOLVERS[name](instance, seconds)
            cuts, times = [], []
            for seed in range(1, runs + 1):
                spent, spins = cpu(lambda: solve(seed))
                cuts.append(instance.cut(spins).max())
                times.append(spent)
            line = {"cpu": float(np.mean(times)), "best": max(cuts), "mean": float(np.mean(cuts))}
        except Exception as error:  # Whatever a peer cannot do is told, not hidden.
            line = {"absent": f"{type(error).__name__}: {error}"}
        print(json.dumps({"solver": name, **line}), flush=True)


if __name__ == "__main__":
    main()
