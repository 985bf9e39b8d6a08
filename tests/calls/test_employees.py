"""saveEmployee and getEmployees."""

from typing import Any

import pytest

from calls.test_stored_fields import lost, stored
from erply_points import schemas
from erply_points.accounts import administration
from erply_points.accounts.rights import Rights
from erply_points.app import stores_of
from support.client import Record
from support.shop import Shop

USER_FIELDS = {"userID", "username", "userGroupID"}


async def saved(shop: Shop, **params: Any) -> int:
    employee_id: int = (await shop.record("saveEmployee", **params))["employeeID"]
    return employee_id


async def without_user(shop: Shop) -> int:
    """A new employee whom no user of the account is."""
    while True:
        employee_id = await saved(shop, lastName="Maasikas")
        if not USER_FIELDS & (await read(shop, employee_id)).keys():
            return employee_id


async def read(shop: Shop, employee_id: int) -> Record:
    return await shop.record("getEmployees", employeeID=employee_id)


async def found(shop: Shop, **params: Any) -> list[int]:
    return [int(record["employeeID"]) for record in await shop.records("getEmployees", **params)]


async def test_an_employee_without_particulars(shop: Shop) -> None:
    """A new employee is given back with each field and its JSON type: the number is text here, a number when saved."""
    number = await without_user(shop)
    assert type(number) is int
    texts = ("firstName", "phone", "mobile", "email", "fax", "code", "gender", "pointsOfSale", "notes")
    assert await read(shop, number) == {
        "employeeID": str(number),
        "fullName": "Maasikas",
        "employeeName": "Maasikas",
        "lastName": "Maasikas",
        **dict.fromkeys(texts, ""),
        "warehouses": [],
        "birthday": "0000-00-00",
        "jobTitleID": 0,
        "added": int(shop.clock.now),
        "lastModified": int(shop.clock.now),
        "attributes": [],
    }


async def test_what_is_stored(shop: Shop) -> None:
    """An employee comes back with every stored field, and with those that are also searched by."""
    used = {"firstName": "Mari", "lastName": "Maasikas", "email": "mari@example.com", "birthday": "1990-04-15"}
    sent = {**stored("saveEmployee"), **used}
    named = schemas.call_request("saveEmployee")["properties"].keys()
    assert set(sent) == named - {"employeeID", "fullName"}
    assert lost("saveEmployee", sent, await read(shop, await saved(shop, **sent))) == {}


@pytest.mark.parametrize(
    ("first", "then", "names"),
    [
        ({"firstName": "Mari", "lastName": "Maasikas"}, {}, ("Mari", "Maasikas", "Mari Maasikas")),
        ({"fullName": "Mari M. Maasikas"}, {}, ("", "", "Mari M. Maasikas")),
        ({"firstName": " Mari "}, {}, (" Mari ", "", "Mari")),
        ({"firstName": "M", "fullName": "Mari"}, {}, ("M", "", "Mari")),
        ({"firstName": "Mari", "lastName": "Maasikas"}, {"lastName": "Kask"}, ("Mari", "Kask", "Mari Kask")),
        ({"firstName": "Mari", "lastName": "Maasikas"}, {"fullName": "M. M."}, ("Mari", "Maasikas", "M. M.")),
        ({"fullName": "Mari Maasikas"}, {"phone": "1"}, ("", "", "Mari Maasikas")),
        ({"fullName": "Mari Maasikas"}, {"fullName": " "}, ("", "", "Mari Maasikas")),
        ({"lastName": "Maasikas"}, {"lastName": ""}, ("", "", "Maasikas")),
    ],
)
async def test_names(shop: Shop, first: dict[str, str], then: dict[str, str], names: tuple[str, str, str]) -> None:
    """The whole name is what was sent as such, or made of the parts; an employee never loses it."""
    number = await saved(shop, **first)
    await saved(shop, employeeID=number, **then)
    record = await read(shop, number)
    assert (record["firstName"], record["lastName"], record["fullName"]) == names
    assert record["employeeName"] == record["fullName"]


async def test_an_edit_keeps_what_it_does_not_name(shop: Shop) -> None:
    """Saving one field leaves all others as they were; an empty text clears."""
    number = await saved(
        shop, **stored("saveEmployee"), firstName="A", lastName="B", birthday="1990-04-15", email="a@b.c",
        attributeName1="a", attributeValue1="b",
    )  # fmt: skip
    before = await read(shop, number)
    shop.clock.advance(100)
    for change, changed in (
        ({"phone": "1"}, {"phone": "1"}),
        ({"email": ""}, {"email": ""}),
        ({"code": "E-5"}, {"code": "E-5"}),
        ({"code": ""}, {"code": ""}),
        ({"birthday": ""}, {"birthday": "0000-00-00"}),
        ({"birthday": "1991-01-01"}, {"birthday": "1991-01-01"}),
        ({"jobTitleID": 0}, {"jobTitleID": 0}),
    ):
        before = {**before, **changed, "lastModified": int(shop.clock.now)}
        assert await saved(shop, employeeID=number, **change) == number
        assert await read(shop, number) == before


async def test_filters(shop: Shop) -> None:
    """Each filter finds the employees who fit, and all filters must hold together."""
    first = await saved(shop, firstName="Mari", lastName="Maasikas", email="mari@example.com", birthday="1990-01-05")
    shop.clock.advance(100)
    now = int(shop.clock.now)
    second = await saved(shop, fullName="Jüri Õunapuu", phone="5550", birthday="1985-12-24")
    third = await saved(shop, lastName="100%", mobile="5551", attributeName1="a", attributeValue1="b")
    for params, expected in (
        ({"employeeID": second}, [second]),
        ({"employeeID": 99}, []),
        ({"searchName": "MAAS"}, [first]),
        ({"searchName": "ari m"}, [first]),
        ({"searchName": "@example"}, [first]),
        ({"searchName": "555"}, [second, third]),
        ({"searchName": "5551"}, [third]),
        ({"searchName": "%"}, [third]),
        ({"usernameOrEmail": "mari@example.com"}, [first]),
        ({"usernameOrEmail": "mari"}, []),
        ({"userGroupID": 77}, []),
        ({"birthdayMonthDayFrom": "12-01"}, [second]),
        ({"birthdayMonthDayTo": "01-31"}, [first]),
        ({"birthdayMonthDayFrom": "12-01", "birthdayMonthDayTo": "01-31"}, [first, second]),
        ({"birthdayMonthDayFrom": "01-06", "birthdayMonthDayTo": "12-23"}, []),
        ({"searchAttributeName": "a", "searchAttributeValue": "b"}, [third]),
        ({"changedSince": now}, [1, second, third]),  # The user's own employee was made by the machine's clock.
        ({"searchName": "555", "birthdayMonthDayFrom": "12-01"}, [second]),
    ):
        assert await found(shop, **params) == expected, params


async def test_employees_with_a_user(shop: Shop) -> None:
    """An employee whose user can log in is shown with that user, and found by it."""
    me = await shop.record("getSessionKeyUser")
    number = int(me["employeeID"])
    stranger = await without_user(shop)
    while number not in await found(shop):
        await saved(shop, lastName="x")
    record = await read(shop, number)
    assert {name: record[name] for name in USER_FIELDS} == {
        "userID": me["userID"],
        "username": "till",
        "userGroupID": me["groupID"],
    }
    assert record["warehouses"] == []
    assert await found(shop, usernameOrEmail="till") == [number]
    by_group = await found(shop, userGroupID=me["groupID"])
    assert number in by_group
    assert stranger not in by_group


async def test_employees_of_a_store(shop: Shop) -> None:
    """An employee may work in the stores that the user is limited to, or in all there are."""
    for name in ("First", "Second", "Third"):
        await shop.record("saveWarehouse", name=name)
    user_id = await administration.create_user(
        stores_of(shop.settings), shop.code, "limited", "secret", rights=Rights(warehouses=frozenset({1, 3}))
    )
    stranger = await without_user(shop)
    shown = await shop.records("getEmployees")
    (record,) = [each for each in shown if each.get("userID") == str(user_id)]
    limited = int(record["employeeID"])
    assert record["warehouses"] == [{"id": 1}, {"id": 3}]
    for warehouse_id, may in {1: True, 2: False, 3: True, 13: False}.items():
        of_store = await found(shop, warehouseID=warehouse_id)
        assert (limited in of_store) == may, warehouse_id
        assert (stranger in of_store) == (warehouse_id <= 3), warehouse_id


async def test_orders_and_pages(shop: Shop) -> None:
    """Employees come by number, name or last change, in pages of 20 by default and 100 at most."""
    for name in ("b", "c", "a"):
        await saved(shop, lastName=name)
        shop.clock.advance(10)
    await saved(shop, employeeID=2, phone="1")
    await saved(shop, employeeID=1, lastName="d")  # The user's own employee.
    assert await found(shop) == [1, 2, 3, 4]
    for by, expected in {"employeeID": [1, 2, 3, 4], "name": [4, 2, 3, 1]}.items():
        assert await found(shop, orderBy=by) == expected
        assert await found(shop, orderBy=by, orderByDir="desc") == expected[::-1]
    await shop.codes([{"requestName": "saveEmployee", "lastName": "d"}] * 97)
    assert len(await found(shop)) == 20
    assert len(await found(shop, recordsOnPage=500)) == 100
    assert await found(shop, recordsOnPage=100, pageNo=2) == [101]
    assert (await shop.call("getEmployees"))["status"]["recordsTotal"] == 101


@pytest.mark.parametrize(
    ("call", "sent", "error"),
    [
        ("saveEmployee", {}, (1010, "lastName")),
        ("saveEmployee", {"firstName": " ", "lastName": "", "phone": "1"}, (1010, "lastName")),
        ("saveEmployee", {"employeeID": 0, "email": "a@b.c"}, (1010, "lastName")),
        ("saveEmployee", {"employeeID": 99}, (1011, "employeeID")),
        ("saveEmployee", {"employeeID": "x"}, (1010, "lastName")),
        ("saveEmployee", {"lastName": "x", "birthday": "1990-02-30"}, (1014, "birthday")),
        ("saveEmployee", {"lastName": "x", "birthday": "5.1.1990"}, (1014, "birthday")),
        ("saveEmployee", {"lastName": "x" * 256}, (1014, "lastName")),
        ("saveEmployee", {"lastName": "x", "jobTitleID": -1}, (1016, "jobTitleID")),
        ("saveEmployee", {"lastName": "x", "attributeValue1": "y"}, (1013, "attributeName1")),
        ("getEmployees", {"orderBy": "birthday"}, (1016, "orderBy")),
        ("getEmployees", {"birthdayMonthDayFrom": "13-01"}, (1014, "birthdayMonthDayFrom")),
        ("getEmployees", {"employeeID": "1 OR 1=1"}, (1014, "employeeID")),
    ],
)
async def test_bad_input(shop: Shop, call: str, sent: dict[str, Any], error: tuple[int, str]) -> None:
    """An employee who cannot be saved names the parameter at fault, and nothing is kept."""
    before = await found(shop)
    assert await shop.error(call, **sent) == error
    assert await found(shop) == before
