#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# reliability.py: does to CPython's multiprocessing.Pool, concurrent.futures.ProcessPoolExecutor and, where it can be
# imported, loky (joblib brings one) what docs/reliability.md promises to bear, and prints the table that stands there.
# Each run is a process of its own; what has said nothing within the limit hangs. Argument: `cpython` leaves loky out.
import concurrent.futures
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time

LIMIT_S = 16  # all run at once: what does not hang takes a second or two, on a busy machine some
TASKS, WORKERS = 40, 2


def task(number):
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return 3 * number


def leaves(number):
    if number == 7:
        os._exit(3)
    return 3 * number


def triples(number):
    return 3 * number


def naps(number):
    time.sleep(0.05 if number else 3600)
    return os.getpid()


def whoami(_):
    time.sleep(0.2)  # so that every worker gets one
    return os.getpid()


def refuses():
    raise ValueError("no")


def fork():
    return multiprocessing.get_context("fork")


def find_loky():
    for name in ("loky", "joblib.externals.loky"):
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    return None


class Pool:
    name = "`multiprocessing.Pool`"

    def __init__(self, **options):
        self.pool = fork().Pool(WORKERS, **options)

    def map(self, function, count=TASKS):
        return self.pool.map(function, range(count), chunksize=1)

    def end(self):
        pending = self.pool.map_async(naps, range(1))
        time.sleep(0.2)
        self.pool.terminate()
        pending.get()


class Futures:
    name = "`ProcessPoolExecutor`"

    def __init__(self, **options):
        self.pool = concurrent.futures.ProcessPoolExecutor(WORKERS, mp_context=fork(), **options)

    def map(self, function, count=TASKS):
        return list(self.pool.map(function, range(count)))

    def end(self):
        pending = [self.pool.submit(naps, 0) for _ in range(2 * WORKERS + 4)]
        time.sleep(0.2)
        self.pool.shutdown(wait=False, cancel_futures=True)
        for future in pending:
            future.result()


class Loky(Futures):
    name = "`loky`"

    def __init__(self, **options):
        loky = find_loky()
        self.pool = loky.ProcessPoolExecutor(WORKERS, **options)

    def end(self):
        pending = [self.pool.submit(naps, 0) for _ in range(2 * WORKERS + 4)]
        time.sleep(0.2)
        self.pool.shutdown(kill_workers=True)
        for future in pending:
            future.result()


def survives(pool, function):
    """What one bad task does to its map, and that to the next."""
    try:
        pool.map(function)
        return "all is well"
    except Exception as error:
        first = type(error).__name__
    try:
        pool.map(triples)
        return first + "; the pool works"
    except Exception:
        return first + "; the pool is lost"


def killed(kind):
    return survives(kind(), task)


def exited(kind):
    return survives(kind(), leaves)


def idle(kind):
    pool = kind()
    for pid in set(pool.map(whoami, WORKERS)):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    try:
        return "replaced" if pool.map(triples) else "?"
    except Exception as error:
        return type(error).__name__ + "; the pool is lost"


def refused(kind):
    try:
        return "runs" if kind(initializer=refuses).map(triples) else "?"
    except Exception as error:
        return type(error).__name__


def ended(kind):
    try:
        kind().end()
        return "done"
    except BaseException as error:
        return type(error).__name__


EVENTS = {
    killed: ("a task is killed (SIGKILL)", "that task fails, every other one runs, the pool works"),
    exited: ("a task calls `_exit(3)`", "the same, with the exit status"),
    idle: ("all workers are killed while idle", "replaced, nothing lost"),
    refused: ("an initializer always fails", "a few tries, then an error"),
    ended: ("the pool is ended while a task runs", "pending calls are cancelled at once"),
}
KINDS = [Pool, Futures, Loky]


def child(kind, event):
    print(next(e for e in EVENTS if e.__name__ == event)(next(k for k in KINDS if k.__name__ == kind)), flush=True)
    os.killpg(0, signal.SIGKILL)  # and all that hangs


def start(kind, event):
    command = [sys.executable, __file__, kind.__name__, event.__name__]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)


def outcome(process, until):
    try:
        return process.communicate(timeout=max(0.1, until - time.monotonic()))[0].strip() or "crashes"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "hangs"


def main():
    kinds = KINDS if find_loky() and sys.argv[1:] != ["cpython"] else KINDS[:-1]
    print("| event | grain | " + " | ".join(kind.name for kind in kinds) + " |")
    print("| --- | --- |" + " --- |" * len(kinds))
    until = time.monotonic() + LIMIT_S
    running = [(event, [start(kind, event) for kind in kinds]) for event in EVENTS]
    for event, processes in running:
        text, grain = EVENTS[event]
        print(f"| {text} | {grain} | " + " | ".join(outcome(process, until) for process in processes) + " |", flush=True)


if __name__ == "__main__":
    child(*sys.argv[1:]) if len(sys.argv) == 3 else main()
