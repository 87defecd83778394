"""scipy's solve_ivp on the problem of benches/src/definitions/ode_batch.rs.

usage: solve_ivp.py FOLDER METHOD T_END RTOL ATOL

Reads weights.f64 and starts.f64 (little-endian, states one after the other)
from FOLDER, writes the final states to ends-METHOD.f64 and prints the seconds
that the integrations took.
"""

import sys
import time

import numpy as np
from scipy.integrate import solve_ivp


def main():
    folder, method = sys.argv[1:3]
    t_end, rtol, atol = map(float, sys.argv[3:6])
    weights = np.fromfile(f"{folder}/weights.f64", dtype="<f8")
    n = int(round(weights.size**0.5))
    weights = weights.reshape(n, n)
    starts = np.fromfile(f"{folder}/starts.f64", dtype="<f8").reshape(-1, n)

    def field(_t, x):
        return weights @ np.tanh(2.0 * x) - x

    begin = time.perf_counter()
    ends = [
        solve_ivp(field, (0.0, t_end), x0, method=method, rtol=rtol, atol=atol, t_eval=[t_end]).y
        for x0 in starts
    ]
    seconds = time.perf_counter() - begin
    np.concatenate([end.ravel() for end in ends]).tofile(f"{folder}/ends-{method}.f64")
    print(seconds)


if __name__ == "__main__":
    main()
