"""Real processes on bad days: jobs run while everything around them is killed, stopped, starved or replaced, by a plan that
follows from a seed. Whatever happens, each job must end with the bytes of a quiet day.

stage.py has the processes, blows.py what happens to them, jobs.py what is watched meanwhile, plan.py the course of a run.
"""
