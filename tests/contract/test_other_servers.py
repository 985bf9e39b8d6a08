"""Servers of another make are judged fairly: what Erply does not promise, they do not owe."""

from contract.judging import Run, failed
from erply_points.contract.results import Outcome
from support.process import ServerProcess
from support.proxy import Answer, Proxy, parts, records


def another_make(answer: Answer) -> None:
    """As a server without our extensions answers, and as Erply has been seen to."""
    for each in (answer, *parts(answer)):
        status = each["status"]
        status.pop("errorMessage", None)
        if status.get("errorField", "x") is None:
            del status["errorField"]
        if status["errorCode"] and each.get("records", "x") is None:
            del each["records"]
    if answer["status"]["errorCode"] and "requests" not in answer and "records" not in answer:
        answer["requests"] = None
    for record in records(answer, "getServiceEndpoints"):
        record["pos"] = record.pop("erply-points")
    for record in records(answer, "getCustomers"):
        for name in ("twitterID", "eInvoiceEmail", "fax"):
            record.pop(name, None)
        record["loyaltyTier"] = "gold"


def test_a_server_without_our_extensions_passes(server: ServerProcess, run: Run) -> None:
    """Nothing fails for what only we have; those cases are not checked, and what it leaves out is listed."""
    with Proxy(server.url, another_make) as proxy:
        report = run(proxy.url)
    assert failed(report) == set()
    assert not report.with_extensions
    ours = {result.case.name for result in report.results if result.case.basis == "ours"}
    not_checked = {result.case.name for result in report.of(Outcome.NOT_CHECKED)}
    assert ours <= not_checked
    assert len(ours) >= 20
    assert report.left_out == {
        "getCustomers": ["eInvoiceEmail", "fax", "twitterID"],
        "getServiceEndpoints": ["erply-points"],
    }


def test_a_server_that_must_have_our_extensions_fails_for_what_is_missing(server: ServerProcess, run: Run) -> None:
    """Asked for extensions, the same answers are held to our schemas in full."""
    with Proxy(server.url, another_make) as proxy:
        report = run(proxy.url, extensions=True, only="Customers")
    assert "customer-is-listed" in failed(report)
    (result,) = (each for each in report.results if each.case.name == "customer-is-listed")
    assert result.findings[0].path in {f"records[0].{name}" for name in ("twitterID", "eInvoiceEmail", "fax")}
    assert (result.findings[0].expected, result.findings[0].came) == ("a value", "nothing")


def test_wrong_types_are_no_matter_of_make(server: ServerProcess, run: Run) -> None:
    """A field that is there has its documented type, whoever sends it."""

    def change(answer: Answer) -> None:
        another_make(answer)
        for record in records(answer, "getCustomers"):
            record["customerID"] = str(record["customerID"])

    with Proxy(server.url, change) as proxy:
        report = run(proxy.url, only="Customers")
    (result,) = (each for each in report.results if each.case.name == "customer-is-listed")
    assert [finding.sentence for finding in result.findings] == [
        f"found: records[0].customerID: expected type integer, came {result.findings[0].came}"
    ]


def test_what_a_case_relies_on_must_be_there(server: ServerProcess, run: Run) -> None:
    """A field may be left out, but not one that a promise is about."""

    def change(answer: Answer) -> None:
        another_make(answer)
        for record in records(answer, "subtractCustomerRewardPoints"):
            del record["transactionID"]

    with Proxy(server.url, change) as proxy:
        report = run(proxy.url, only="Points")
    (result,) = (each for each in report.results if each.case.name == "redemption-is-listed")
    assert [finding.sentence for finding in result.findings] == [
        "redeem: transactionID: expected a value, came nothing"
    ]


def test_rights_and_modules_that_are_missing_are_no_fault(server: ServerProcess, run: Run) -> None:
    """1006 and 1060 to 1064 speak of the account and its user: those cases are not checked, with call and code."""

    def change(answer: Answer) -> None:
        for each in parts(answer):
            name = each["status"].get("requestName", each["status"].get("request"))
            code = {"savePayment": 1061, "getGiftCards": 1060, "saveCoupon": 1006}.get(name)
            if code and each["status"]["errorCode"] == 0:
                counts = {"recordsTotal": 0, "recordsInResponse": 0}
                error = {"responseStatus": "error", "errorCode": code, "errorField": None, "errorMessage": "No."}
                each["status"] |= counts | error
                each["records"] = None

    with Proxy(server.url, change) as proxy:
        report = run(proxy.url)
    assert failed(report) == set()
    assert report.reasons["the user may not add with savePayment (1061)"] >= 5
    assert report.reasons["the user may not view what getGiftCards lists (1060)"] >= 3
    assert report.reasons["the account lacks the module for saveCoupon (1006)"] >= 5
