"""erply-points: Erply's bulk API for loyalty points, on an exact and durable ledger."""

__version__ = "0.1.0"
