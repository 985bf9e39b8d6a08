"""The points rules, pure: facts in, decisions out. No I/O, no clock, no JSON, nothing of ours imported."""
