"""What the suites of whole programs share: clips, oracles, programs, players."""
