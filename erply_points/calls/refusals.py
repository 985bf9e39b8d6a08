"""What a call refuses, one type per refusal. The table from type to Erply's code is in `bulk/errors.py`.

Refusal(field, message)
  RequiredMissing   a required parameter is missing
  InvalidFormat     a value of the wrong type or form
  ArrayGiven        a list where a single value belongs
  InvalidValue      well-formed, but not allowed
  UnknownID         an ID that refers to nothing
  NotUnique         a value that another record has
  Inconsistent      parameters that contradict each other
  AlreadyConfirmed  a confirmed document keeps its contents
  TypeFixed         a confirmed document keeps its type
  SourcesDiffer     source documents of several types or customers
  WrongSource       a source document that is itself an invoice
  DuplicateUUID     a document with this temporaryUUID exists
  EarnsNoPoints     the customer collects no points
  CredentialMissing, LoginFailed, UserBlocked, PinLogin  at log-in
"""

from dataclasses import dataclass


@dataclass
class Refusal(Exception):
    """A sub-request that cannot be done. `field` is the parameter at fault, `message` one plain sentence."""

    field: str | None
    message: str


class RequiredMissing(Refusal):
    pass


class InvalidFormat(Refusal):
    pass


class ArrayGiven(Refusal):
    pass


class InvalidValue(Refusal):
    pass


class UnknownID(Refusal):
    pass


class NotUnique(Refusal):
    pass


class Inconsistent(Refusal):
    pass


class AlreadyConfirmed(Refusal):
    pass


class TypeFixed(Refusal):
    pass


class SourcesDiffer(Refusal):
    pass


class WrongSource(Refusal):
    pass


class DuplicateUUID(Refusal):
    pass


class EarnsNoPoints(Refusal):
    pass


class CredentialMissing(Refusal):
    pass


class LoginFailed(Refusal):
    pass


class UserBlocked(Refusal):
    pass


class PinLogin(Refusal):
    pass
