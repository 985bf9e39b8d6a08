"""The server as a process by the name that the tests know: the one that users' tests start."""

from erply_points.testing.server import ServerProcess

__all__ = ["ServerProcess"]
