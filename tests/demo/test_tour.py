import pytest

from s3cache.demo.tour import Round, Visit, choose_paths, complaints, text_of


def visit(path="/", source="computed", digest=b"same"):
    return Visit(path, source, 1.0, 100, digest)


def rounds(cold="computed", warm="cache", again="computed", warm_digest=b"same"):
    return [
        Round("cold", "computed", [visit(source=cold)]),
        Round("warm", "cache", [visit(source=warm, digest=warm_digest)]),
        Round("cold again", "computed", [visit(source=again)]),
    ]


def test_a_tour_as_it_must_be_has_no_complaints():
    assert list(complaints(rounds())) == []


@pytest.mark.parametrize("wrong", [{"cold": "cache"}, {"warm": "computed"}, {"again": "cache"}, {"warm": ""}])
def test_a_page_from_the_wrong_source_is_a_complaint(wrong):
    (complaint,) = complaints(rounds(**wrong))
    assert "expected" in complaint


def test_a_page_that_changed_on_its_way_through_the_cache_is_a_complaint():
    (complaint,) = complaints(rounds(warm_digest=b"other"))
    assert "warm: / differs" in complaint


@pytest.mark.parametrize("count", [3, 4, 10, 60])
def test_the_tour_visits_as_many_different_pages_as_asked(count):
    paths = choose_paths(count)
    assert len(set(paths)) == count
    assert {"/", "/search/?q=read_text", "/module/pydoc_data.topics/"} <= set(paths)


def test_an_error_page_is_quoted_without_its_tags():
    assert text_of(b"<title>t</title><main><h1>Not  found</h1><p>No page.</p></main>") == "Not found No page."
    assert text_of(b"<h1>Bad Request</h1>") == "Bad Request"
