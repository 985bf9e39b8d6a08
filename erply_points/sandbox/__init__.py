"""What a sandbox adds to the server: a clock, faults and a log for each account. No HTTP; wired by `app` on request."""
