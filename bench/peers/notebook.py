# SPDX-License-Identifier: MIT
#
# The cells of the tutorial's notebook, one function each, in its own words where that is possible; cpython.py measures
# them. What the notebook does once, on pools of its own, is done here on a pool that stays open; so its apply_async
# with a callback waits for the last result instead of closing the pool. Each function gets a Job and returns the
# counts, or (i, count) pairs where the notebook has pairs.
"""The notebook's calls of multiprocessing."""

import collections
import threading
import time


def howmany_within_range(row, minimum, maximum):
    """Returns how many numbers lie between minimum and maximum in a row."""
    count = 0
    for n in row:
        if minimum <= n <= maximum:
            count = count + 1
    return count


def howmany_within_range_rowonly(row, minimum=4, maximum=8):
    """The same for Pool.map, which gives a function one argument; set_range() sets the defaults before the fork."""
    count = 0
    for n in row:
        if minimum <= n <= maximum:
            count = count + 1
    return count


def howmany_within_range2(i, row, minimum, maximum):
    """The same with the row's number, so that results can be put in order."""
    count = 0
    for n in row:
        if minimum <= n <= maximum:
            count = count + 1
    return (i, count)


def howmany_within_range2_pair(pair):
    """The same for imap_unordered, which gives a function one argument too."""
    return (pair[0], howmany_within_range_rowonly(pair[1]))


def howmany_within_range_into(counts, i, row, minimum, maximum):
    """The same for Process, whose function has no result: it goes into an array in shared memory."""
    counts[i] = howmany_within_range(row, minimum, maximum)


def set_range(minimum, maximum):
    """What the functions of one argument count."""
    howmany_within_range_rowonly.__defaults__ = (minimum, maximum)


class Job:
    """One call over some rows: what it needs, and what it tells beside its results."""

    def __init__(self, context, pool, workers, rows, minimum, maximum, chunk=None):
        self.context, self.pool, self.workers = context, pool, workers
        self.rows, self.minimum, self.maximum = rows, minimum, maximum
        self.chunk = chunk  # None: CPython's own choice
        self.begun = 0
        self.submit_ns = None  # until all was handed over; None: the call blocks
        self.order = None  # the rows' numbers as their results arrived; None: in order

    def begin(self):
        """The clock of handing over starts."""
        self.begun = time.perf_counter_ns()

    def submitted(self):
        """It stops: what began last is handed over."""
        self.submit_ns = (self.submit_ns or 0) + time.perf_counter_ns() - self.begun

    def out_of_order(self):
        """How many results came after one of a larger number."""
        late, largest = 0, -1
        for i in self.order or []:
            late += i < largest
            largest = max(largest, i)
        return late


def run_loop(job):
    """The notebook's serial cell."""
    results = []
    for row in job.rows:
        results.append(howmany_within_range(row, minimum=job.minimum, maximum=job.maximum))
    return results


def run_apply(job):
    """Pool.apply()"""
    return [job.pool.apply(howmany_within_range, args=(row, job.minimum, job.maximum)) for row in job.rows]


def run_map(job):
    """Pool.map()"""
    return job.pool.map(howmany_within_range_rowonly, job.rows, chunksize=job.chunk)


def run_starmap(job):
    """Pool.starmap()"""
    return job.pool.starmap(howmany_within_range, [(row, job.minimum, job.maximum) for row in job.rows],
                            chunksize=job.chunk)


def run_apply_callback(job):
    """Pool.apply_async() with a callback that collects pairs, which are then sorted."""
    results, done = [], threading.Event()

    def collect_result(result):
        results.append(result)
        if len(results) == len(job.rows):
            done.set()

    def failed(error):
        results.append((len(job.rows), error))
        done.set()

    for i, row in enumerate(job.rows):
        job.pool.apply_async(howmany_within_range2, args=(i, row, job.minimum, job.maximum), callback=collect_result,
                             error_callback=failed)
    job.submitted()
    done.wait()
    job.order = [i for i, r in results]
    results.sort(key=lambda x: x[0])
    return [r for i, r in results]


def run_apply_async(job):
    """Pool.apply_async() without a callback: result objects."""
    result_objects = [job.pool.apply_async(howmany_within_range2, args=(i, row, job.minimum, job.maximum))
                      for i, row in enumerate(job.rows)]
    job.submitted()
    return [r.get()[1] for r in result_objects]


def run_map_async(job):
    """Pool.map_async()"""
    result = job.pool.map_async(howmany_within_range_rowonly, job.rows, chunksize=job.chunk)
    job.submitted()
    return result.get()


def run_starmap_async(job):
    """Pool.starmap_async(); the notebook prints pairs here."""
    result = job.pool.starmap_async(howmany_within_range2,
                                    [(i, row, job.minimum, job.maximum) for i, row in enumerate(job.rows)],
                                    chunksize=job.chunk)
    job.submitted()
    return result.get()


def run_imap(job):
    """Pool.imap()"""
    results = job.pool.imap(howmany_within_range_rowonly, job.rows, chunksize=job.chunk or 1)
    job.submitted()
    return list(results)


def run_imap_unordered(job):
    """Pool.imap_unordered(), sorted afterwards."""
    arriving = job.pool.imap_unordered(howmany_within_range2_pair, enumerate(job.rows), chunksize=job.chunk or 1)
    job.submitted()
    results = list(arriving)
    job.order = [i for i, r in results]
    results.sort(key=lambda x: x[0])
    return [r for i, r in results]


def run_spawn(job):
    """Process: one a row, one after the other."""
    counts = job.context.RawArray("i", [-1] * len(job.rows))
    for i, row in enumerate(job.rows):
        process = job.context.Process(target=howmany_within_range_into,
                                      args=(counts, i, row, job.minimum, job.maximum))
        job.begin()
        process.start()
        job.submitted()
        process.join()
        if process.exitcode != 0:
            raise OSError("the process of row %d ended with code %d" % (i, process.exitcode))
    return list(counts)


def run_open(job):
    """What the notebook's cells do before and after: a pool's whole life."""
    pool = job.context.Pool(job.workers)
    pool.close()
    pool.join()
    return []


# has_pool: it needs an open pool; has_chunk: it has a chunksize; gives_pairs: (i, count) instead of count;
# most: rows that it runs unless told otherwise; warm: rows to warm up with.
Call = collections.namedtuple("Call", "run has_pool has_chunk gives_pairs most warm")

CALLS = {
    "serial": Call(run_loop, False, False, False, None, 0),
    "loop": Call(run_loop, False, False, False, None, 0),
    "apply": Call(run_apply, True, False, False, 2000, 100),
    "apply_async": Call(run_apply_async, True, False, False, 20000, 500),
    "apply_callback": Call(run_apply_callback, True, False, False, 20000, 500),
    "map": Call(run_map, True, True, False, None, 2000),
    "map_async": Call(run_map_async, True, True, False, None, 2000),
    "starmap": Call(run_starmap, True, True, False, None, 2000),
    "starmap_async": Call(run_starmap_async, True, True, True, None, 2000),
    "imap": Call(run_imap, True, True, False, 20000, 500),
    "imap_unordered": Call(run_imap_unordered, True, True, False, 20000, 500),
    "spawn": Call(run_spawn, False, False, False, 200, 5),
    "open": Call(run_open, False, False, False, None, 0),
}

# The calls whose chunksize None CPython replaces by its rule; imap's is 1.
BY_RULE = ("map", "map_async", "starmap", "starmap_async")
