import re

import pytest

from s3cache.demo.tour import BANNER, TOKEN

pytestmark = pytest.mark.once


def source_of(response):
    return response.headers["X-Cache"].partition(";")[0]


def banner_of(response):
    return BANNER.search(response.content)[0].decode()


@pytest.mark.parametrize("path", ["/", "/search/?q=read_text", "/module/keyword/", "/module/email.mime.text/"])
def test_a_page_is_computed_once_and_then_comes_from_the_cache_unchanged(site, path):
    first, second = site.get(path), site.get(path)
    assert (source_of(first), source_of(second)) == ("computed", "cache")
    assert BANNER.sub(b"", first.content) == BANNER.sub(b"", second.content)


def test_the_banner_of_a_computed_page_says_so(site):
    page = site.get("/module/keyword/")
    assert "Computed" in banner_of(page)
    assert page.headers["X-Compute-Ms"]


def test_the_banner_of_a_cached_page_still_knows_what_computing_took(site):
    first, second = site.get("/module/keyword/"), site.get("/module/keyword/")
    assert "From the cache" in banner_of(second)
    assert second.headers["X-Compute-Ms"] == first.headers["X-Compute-Ms"]


def test_the_page_about_the_cache_is_never_kept(site):
    pages = [site.get("/cache/") for _ in range(2)]
    assert [source_of(page) for page in pages] == ["uncached", "uncached"]
    assert "never kept" in banner_of(pages[1])


@pytest.mark.parametrize(
    "path", ["/", "/search/", "/search/?q=read_text", "/module/keyword/", "/module/no_such_module/", "/cache/"]
)
def test_every_page_has_exactly_one_banner_and_its_full_length(site, path):
    page = site.get(path)
    assert len(BANNER.findall(page.content)) == 1
    assert int(page.headers["Content-Length"]) == len(page.content)


def test_browsers_are_told_to_ask_again_for_each_page(site):
    site.get("/module/keyword/")
    page = site.get("/module/keyword/")
    assert page.headers["Cache-Control"] == "no-store"
    assert "Expires" not in page.headers


def test_no_page_loads_anything_from_elsewhere(site):
    for path in ("/", "/search/?q=read_text", "/module/keyword/", "/cache/", "/demo.css"):
        text = site.get(path).content.decode()
        assert 'src="' not in text and "@import" not in text and "url(http" not in text
        assert 'href="http' not in text


def test_a_page_of_more_than_a_megabyte_comes_back_from_the_cache(site):
    first, second = site.get("/module/_pydecimal/"), site.get("/module/_pydecimal/")
    assert len(first.content) > 1_000_000
    assert source_of(second) == "cache"


def test_a_module_that_is_not_there_is_a_404(site):
    page = site.get("/module/no_such_module/")
    assert page.status_code == 404
    assert b"no module no_such_module" in page.content


def test_a_search_leads_to_the_definition(site):
    assert re.search(rb'href="/module/pathlib[.\w]*/#Path.read_text"', site.get("/search/?q=path.read_text").content)


def test_a_search_for_nothing_known_says_so(site):
    assert b"No class or function" in site.get("/search/?q=<nothing>").content


def test_what_was_searched_for_is_escaped(site):
    assert b"<nothing>" not in site.get("/search/?q=<nothing>").content


def test_the_button_that_clears_needs_a_post(site):
    site.get("/module/keyword/")
    assert site.get("/cache/clear/").status_code == 405
    assert source_of(site.get("/module/keyword/")) == "cache"


def test_the_button_that_clears_needs_the_csrf_token(site):
    site.get("/module/keyword/")
    assert site.post("/cache/clear/").status_code == 403
    assert source_of(site.get("/module/keyword/")) == "cache"


def test_the_button_clears_and_leads_back(site):
    site.get("/module/keyword/")
    token = TOKEN.search(site.get("/cache/").content.decode())[1]
    answer = site.post("/cache/clear/", {"csrfmiddlewaretoken": token})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/cache/?cleared")
    assert b"The cache was cleared" in site.get("/cache/?cleared").content
    assert source_of(site.get("/module/keyword/")) == "computed"


def test_the_page_about_the_cache_says_what_each_object_is(site):
    site.get("/module/email.mime.text/")
    site.get("/search/?q=read_text")
    text = site.get("/cache/").content.decode()
    for what in ("email.mime.text", "which headers it varies on", "module-list", "package-list", "search-index"):
        assert what in text
    assert "written by another process" not in text


def test_the_page_about_the_cache_plots_the_pages_that_were_visited(site):
    assert "<svg" not in site.get("/cache/").content.decode()
    for _ in range(2):
        site.get("/module/keyword/")
    text = site.get("/cache/").content.decode()
    assert '<a href="/module/keyword/">' in text
    assert text.count('class="computed"') - text.count('<span class="computed"') == 1


@pytest.mark.parametrize("order", ["size", "age", "page", "nonsense"])
def test_the_stored_objects_are_listed_in_any_order(site, order):
    site.get("/module/keyword/")
    assert site.get("/cache/", {"order": order}).status_code == 200


def test_a_host_that_is_not_ours_is_refused(site):
    assert site.get("/", headers={"host": "elsewhere.example"}).status_code == 400


@pytest.mark.parametrize("engine", ["tests.demo.away.AwayEngine"])
def test_a_store_that_does_not_answer_is_a_page_that_says_so(site):
    page = site.get("/module/keyword/")
    assert page.status_code == 503
    assert b"The store is away." in page.content


@pytest.mark.parametrize("engine", ["tests.demo.away.AwayEngine"])
def test_the_page_of_a_store_that_does_not_answer_has_neither_banner_nor_module_list(site):
    page = site.get("/module/keyword/")
    assert not BANNER.search(page.content)
    assert b"<!--" not in page.content
    assert b"module-list" not in page.content


def test_only_a_page_with_a_module_list_has_a_column_for_it(site):
    stylesheet = site.get("/demo.css").content.decode()
    first, second = re.findall(r"^(\.columns.*?) \{.*grid-template-columns: ([^;]+);", stylesheet, re.MULTILINE)[:2]
    assert first == (".columns", "minmax(0, 1fr)")
    assert second == (".columns:has(> .modules)", "14rem minmax(0, 1fr)")
    assert b'class="panel modules"' in site.get("/cache/").content


def test_a_button_for_each_list_opens_it_on_a_small_screen(site):
    text = site.get("/module/keyword/").content.decode()
    for opened in ("module-list", "page-contents"):
        assert f'popovertarget="{opened}"' in text and f'id="{opened}"' in text
