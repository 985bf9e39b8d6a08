"""Where an account's rows are kept: what a store promises, and the stores that keep the promise.

Nothing outside this package knows which database it is.
"""
