"""The contract by the name that the tests know."""

from erply_points.contract.reference import ReferenceValidator, check_answer, reference

__all__ = ["ReferenceValidator", "check_answer", "reference"]
