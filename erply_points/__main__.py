"""`python -m erply_points` is the same as the `erply-points` command."""

from erply_points.cli import main

main()
