"""What tests share: a client that validates every answer, accounts to try things on, and the server as a process."""
