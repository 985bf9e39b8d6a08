"""For teams that test against a real server: a pytest plugin, and what it hands to tests. See docs/testing.md.

Whoever has the package installed loads the plugin with pytest, so nothing is imported here that takes time.
"""

from erply_points.testing.errors import AnswerLost, ErplyError, InvalidAnswer, SandboxError

__all__ = ["AnswerLost", "ErplyError", "InvalidAnswer", "SandboxError"]
