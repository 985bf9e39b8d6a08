"""What the server itself writes on a sales document: its `marks`, one of the stored fields, which no caller sees.

- Links: which records refer to the document. They are written down where they are made, so that a deletion need not
  look for them.
- `creditedInFull`: 1 if nothing of the document is left to be credited.
- `pointsPerUnit`: the rate at which it earned, a decimal; absent from what earns nothing.

A document whose marks change counts as changed: its record shows most of them. Rules:
docs/decisions/0020-what-refers-to-a-document.md.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from erply_points.calls import fields
from erply_points.calls.call import Context
from erply_points.store.rows import Document

MARKS: Final = "marks"

Link = Literal["documents", "giftCards", "issuedCoupons", "redeemedCoupons"]
"""What refers to a document: those made from it or crediting it, cards sold or used on it, coupons issued with it or
used on it."""


def marks_of(document: Document) -> dict[str, Any]:
    marks: dict[str, Any] = fields.load(document.fields).get(MARKS, {})
    return marks


def marked(document: Document, **changes: Any) -> Document:
    """The document with these marks beside its others; a mark of 0 or without content is none."""
    stored = fields.load(document.fields)
    marks = {name: value for name, value in {**stored.pop(MARKS, {}), **changes}.items() if value}
    return document._replace(fields=fields.dump({**stored, MARKS: marks} if marks else stored))


def mark(context: Context, document: Document, **changes: Any) -> None:
    """Write marks on a document that is there."""
    by = context.user.username if context.user else ""
    changed = marked(document, **changes)._replace(changed_at=context.now, changed_by=by)
    context.work.documents.put(document.id, changed)


def linked(document: Document, kind: Link) -> list[int]:
    """The IDs of the records of one kind that refer to the document, in the order in which they came to do so."""
    ids: list[int] = marks_of(document).get(kind, [])
    return ids


def link(context: Context, kind: Link, record_id: int, before: Iterable[int], after: Iterable[int]) -> None:
    """Write down that a record, which referred to the documents `before`, refers to those `after`. 0 is none."""
    old, new = set(before) - {0}, set(after) - {0}
    for document_id in sorted(old ^ new):
        document = context.work.documents.get(document_id)
        if document is not None:
            others = [each for each in linked(document, kind) if each != record_id]
            mark(context, document, **{kind: [*others, record_id] if document_id in new else others})


def source_ids(stored: Mapping[str, Any]) -> list[int]:
    """The documents that a document was made from, as its stored fields name them."""
    return fields.id_list(f"{stored.get('baseDocumentID') or ''},{stored.get('baseDocumentIDs', '')}")


def base_ids(document: Document) -> list[int]:
    """The documents that a document was made from, and the one that it credits."""
    credited = [document.credited_document_id] if document.credited_document_id else []
    return list(dict.fromkeys([*source_ids(fields.load(document.fields)), *credited]))
