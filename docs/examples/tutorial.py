# SPDX-License-Identifier: MIT
"""The notebook's calls on its first five rows: tutorial.py NAME prints what docs/examples/NAME.c prints."""
import multiprocessing as mp
import sys
import time

data = [[1, 2, 6, 2, 3], [1, 3, 6, 5, 2], [6, 6, 6, 7, 0], [9, 0, 2, 3, 6], [0, 6, 0, 8, 1]]


def howmany(row, minimum=4, maximum=8):
    return sum(minimum <= n <= maximum for n in row)


def howmany2(i, row, minimum=4, maximum=8):
    return i, howmany(row, minimum, maximum)


def greet(name):
    print("hello", name, flush=True)
    sys.exit(3)


def nap(i):
    time.sleep(0 if i else 0.2)
    return i


def square(i):
    return nap(i), i * i


def cpu_count(pool):
    print("at least one" if mp.cpu_count() >= 1 else "none?")


def process(pool):
    p = mp.Process(target=greet, args=("bob",))
    p.start()
    p.join()
    print("exit code", p.exitcode)


def apply(pool):
    results = [pool.apply(howmany, args=(row, 4, 8)) for row in data]
    print(results)


def map(pool):
    results = pool.map(howmany, data)
    print(results)


def starmap(pool):
    results = pool.starmap(howmany, [(row, 4, 8) for row in data])
    print(results)


def apply_async(pool):
    objects = [pool.apply_async(howmany, args=(row, 4, 8)) for row in data]
    results = [r.get() for r in objects]
    print(results)


def callback(pool):
    arrived = []
    for i in range(5):
        pool.apply_async(square, args=(i,), callback=arrived.append)
    pool.close()
    pool.join()
    print(f"{len(arrived)} arrived, the last was {arrived[-1]}")


def map_async(pool):
    future = pool.map_async(howmany, data)
    results = future.get()
    print(results)


def starmap_async(pool):
    future = pool.starmap_async(howmany2, [(i, row, 4, 8) for i, row in enumerate(data)])
    for pair in future.get():
        print(pair)


def imap(pool):
    for result in pool.imap(nap, range(6)):
        print(result)


def imap_unordered(pool):
    for result in pool.imap_unordered(nap, range(6)):
        pass
    print("last:", result)


if __name__ == "__main__":
    with mp.Pool(2) as pool:
        globals()[sys.argv[1]](pool)
