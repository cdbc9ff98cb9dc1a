"""An entry written by any S3 engine belongs to every other, too: for tests on moto, and on the servers of ``integration``.

Subclass ``InterchangeContract`` and give it a fixture named ``open_cache``: ``open_cache(engine, prefix, **options)`` makes a cache
with that ENGINE under that prefix, in one bucket for all engines.
"""

import itertools
import secrets

import pytest

from s3cache.engines import S3_ENGINES

VALUES = {"text": "text", "bytes": b"\0bytes", "none": None, "object": {"list": [1, 2.5, ("tuple",)]}, "large": "x" * 100_000}


@pytest.mark.parametrize(("writer", "reader"), list(itertools.permutations(S3_ENGINES, 2)))
class InterchangeContract:
    @pytest.fixture
    def open_pair(self, open_cache, writer, reader):
        """Makes the two caches, over the same objects."""
        prefix = f"interchange/{secrets.token_hex(8)}"
        return lambda **options: (open_cache(writer, prefix, **options), open_cache(reader, prefix, **options))

    @pytest.fixture
    def pair(self, open_pair):
        return open_pair()

    def test_it_reads_what_the_other_wrote(self, open_pair):
        written, read = open_pair(COMPRESSOR="zlib")
        written.set_many(VALUES)
        assert read.get_many(VALUES) == VALUES

    def test_it_finds_what_the_other_wrote(self, pair):
        written, read = pair
        written.set("key", "value")
        assert read.has_key("key")
        assert not read.add("key", "another value")
        assert written.get("key") == "value"

    def test_it_touches_what_the_other_wrote(self, pair):
        written, read = pair
        written.set("key", "value", timeout=None)
        assert read.touch("key", 1000)
        assert written.get("key") == "value"
        assert read.touch("key", 0)
        assert written.get("key") is None

    def test_it_tells_of_what_the_other_wrote_and_changes_how_long_it_lives(self, open_pair):
        written, read = open_pair(COMPRESSOR="zlib")
        written.set("key", "value" * 1000, timeout=1000)
        told = read.meta("key")
        [listed] = written.objects()
        assert told == written.meta("key")
        assert (told.size, told.stored_size, told.etag, told.compressor) == (5000, listed.size, listed.etag, "zlib")
        assert 900 < read.ttl("key") <= 1000
        assert read.expire("key", 2000) and 1900 < written.ttl("key") <= 2000
        assert read.expire_at("key", told.expires) and written.meta("key").expires == told.expires
        assert read.persist("key") and not written.persist("key")
        assert written.ttl("key") is None and written.get("key") == "value" * 1000
        assert read.expire_at("key", told.created) and written.ttl("key") == 0

    def test_it_increments_what_the_other_wrote(self, pair):
        written, read = pair
        written.set("number", 1)
        assert [cache.incr("number") for cache in (read, written, read)] == [2, 3, 4]
        assert written.get("number") == 4

    def test_it_deletes_what_the_other_wrote(self, pair):
        written, read = pair
        written.set_many(dict.fromkeys("abc", "value"))
        assert read.delete("a")
        read.delete_many(["b", "missing"])
        assert written.get_many("abc") == {"c": "value"}

    def test_it_culls_what_the_other_wrote(self, open_pair):
        written, read = open_pair(MAX_ENTRIES=4)
        written.set_many(dict.fromkeys("abcd", "written"))
        read.set("e", "read")
        kept = written.get_many("abcde")
        assert kept.pop("e") == "read"
        assert len(kept) == len(list(read.objects())) - 1 < 4

    def test_it_clears_what_the_other_wrote(self, pair):
        written, read = pair
        written.set_many(dict.fromkeys("abc", "value"))
        read.clear()
        assert written.get_many("abc") == {}
        assert list(written.objects()) == []
