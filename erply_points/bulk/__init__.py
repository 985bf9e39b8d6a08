"""A bulk request: its envelope, what is checked before it runs, how it runs, and how it is answered."""
