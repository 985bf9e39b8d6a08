"""Erply's calls, a module per resource. Synchronous functions over the unit of work; no HTTP, no SQL."""
