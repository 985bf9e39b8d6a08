"""The records that parameters name: a customer, a document."""

from erply_points.calls.call import DEFAULT_CURRENCY, Context, Params
from erply_points.calls.refusals import UnknownID
from erply_points.store.rows import Customer


def check_customer(context: Context, customer_id: int) -> None:
    """Raise UnknownID unless there is such a customer."""
    if context.work.wallets.get((customer_id, DEFAULT_CURRENCY)) is None:
        customer_of(context, customer_id)


def customer_of(context: Context, customer_id: int, field: str = "customerID") -> Customer:
    customer = context.work.customers.get(customer_id)
    if customer is None:
        raise UnknownID(field, f"There is no customer {customer_id}.")
    return customer


def document_of(context: Context, params: Params, field: str = "invoiceID") -> int:
    """The document that `field` names, 0 for none. The dispatcher has resolved CURRENT_INVOICE_ID."""
    document_id: int = params.get(field, 0)
    if document_id and context.work.documents.get(document_id) is None:
        raise UnknownID(field, f"There is no sales document {document_id}.")
    return document_id
