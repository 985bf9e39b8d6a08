"""The contract kit: does a server that claims to speak Erply's protocol keep it? Cases are data, in `cases/`.

It knows the server from the wire only, so it can be pointed at any; of ours it uses nothing but the schemas. How to run
it and how to write cases: docs/contract.md. How answers are judged: decisions 0033 and 0034.
"""
