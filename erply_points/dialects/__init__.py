"""Other dialects of the points API, over the ledger that Erply's calls use: Capillary's and fabric's. No HTTP."""
