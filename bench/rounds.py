# SPDX-License-Identifier: MIT
#
# What the scripts of this folder share: cells that take turns. A group is what is compared with each other: in each
# round its cells run in an order that a seed draws, and back again, each time in a process of its own (grain-bench,
# which owns the clock). The value of a round is the mean of its two halves; what is compared are the values of a round,
# which met the same weather. Standard library only.
"""Cells of grain-bench, turn by turn, in rounds."""

import glob
import json
import math
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import time

SAMPLE_S = 0.002  # a sample takes at least so long,
CALLS = 5  # and is of as many calls at least
LONG_S = 0.01  # a sample that takes as long stands alone in its process
REPETITIONS = 3  # samples a process, of which the median counts
COUNTERS = ("tasks", "cpu_ns", "workers_cpu_ns", "wakeups")  # of grain-bench, kept beside the time


class Failed(Exception):
    """A benchmark failed: its message is a sentence."""


class Cell:
    """What one process measures. Options: more flags of grain-bench; calls: of a sample, when they are fixed."""

    def __init__(self, name, preload="", options=(), calls=0, repetitions=REPETITIONS):
        self.name, self.preload, self.options, self.calls = name, preload, tuple(options), calls
        self.repetitions = 1 if "/gap:" in name or calls else repetitions


def rank_interval(values):
    """The narrowest pair of order statistics that holds the median with 95 % or more, and its level; None for fewer
    than 6 values."""
    count, tail, found = len(values), 0.0, None
    for below in range(1, count // 2 + 1):  # the pair that leaves out below - 1 values on either side
        tail += math.comb(count, below - 1) / 2**count
        if tail > 0.025:
            break
        found = (sorted(values)[below - 1], sorted(values)[count - below], 1 - 2 * tail)
    return found


def cpu():
    """The machine, in a few words."""
    said = {"model name": "unknown CPU", "cpu family": "?", "flags": ""}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() in said:
                said[name.strip()] = value.strip()
            if not line.strip():
                break
    virtual = ", virtual machine" if "hypervisor" in said["flags"].split() else ""
    usable = len(os.sched_getaffinity(0))
    return "%s (family %s), %d usable CPUs%s" % (said["model name"], said["cpu family"], usable, virtual)


class Others:
    """How much of the CPUs other processes take from now on; steal, of other machines, counts too."""

    def __init__(self):
        self.begun = self.read()

    @staticmethod
    def read():
        """(now, CPU seconds of all, CPU seconds of this program and of what it started and has ended)."""
        with open("/proc/stat", encoding="utf-8") as file:
            ticks = [int(number) for number in file.readline().split()[1:9]]
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        busy = sum(ticks) - ticks[3] - ticks[4]  # neither idle nor waiting for a device
        return time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), sum(used.ru_utime + used.ru_stime for used in own)

    def cpus(self):
        """CPUs on the average since the beginning."""
        (now, busy, own), (then, busy_then, own_then) = self.read(), self.begun
        return max(0.0, (busy - busy_then - (own - own_then)) / max(now - then, 1e-3))


def libomp():
    """LLVM's OpenMP runtime, or "" where there is none."""
    named = os.environ.get("GRAIN_LIBOMP")
    found = [named] if named else sorted(glob.glob("/usr/lib/llvm-*/lib/libomp.so.5"))
    return found[-1] if found and os.access(found[-1], os.R_OK) else ""


def program(build):
    """The grain-bench of a build's folder, or None."""
    path = os.path.join(build, "bench", "grain-bench")
    return path if os.access(path, os.X_OK) else None


def run(bench, cell, more):
    """One process: what Google Benchmark says of the cell, a record for each sample."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("OMP_", "GOMP_", "KMP_", "GRAIN_")) and name != "LD_PRELOAD"}
    if cell.preload:
        environment["LD_PRELOAD"] = cell.preload
    only = "--benchmark_filter=^%s$" % re.escape(cell.name).replace("\\-", "-")
    command = [bench, "--grain_cell=" + cell.name, only, "--benchmark_format=json", *cell.options, *more]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    try:
        records = [r for r in json.loads(ended.stdout)["benchmarks"] if r.get("run_type", "iteration") == "iteration"]
    except (ValueError, KeyError):
        records = []
    wrong = [r["error_message"] for r in records if r.get("error_occurred")]
    if ended.returncode != 0 or not records or wrong:
        reasons = wrong or ended.stderr.strip().splitlines()[-1:] or ["no output"]
        raise Failed("%s: exit %d: %s" % (cell.name, ended.returncode, reasons[0]))
    return records


def nanoseconds(record):
    """Of one call."""
    return record["real_time"] * {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[record["time_unit"]]


def calibrate(bench, cell):
    """Fixes how many calls a sample of the cell is: 2 ms of them, 5 at least; with gaps, what grain-bench says. One of
    long calls is enough for a process."""
    if cell.calls == 0:
        record = run(bench, cell, ["--benchmark_min_time=%g" % SAMPLE_S])[0]
        cell.calls = max(CALLS, record["iterations"])
        if cell.calls * nanoseconds(record) > 1e9 * LONG_S:
            cell.repetitions = 1


def sample(bench, cell):
    """One process: the median of its samples."""
    counts = ["--grain_iterations=%d,1,1,1" % cell.calls, "--benchmark_repetitions=%d" % cell.repetitions]
    records = run(bench, cell, counts)
    return sorted(records, key=nanoseconds)[len(records) // 2]


def visit(bench, name, cells, order):
    """One round of a group: its records. ns is of a call, the mean of there and back, as are the counters beside it."""
    halves = {label: [] for label in order}
    for label in order + order[::-1]:
        halves[label].append(sample(bench, cells[label]))
    records = []
    for label in order:
        cell, pair = cells[label], halves[label]
        record = {"group": name, "label": label, "cell": cell.name, "calls": cell.calls,
                  "ns": statistics.mean(map(nanoseconds, pair))}
        record.update({key: statistics.mean(half.get(key, 0) for half in pair) for key in COUNTERS})
        records.append(record)
    return records


def measure(bench, groups, rounds, seed, say, times=(), limit_s=math.inf):
    """groups: {name: {label: Cell}}. A list of records, one for each group, label and round. say: is called with what
    is being done. times: {name: how many rounds}, of groups that are to have another number of them. No round begins
    that is likely to end later than limit_s from now."""
    begun, longest = time.monotonic(), 0.0
    draw, records, due = random.Random(seed), [], {name: dict(times).get(name, rounds) for name in groups}
    for name, cells in groups.items():
        say("calibrating %s" % name)
        for cell in cells.values():
            calibrate(bench, cell)
    for turn in range(max(due.values())):
        now = time.monotonic()
        if now + longest > begun + limit_s:
            say("%d of %d rounds in %g s" % (turn, max(due.values()), limit_s))
            break
        say("round %d of %d" % (turn + 1, max(due.values())))
        for name in draw.sample(sorted(groups), len(groups)):
            order = draw.sample(sorted(groups[name]), len(groups[name]))
            if turn < due[name]:
                records += [dict(record, round=turn) for record in visit(bench, name, groups[name], order)]
        longest = max(longest, time.monotonic() - now)
    return records


class Values:
    """What was measured, by group, label and round."""

    def __init__(self, records, key="ns"):
        self.of = {}
        for record in records:
            self.of.setdefault((record["group"], record["label"]), {})[record["round"]] = record[key]

    def groups(self):
        """In the order in which they were measured first."""
        return list(dict.fromkeys(group for group, _ in self.of))

    def rounds(self, group, label):
        """{round: value}."""
        return self.of.get((group, label), {})

    def median(self, group, label):
        """None when it was not measured."""
        values = self.rounds(group, label).values()
        return statistics.median(values) if values else None

    def ratios(self, group, label, other, wanted=lambda turn: True):
        """Round by round."""
        ours, theirs = self.rounds(group, label), self.rounds(group, other)
        return [ours[turn] / theirs[turn] for turn in sorted(ours) if turn in theirs and wanted(turn)]


def told(values, digits=2):
    """"0.95 (0.91 to 1.02)"."""
    if not values:
        return "-"
    interval = rank_interval(values)
    return "%.*f%s" % (digits, statistics.median(values),
                       " (%.*f to %.*f)" % (digits, interval[0], digits, interval[1]) if interval else "")


def level(count):
    """The level of the interval of so many values, in words."""
    interval = rank_interval(list(range(count)))
    return "%.1f %% intervals" % (100 * interval[2]) if interval else "no intervals below 6 rounds"


def story(seed, others):
    """What is to be known of a run beside its records."""
    return "%s; seed %d, other processes took %.2f CPUs meanwhile" % (cpu(), seed, others.cpus())


def save(path, what, records, told_of):
    """Writes what load() reads."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"what": what, "cpu": cpu(), "story": told_of, "records": records}, file, indent=0)
        file.write("\n")


def load(paths, what):
    """(stories, records) of one run, or of several of the same machine, whose rounds are counted on."""
    cpus, stories, records = set(), [], []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
        if said.get("what") != what:
            raise Failed("%s holds no run of %s" % (path, what))
        before = 1 + max((record["round"] for record in records), default=-1)
        records += [dict(record, round=record["round"] + before) for record in said["records"]]
        cpus.add(said["cpu"])
        stories.append(said["story"])
    if len(cpus) > 1:
        raise Failed("runs of different machines: " + "; ".join(sorted(cpus)))
    return stories, records


def say_on_stderr(name):
    """What measure() says, with a program's name in front."""
    return lambda text: print("%s: %s" % (name, text), file=sys.stderr)
