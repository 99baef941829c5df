"""The course of a run, which follows from its seed: every kind of blow once, in some order, then again in another one."""
import collections
import random
import time

from chaos import blows
from chaos.jobs import Jobs
from chaos.stage import Stage

SETTLE_S = 900


class Outcome:
    def __init__(self, seed, seconds, counts, jobs):
        self.seed = seed
        self.seconds = seconds
        self.counts = counts
        self.jobs = jobs

    @property
    def faults(self):
        return self.jobs.faults

    def __str__(self):
        lines = [f"  {n:5}  {kind}" for kind, n in sorted(self.counts.items(), key=lambda c: (-c[1], c[0]))]
        lines += [f"FAULT: {fault}" for fault in self.faults]
        lines.append(f"seed {self.seed}, {self.seconds:.0f} s: {sum(self.counts.values())} blows; {len(self.jobs.all)} jobs, "
                     f"{self.jobs.n_lost} lost; {self.jobs.n_segments} segments compared, {self.jobs.n_wrong} wrong")
        return "\n".join(lines)


def strike(stage, jobs, plan, seconds):
    """@param seconds  0: every kind once. @return how often each hit."""
    counts = collections.Counter()
    end = time.monotonic() + seconds
    while True:
        for kind in plan.sample(sorted(blows.ALL), len(blows.ALL)):
            hit = blows.ALL[kind](stage, jobs, plan)
            counts[kind] += hit is not False
            stage.let_go()
            stage.check()
            if jobs.faults or (seconds and time.monotonic() > end):
                return counts
            time.sleep(plan.uniform(0, 0.5))
        if not seconds:
            return counts


def run(build, folder, references, seed, seconds=0, say=print):
    """One run, to its end. Its faults are in the outcome; what ended by itself is an AssertionError."""
    plan = random.Random(seed)
    began = time.monotonic()
    stage = Stage(build, folder, say)
    jobs = Jobs(stage, references, folder, random.Random(seed + 1))
    try:
        jobs.start()
        counts = strike(stage, jobs, plan, seconds)
        stage.let_go(everything=True)
        jobs.finish(SETTLE_S)
        stage.check()
        stage.stop()
        jobs.compare_again()
    finally:
        jobs.is_over = True
        jobs.thread.join()
        stage.close()
    return Outcome(seed, time.monotonic() - began, counts, jobs)
