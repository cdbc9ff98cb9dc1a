"""The contract of ``s3cache/compressors/base.py`` as tests: a sentence there is a test here. Ours pass it, and so do others'.

An author subclasses ``CompressorContract`` and gives it a fixture named ``compressor``.
"""

from __future__ import annotations

import random
import re
import tracemalloc

import pytest

from s3cache.compressors.base import Compressor

MIB = 1 << 20
BODIES = {
    "nothing": b"",
    "one byte": b"\0",
    "text": b"<p>The same again.</p>" * 300,
    "noise": random.Random(0).randbytes(5000),
    "zeros": bytes(MIB),
}


class CompressorContract:
    """Subclass it, with a fixture named ``compressor``."""

    def test_the_name_is_at_most_8_ascii_letters_and_digits(self, compressor: Compressor) -> None:
        assert re.fullmatch("[A-Za-z0-9]{1,8}", compressor.name)

    def test_requires_names_modules(self, compressor: Compressor) -> None:
        assert type(compressor.requires) is tuple
        assert all(re.fullmatch(r"\w+(\.\w+)*", module) for module in compressor.requires)

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
    def test_what_was_compressed_is_decompressed(self, compressor: Compressor, body: bytes) -> None:
        stored = compressor.compress(body)
        assert type(stored) is bytes
        restored = compressor.decompress(stored, len(body))
        assert type(restored) is bytes
        assert restored == body

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
    def test_a_memoryview_serves_as_well_as_bytes(self, compressor: Compressor, body: bytes) -> None:
        stored = compressor.compress(memoryview(body))
        restored = compressor.decompress(memoryview(stored), 2 * MIB)
        assert type(stored) is type(restored) is bytes
        assert restored == body

    def test_one_byte_above_the_limit_is_too_much(self, compressor: Compressor) -> None:
        body = BODIES["text"]
        with pytest.raises(ValueError, match=str(len(body) - 1)):
            compressor.decompress(compressor.compress(body), len(body) - 1)

    def test_a_small_object_cannot_fill_the_memory(self, compressor: Compressor) -> None:
        stored = compressor.compress(bytes(64 * MIB))
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=str(MIB)):
                compressor.decompress(stored, MIB)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4 * MIB

    def test_truncated_input_is_never_taken_for_the_data(self, compressor: Compressor) -> None:
        body = BODIES["text"]
        stored = compressor.compress(body)
        for length in range(len(stored)):
            assert _decompressed(compressor, stored[:length]) != body

    def test_input_with_something_after_its_end_is_never_taken_for_the_data(self, compressor: Compressor) -> None:
        body = BODIES["text"]
        stored = compressor.compress(body)
        assert _decompressed(compressor, stored + b"\0") != body
        assert _decompressed(compressor, stored + stored) != body


def _decompressed(compressor: Compressor, stored: bytes) -> bytes | None:
    """None where it raises, as it may for damaged input."""
    try:
        return compressor.decompress(stored, MIB)
    except Exception:
        return None
