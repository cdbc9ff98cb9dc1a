"""docs/explanation/cost.rst stays true: every price in it follows from the list prices there and from the table of requests."""

import csv
import itertools
import re
from pathlib import Path

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.views.decorators.cache import cache_page

from s3cache.engines.obstoreclouds import AzureService, GcsService
from s3cache.engines.profiles import PROFILES

DOCS = Path(__file__).parents[1] / "docs"
COST = DOCS / "explanation" / "cost.rst"
REQUESTS = DOCS / "reference" / "requests.rst"
KINDS = {
    "GET": "GET",
    "GET of 2 KiB": "GET",
    "PUT": "PUT",
    "DELETE": "DELETE",
    "batch DELETE": "Batch DELETE",
    "listing": "Listing",
}
FEATURES = {
    "Amazon S3 Standard": PROFILES["aws"].features,
    "Amazon S3 Express One Zone": PROFILES["express"].features,
    "Cloudflare R2": PROFILES["r2"].features,
    "Google Cloud Storage": GcsService.features,
    "Azure Blob Storage": AzureService.features,
    "Backblaze B2": PROFILES["b2"].features,
    "DigitalOcean Spaces": PROFILES["spaces"].features,
    "Ceph, MinIO and others of your own": PROFILES["ceph"].features,
}
CULLING = re.compile(r", with ([\d.]+) requests for culling$")
PAGE = 1000
"""Names in a page of a listing."""


def table(path, title):
    """The csv-table of that title: the first cell of each row -> the heads and the other cells."""
    lines = path.read_text().partition(f".. csv-table:: {title}\n")[2].splitlines()
    lines = [line.strip() for line in itertools.takewhile(lambda line: not line or line.startswith(" "), lines)]
    head, *rows = csv.reader((line.removeprefix(":header: ") for line in lines if '"' in line), skipinitialspace=True)
    return {first: dict(zip(head[1:], cells, strict=True)) for first, *cells in rows}


def number(cell):
    return None if cell == "–" else float(cell.replace(",", ""))


PRICES = {store: {what: number(cell) for what, cell in row.items()} for store, row in table(COST, "List prices").items()}
OPERATIONS = table(REQUESTS, "Requests of each operation")
CHARGED = [store for store, prices in PRICES.items() if prices["GET"]]


def price(operation, store):
    """Of a million calls of an operation, or of a million of its keys or entries; None where the store has no such thing."""
    prices = PRICES[store]
    if looks := CULLING.search(operation):
        if not FEATURES[store].start_after:
            return None
        return price(CULLING.sub("", operation), store) + float(looks[1]) * prices["Listing"]
    row = OPERATIONS[operation]
    at_once = {"Batch DELETE": prices["Names in a batch"], "Listing": PAGE} if "1,000" in row["Requests"] else {}
    return sum(prices[kind] / at_once.get(kind, 1) for kind in (KINDS.get(name, name) for name in row["Which"].split(", ")))


def dollars(amount):
    if amount is None:
        return "–"
    return f"{amount:,.2f}" if amount >= 0.01 else f"{amount:.4f}" if amount else "0"


def test_a_batch_has_as_many_names_as_the_engine_sends():
    assert {store: prices["Names in a batch"] for store, prices in PRICES.items()} == {
        store: features.delete_batch for store, features in FEATURES.items()
    }


def test_the_dearest_request_stands_for_a_batch_of_unknown_price():
    for store in CHARGED:
        prices = PRICES[store]
        known = prices["Names in a batch"] == 1
        assert prices["Batch DELETE"] == (prices["DELETE"] if known else max(prices["PUT"], prices["Listing"])), store


def test_all_stores_that_charge_for_requests_are_in_the_table_of_operations():
    for row in table(COST, "Price of a million operations").values():
        assert list(row) == CHARGED
    for store in PRICES.keys() - set(CHARGED):
        assert {price(operation, store) for operation in OPERATIONS if OPERATIONS[operation]["Which"]} == {0}


@pytest.mark.parametrize("operation", table(COST, "Price of a million operations"))
def test_the_price_of_a_million_follows_from_the_list_prices(operation):
    shown = table(COST, "Price of a million operations")[operation]
    assert shown == {store: dollars(price(operation, store)) for store in CHARGED}


def meant(name):
    """The row of the table of operations that an example means."""
    rows = table(COST, "Price of a million operations")
    fitting = {"set": CULLING.search, "get_or_set": lambda row: "nothing was there" in row}
    return next(row for row in rows if f"``{name}``" in row and fitting.get(name, bool)(row))


def part(amount, what, store):
    """What one part of an example costs: millions of an operation, GB stored or GB sent out."""
    prices = {"GB": PRICES[store]["GB a month"], "GB out": PRICES[store]["GB out"]}
    return float(amount) * (prices[what] if what in prices else price(meant(what), store))


@pytest.mark.parametrize("example", table(COST, "Examples"))
def test_an_example_costs_what_its_operations_cost(example):
    row = table(COST, "Examples")[example]
    parts = [part.partition(" ") for part in row.pop("Operations").split(", ")]
    assert row == {store: dollars(sum(part(amount, what, store) for amount, _, what in parts)) for store in row}


def test_the_examples_count_right():
    month = 30 * 24 * 60 * 60
    rows = [row["Operations"] for row in table(COST, "Examples").values()]
    assert rows[0] == f"{30 * 2} get, {30 * 0.05 * 2:g} set, 10 GB"
    assert rows[1] == f"10 get_or_set, {10 * 5} get, {10e6 * 20e3 / 1e9:g} GB"
    assert rows[2] == f"{2 * 20 * month / 1e6:.2f} get"
    assert rows[3] == f"{2 * 8 / 10 * month / 1e6:.4f} get"
    assert rows[4] == f"{1000 * month / 1e6:g} incr"
    assert rows[5] == f"1 get, {1e6 * 50e3 / 1e9:g} GB out"


def test_memory_costs_what_the_text_says():
    hourly, monthly, everything = re.search(
        r"at \$([\d.]+) for .*?\$(\d+) for .*?\$([\d,]+) for all", COST.read_text(), re.S
    ).groups()
    assert round(float(hourly) * 730) == number(monthly)
    assert round(float(hourly) * 730 * 200) == number(everything)


def test_cache_page_costs_two_gets_for_a_hit_and_two_puts_for_a_page():
    """As the first example says."""
    page = cache_page(60)(lambda request: HttpResponse("a page"))
    request = RequestFactory().get("/page")
    backend = {"BACKEND": "s3cache.ObjectStoreCache", "LOCATION": "memory:///prices", "OPTIONS": {"ENGINE": "memory"}}
    with override_settings(CACHES={"default": backend}, ALLOWED_HOSTS=["testserver"]):
        page(request)
        first = cache.stats()
        page(request)
        second = cache.stats()
    assert first["requests_put"] == 2
    assert (second["requests_get"] - first["requests_get"], second["requests_put"]) == (2, 2)
