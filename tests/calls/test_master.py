"""What all master data share: names, and the IDs that `strict_products` holds to it."""

from typing import Any

import pytest

from erply_points.accounts import settings
from erply_points.accounts.rights import ALL_RIGHTS
from erply_points.calls.call import Context
from erply_points.calls.master import TableName, check_known, name_of
from erply_points.calls.refusals import UnknownID
from erply_points.store.rows import Master, Product
from erply_points.store.unit_of_work import NotLoaded, UnitOfWork

REFERENCES: dict[str, TableName] = {
    "pointOfSaleID": "points_of_sale",
    "employeeID": "employees",
    "productID": "products",
    "campaignIDs": "campaigns",
}


def context(strict: str) -> Context:
    """An account where number 1 of everything is known, 2 is not, and 3 has not been looked for."""
    work = UnitOfWork()
    row = Master(1, "", "", 0, 0, "{}")
    for table in (work.points_of_sale, work.employees, work.campaigns):
        table.rows.update({1: row, 2: None})
    work.products.rows.update({1: Product(1, "", "", "", "0", 0, 1, 0, 0, 0, "{}"), 2: None})
    return Context(
        account_code="a",
        settings=settings.parse({"strict_products": strict}),
        stored_settings={},
        work=work,
        now=0,
        session=None,
        user=None,
        rights=ALL_RIGHTS,
        session_key="",
        client_address="",
    )


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({}, None),
        ({"pointOfSaleID": 1, "employeeID": 1, "productID1": 1, "productID12": 1, "campaignIDs3": "1, 1"}, None),
        ({"pointOfSaleID": 0, "productID1": 0, "campaignIDs1": ""}, None),
        ({"warehouseID": 2, "productGroupID1": 2, "myproductID1": 2}, None),
        ({"pointOfSaleID": 2}, "pointOfSaleID"),
        ({"employeeID": 2}, "employeeID"),
        ({"employeeID1": 1, "employeeID2": 2}, "employeeID2"),
        ({"productID1": 1, "productID7": 2}, "productID7"),
        ({"campaignIDs1": "1,2"}, "campaignIDs1"),
        ({"campaignIDs": "2"}, "campaignIDs"),
        ({"productID1": 2, "pointOfSaleID": 2}, "productID1"),
    ],
)
def test_known_ids(params: dict[str, Any], field: str | None) -> None:
    """With `strict_products` an ID that master data lacks is refused under the name it was sent by; without, never."""
    check_known(context("0"), params, REFERENCES)
    if field is None:
        check_known(context("1"), params, REFERENCES)
    else:
        with pytest.raises(UnknownID) as refused:
            check_known(context("1"), params, REFERENCES)
        assert refused.value.field == field


def test_ids_that_were_not_read() -> None:
    """An ID that has not been looked for yet is asked for, not refused."""
    with pytest.raises(NotLoaded):
        check_known(context("1"), {"productID1": 3}, REFERENCES)


@pytest.mark.parametrize(
    ("params", "before", "name"),
    [
        ({}, "", ""),
        ({}, "Old", "Old"),
        ({"name": "New"}, "Old", "New"),
        ({"name": " "}, "Old", ""),
        ({"name": "", "nameENG": "English"}, "Old", "English"),
        ({"name": "New", "nameENG": "English"}, "", "New"),
        ({"nameENG": "English"}, "Old", "English"),
        ({"nameEST": "Eesti"}, "Old", "Old"),
        ({"nameEST": "", "nameFIN": "Suomi"}, "", "Suomi"),
        ({"name": "", "nameEST": "Eesti"}, "Old", "Eesti"),
    ],
)
def test_names(params: dict[str, Any], before: str, name: str) -> None:
    """The name is what was sent as such, or in English, or as it was, or in any language."""
    assert name_of(params, before) == name
