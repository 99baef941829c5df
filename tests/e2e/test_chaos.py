"""Real processes on bad days, in short: each kind of trouble once (tests/e2e/chaos; script/chaos does it for longer)."""
from chaos import plan
from chaos.jobs import Reference

SEED = 4


def test_whatever_happens_the_bytes_are_those_of_a_quiet_day(build, clip, presentation, tmp_path):
    references = [Reference(clip(name).path, ("--preset", 12, "--segment-seconds", clip(name).segment_seconds), presentation(name))
                  for name in ("film", "silent")]
    outcome = plan.run(build, tmp_path, references, SEED)
    print(outcome)
    assert outcome.faults == []
    assert all(outcome.counts.values()), "one of the blows hit nothing"
