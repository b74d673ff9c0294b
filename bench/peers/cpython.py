#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# CPython's own multiprocessing.Pool, measured beside grain: one cell of the tutorial's notebook a process, on the
# same rows. Standard library only, Python 3.9 or newer. It prints what Google Benchmark would print as JSON. In every
# process the plain Python loop over the rows is timed too, turn by turn with the cell, so that "parallel over serial"
# is a ratio of pairs. The calls themselves stand in notebook.py. Exit codes as grain-bench's: 0 fine, 1 error, 2 usage,
# 3 wrong result.
"""Measure one cell of CPython's multiprocessing."""

import argparse
import array
import ast
import contextlib
import datetime
import json
import multiprocessing
import multiprocessing.pool
import os
import platform
import re
import resource
import signal
import struct
import sys
import time

sys.dont_write_bytecode = True  # the source folder stays as it is
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import notebook  # pylint: disable=wrong-import-position

CELL = re.compile(
    r"howmany/cpython/(?P<call>" + "|".join(notebook.CALLS) + r")/-/chunk:(?P<chunk>\d+)/workers:(?P<workers>[1-9]\d*)"
    r"/rows:(?P<rows>\d+)/(?P<end>data:(?:shared|copy)/start:warm)"
)
LOOP_ROWS = 20000  # beside a subset the plain loop runs over this many rows at least, and is scaled to all of them


class Bad(Exception):
    """Bad arguments or bad data."""


# ----------------------------------------------------------------------------------------------------------- the data


def npy_header(file):
    """Reads the header of a .npy file, versions 1.0 to 3.0."""
    start = file.read(8)
    if start[:6] != b"\x93NUMPY" or len(start) < 8 or start[6] not in (1, 2, 3):
        raise Bad("is no .npy file of version 1.0 to 3.0")
    form = "<H" if start[6] == 1 else "<I"
    size = file.read(struct.calcsize(form))
    if len(size) < struct.calcsize(form):
        raise Bad("ends within its header")
    try:
        header = ast.literal_eval(file.read(min(struct.unpack(form, size)[0], 65536)).decode("utf-8").strip())
        return header["descr"], header["fortran_order"], tuple(header["shape"])
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError):
        raise Bad("has a header that cannot be read") from None


def read_rows(path, most):
    """Reads the first `most` rows of a matrix of little-endian int32 as a list of lists of int, which is what the
    notebook works on. Returns them and how many there are in all."""
    try:
        with open(path, "rb") as file:
            descr, is_fortran, shape = npy_header(file)
            if descr != "<i4" or is_fortran or len(shape) != 2:
                raise Bad("is no two-dimensional matrix of <i4 in C order")
            if os.fstat(file.fileno()).st_size - file.tell() != 4 * shape[0] * shape[1]:
                raise Bad("does not hold what its header says")
            content = file.read(4 * min(most, shape[0]) * shape[1])
    except OSError as error:
        raise Bad("cannot be read: " + os.strerror(error.errno or 0)) from None
    if array.array("i").itemsize != 4:
        raise Bad("cannot be read: an int of this Python has not 4 bytes")
    values = array.array("i", content)
    if sys.byteorder == "big":
        values.byteswap()
    numbers, columns = values.tolist(), shape[1]
    return [numbers[i * columns : (i + 1) * columns] for i in range(min(most, shape[0]))], shape[0]


def oracle(row, minimum, maximum):
    """Counts a second way: by membership in a range, without comparing anything here."""
    return sum(map(range(minimum, maximum + 1).__contains__, row))


def what_is_wrong(results, expected):
    """A sentence about the first wrong result, or None."""
    if results == expected:
        return None
    if len(results) != len(expected):
        return "wrong number of results: %d instead of %d" % (len(results), len(expected))
    row = next(i for i, pair in enumerate(zip(results, expected)) if pair[0] != pair[1])
    return "wrong result at row %d: %r instead of %r" % (row, results[row], expected[row])


# ------------------------------------------------------------------------------------------------------ the measuring


def workers_cpu_ns(pool):
    """CPU time of the live worker processes, by their CPU-time clocks (Linux: ~pid << 3 | 2)."""
    total = 0
    for process in getattr(pool, "_pool", None) or []:
        try:
            total += time.clock_gettime_ns((~process.pid << 3) | 2)
        except OSError:
            pass
    return total


def timed(run, job):
    """Runs a job once; returns its results, and the figures of a benchmark record."""
    switches = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    workers, cpu = workers_cpu_ns(job.pool), time.process_time_ns()
    job.submit_ns = job.order = None
    start = time.perf_counter_ns()
    job.begin()
    results = run(job)
    real = time.perf_counter_ns() - start
    cpu = time.process_time_ns() - cpu
    return results, {
        "real_time": float(real),
        "cpu_time": float(cpu),
        "cpu_ns": float(cpu),
        "workers_cpu_ns": float(workers_cpu_ns(job.pool) - workers),
        "involuntary": float(resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw - switches),
        "submit_ns": float(job.submit_ns or 0),
        "collect_ns": float(real - job.submit_ns if job.submit_ns is not None else 0),
        "out_of_order": float(job.out_of_order()),
    }


def python_chunk(count, workers):
    """CPython's rule for the default chunk: ceil(count / (4 * workers))."""
    return -(-count // (4 * workers))


def chunk_picked(run, job):
    """The chunk that CPython really picks for these rows, seen while it cuts them up."""
    seen = []
    cut = multiprocessing.pool.Pool._get_tasks

    def watch(function, items, size):
        seen.append(size)
        return cut(function, items, size)

    multiprocessing.pool.Pool._get_tasks = staticmethod(watch)
    try:
        run(job)
    finally:
        multiprocessing.pool.Pool._get_tasks = staticmethod(cut)
    return seen[0]


def warm_up(call, job, cell):
    """Warms a job up; afterwards its chunk is None where the cell is CPython's own choice."""
    rows, ruled = job.rows, cell["call"] in notebook.BY_RULE
    if ruled and cell["chunk"] in (0, python_chunk(len(rows), cell["workers"])):
        picked = chunk_picked(call.run, job)
        if cell["chunk"] not in (0, picked):
            raise Bad("Pool.%s picks chunk %d here, not %d" % (cell["call"], picked, cell["chunk"]))
        return
    job.chunk = cell["chunk"] or None
    job.rows = rows[: max(call.warm, cell["chunk"])]
    if job.rows:
        call.run(job)
    job.rows = rows


def handovers(cell, job):
    """How many times a call hands work over: once a task, or once a chunk."""
    size = job.chunk or 1
    if cell["call"] in notebook.BY_RULE:
        size = job.chunk or python_chunk(len(job.rows), cell["workers"])
    return 0 if cell["call"] in ("serial", "loop", "open") else -(-len(job.rows) // size)


def take_turn(partner, repetition, cell, options, expected):
    """One repetition of one partner, as a benchmark record."""
    name, run, job, given, count = partner
    record = {"name": name, "run_name": name, "run_type": "iteration", "repetitions": options.repetitions,
              "repetition_index": repetition, "threads": 1, "iterations": 1, "time_unit": "ns",
              "tasks": float(count), "handovers": float(given), "steals": 0.0}
    results, figures = timed(run, job)
    if run is notebook.run_loop and count < cell["rows"]:
        record["scaled_from"] = float(count)
        figures["real_time"] *= cell["rows"] / count
    wrong = what_is_wrong(results, expected)
    if wrong:
        figures = {"error_occurred": True, "error_message": wrong, "real_time": 0.0, "cpu_time": 0.0}
    record.update(figures)
    return record


def turns(cell, options, rows, context, pool, records):
    """Takes turns: cell then loop, loop then cell, and so on. A `loop` cell is its own partner; `open` has none."""
    tasks, call = cell["tasks"], notebook.CALLS[cell["call"]]
    counts = [oracle(row, options.minimum, options.maximum) for row in rows]
    expected = list(enumerate(counts[:tasks])) if call.gives_pairs else counts[:tasks]
    job = notebook.Job(context, pool, cell["workers"], rows[:tasks], options.minimum, options.maximum)
    warm_up(call, job, cell)
    partners = [((options.cell, call.run, job, handovers(cell, job), tasks), expected)]
    if cell["loop_name"] != options.cell and rows:
        loop = notebook.Job(context, None, 1, rows, options.minimum, options.maximum)
        notebook.run_loop(loop)  # warm
        partners.append(((cell["loop_name"], notebook.run_loop, loop, 0, len(rows)), counts))
    for repetition in range(options.repetitions):
        for partner, right in partners if repetition % 2 == 0 else partners[::-1]:
            records.append(take_turn(partner, repetition, cell, options, right))


def measure(cell, options, rows, records):
    """Opens the pool where the call needs one, before anything else happens, and runs the turns."""
    notebook.set_range(options.minimum, options.maximum)
    context, call = multiprocessing.get_context("fork"), notebook.CALLS[cell["call"]]
    pool = contextlib.nullcontext()
    if call.has_pool:
        pool = context.Pool(cell["workers"], signal.signal, (signal.SIGINT, signal.SIG_IGN))
    with pool as opened:
        # Dying without the pool's end would leave its workers waiting for ever. What is ignored stays ignored.
        before = signal.getsignal(signal.SIGTERM)
        if before != signal.SIG_IGN:
            signal.signal(signal.SIGTERM, lambda signo, frame: sys.exit(128 + signo))
        try:
            turns(cell, options, rows, context, opened, records)
        finally:
            signal.signal(signal.SIGTERM, before)


# ------------------------------------------------------------------------------------------------------- the program


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def print_help(self, file=None):
        """As argparse's own, but a help that cannot be written is no success."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message):
        self.exit(2, "cpython.py: %s\n" % message)


def whole(least):
    """An argument type: a whole number from `least` on."""

    def read(text):
        number = int(text)
        if number < least:
            raise ValueError
        return number

    read.__name__ = "whole number from %d on" % least if least > -(2**31) else "whole number"
    return read


def arguments():
    """Reads the command line."""
    most = ", ".join("%s %d" % (name, call.most) for name, call in notebook.CALLS.items() if call.most)
    parser = Parser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--cell", metavar="NAME",
                        help="howmany/cpython/CALL/-/chunk:N/workers:P/...; CALL: " + ", ".join(notebook.CALLS))
    parser.add_argument("--data", metavar="FILE", help="the rows: a .npy file of <i4, two-dimensional")
    parser.add_argument("--columns", metavar="N", type=whole(1), help="refuse data with another number of columns")
    parser.add_argument("--minimum", metavar="N", type=whole(-(2**31)), default=4, help="count from here (4)")
    parser.add_argument("--maximum", metavar="N", type=whole(-(2**31)), default=8, help="to here (8)")
    parser.add_argument("--repetitions", metavar="R", type=whole(1), default=1, help="how often (1)")
    parser.add_argument("--tasks", metavar="N", type=whole(1),
                        help="run the first N rows only (all, but for calls that take long: %s)" % most)
    parser.add_argument("--version-json", action="store_true", help="print which Python this is, and end")
    return parser, parser.parse_args()


def text_of(name):
    """A name that the system gave, as text: bytes that are not UTF-8 stand as \\xe9, which JSON can hold."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def context_of(options):
    """What Google Benchmark says about the machine, and which Python this is."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).astimezone().isoformat(timespec="seconds"),
        "host_name": text_of(platform.node()),
        "executable": text_of(os.path.abspath(__file__)),
        "num_cpus": os.cpu_count(),
        "cpu_count": multiprocessing.cpu_count(),
        "load_avg": list(os.getloadavg()),
        "library_build_type": "release",
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "interpreter": text_of(sys.executable),
        "start_method": "fork",
        "minimum": options.minimum,
        "maximum": options.maximum,
    }


def cell_of(options):
    """Takes the cell's name apart."""
    match = CELL.fullmatch(options.cell)
    if not match:
        raise Bad("bad cell %s: it is howmany/cpython/%s/-/chunk:N/workers:P/rows:N/data:shared|copy/start:warm"
                  % (options.cell, "|".join(notebook.CALLS)))
    cell = {"call": match["call"], "chunk": int(match["chunk"]), "workers": int(match["workers"])}
    cell["rows"] = int(match["rows"])
    if cell["chunk"] and not notebook.CALLS[cell["call"]].has_chunk:
        raise Bad("bad cell %s: %s has no chunk: chunk:0" % (options.cell, cell["call"]))
    if (cell["rows"] == 0) != (cell["call"] == "open"):
        raise Bad("bad cell %s: open runs no tasks (rows:0), every other call does" % options.cell)
    cell["loop_name"] = "howmany/cpython/loop/-/chunk:0/workers:1/rows:%s/%s" % (match["rows"], match["end"])
    return cell


def load(options, cell):
    """Reads as many of the rows that the cell names as are needed."""
    most = notebook.CALLS[cell["call"]].most
    cell["tasks"] = min(cell["rows"], options.tasks or most or cell["rows"])
    if cell["rows"] == 0:
        return []
    if not options.data:
        raise Bad("--data is needed for cells with rows (see --help)")
    try:
        rows, there = read_rows(options.data, max(cell["tasks"], LOOP_ROWS))
    except Bad as error:
        raise Bad("%s %s" % (options.data, error)) from None
    if not rows or there != cell["rows"]:
        raise Bad("%s has %d rows, the cell %d" % (options.data, there, cell["rows"]))
    if options.columns and len(rows[0]) != options.columns:
        raise Bad("%s has %d columns, not %d" % (options.data, len(rows[0]), options.columns))
    return rows


def main():
    """Runs; returns the exit status."""
    parser, options = arguments()
    if options.version_json:
        print(json.dumps({"python": platform.python_version(), "implementation": platform.python_implementation()}))
        return 0
    if not options.cell:
        parser.error("--cell is needed, and --data (see --help)")
    records = []
    try:
        cell = cell_of(options)
        measure(cell, options, load(options, cell), records)
    except Bad as error:
        parser.error(str(error))
    except (OSError, MemoryError) as error:
        parser.exit(1, "cpython.py: %s\n" % error)
    except KeyboardInterrupt:
        return 130
    json.dump({"context": context_of(options), "benchmarks": records}, sys.stdout, indent=2)
    print()
    return 3 if any("error_occurred" in record for record in records) else 0


def main_checked():
    """Runs; what cannot be written to standard output, also of --help, is exit status 1."""
    if sys.stdout is None:
        print("cpython.py: standard output is closed", file=sys.stderr)
        return 1
    try:
        try:
            status = main()
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
    except OSError as error:
        print("cpython.py: cannot write to standard output: %s" % error.strerror, file=sys.stderr)
        os._exit(1)
    return status


if __name__ == "__main__":
    sys.exit(main_checked())
