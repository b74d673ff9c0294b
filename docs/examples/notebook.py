# SPDX-License-Identifier: MIT
"""Checks what docs/python.md says against the notebook: notebook.py NAME prints what was found; exit code 0 if it is so.

Where numpy is missing, Python's own generator stands in for it: both are seeded the same way.
"""
import multiprocessing as mp
import subprocess
import sys
import time

NUMPY = """
import numpy as np
made = np.random.RandomState(100)
print({}.randint(0, 10, size=[10, 5]).tolist())
"""
PYTHON = """
import random
made = random.Random(100)
print([{}.randint(0, 9) for _ in range(50)])
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def seed():
    """A RandomState that is made and never used seeds nothing."""
    try:
        run("import numpy")
        code, module = NUMPY, "np.random"
    except subprocess.CalledProcessError:
        code, module = PYTHON, "random"
    unused = {run(code.format(module)) for _ in range(3)}
    used = {run(code.format("made")) for _ in range(3)}
    print(f"three runs: {len(unused)} different first rows; with the generator that was made: {len(used)}")
    return len(unused) == 3 and len(used) == 1


def slow_first(i):
    time.sleep(0 if i else 0.3)
    return i


def order():
    """map_async and starmap_async keep the order of the input; callbacks and imap_unordered do not."""
    expected, arrived = list(range(6)), []
    with mp.Pool(2) as pool:
        kept = [
            pool.map_async(slow_first, range(6), chunksize=1).get(),
            pool.starmap_async(slow_first, [(i,) for i in range(6)], chunksize=1).get(),
        ]
        unordered = list(pool.imap_unordered(slow_first, range(6)))
        for i in range(6):
            pool.apply_async(slow_first, (i,), callback=arrived.append)
        pool.close()
        pool.join()
    print(f"map_async {kept[0]}, starmap_async {kept[1]}, imap_unordered {unordered}, callbacks {arrived}")
    return kept == [expected] * 2 and unordered[-1] == 0 and arrived[-1] == 0 and sorted(arrived) == expected


def note(i):
    begun = time.monotonic_ns()
    time.sleep(0.05)
    return i, begun


def execution():
    """map returns results in order, and runs the tasks in any."""
    with mp.Pool(2) as pool:
        results = pool.map(note, range(8), chunksize=4)
    began = [i for i, _ in sorted(results, key=lambda pair: pair[1])]
    print(f"results {[i for i, _ in results]}, began {began}")
    return [i for i, _ in results] == list(range(8)) and began != list(range(8))


def pair(i, row, minimum, maximum):
    return i, sum(minimum <= n <= maximum for n in row)


def pairs():
    """starmap_async over a function that returns (i, count) gives pairs, not counts."""
    data = [[1, 2, 6, 2, 3], [1, 3, 6, 5, 2], [6, 6, 6, 7, 0]]
    with mp.Pool(2) as pool:
        results = pool.starmap_async(pair, [(i, row, 4, 8) for i, row in enumerate(data)]).get()
    print(results)
    return results == [(0, 1), (1, 2), (2, 4)]


def opening():
    """A cell that takes about as long as opening a pool has not handed 200000 rows over, a call a row."""
    start = time.monotonic()
    with mp.Pool(2) as pool:
        opened = time.monotonic()
        for call in [pool.apply_async(slow_first, (1,)) for _ in range(2000)]:
            call.get()
        called = time.monotonic()
    ratio = 100 * (called - opened) / (opened - start)
    print(f"200000 calls take more than ten times as long as opening the pool: {ratio > 10}")
    return ratio > 10


if __name__ == "__main__":
    sys.exit(0 if globals()[sys.argv[1]]() else 1)
