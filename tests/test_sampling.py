"""What one look reads, by what the store can do."""

import pytest

from s3cache.engines.base import Features
from s3cache.errors import OptionError
from s3cache.sampling import DIRECTORIES, PAGE, Sample, sample_of

BUCKET = Features(conditional_writes=True, delete_batch=1000)
SINGLE = Features(conditional_writes=True, delete_batch=1)
DIRECTORY_BUCKET = Features(conditional_writes=True, delete_batch=1000, ordered_listing=False, start_after=False)
STORAGE = Features(conditional_writes=False, delete_batch=1, start_after=False)
DISORDERED = Features(conditional_writes=True, delete_batch=1000, ordered_listing=False)
HERE = Features(conditional_writes=False, delete_batch=1, remote=False)


@pytest.mark.parametrize(
    ("features", "max_entries", "sample"),
    [
        (BUCKET, 1, Sample(PAGE)),
        (BUCKET, 10**9, Sample(PAGE)),
        (BUCKET, None, Sample(PAGE)),
        (HERE, 10_000, Sample(PAGE)),
        (SINGLE, 500, Sample(PAGE)),
        (SINGLE, 501, Sample(100)),
        (SINGLE, None, Sample(100)),
        (DIRECTORY_BUCKET, 300, Sample(300, 256)),
        (DIRECTORY_BUCKET, 10_000, Sample(10_000, 256)),
        (DIRECTORY_BUCKET, 10_001, Sample(625, 16)),
        (DIRECTORY_BUCKET, 100_000, Sample(1171, 3)),
        (DIRECTORY_BUCKET, 1_000_000, Sample(3906, 1)),
        (DIRECTORY_BUCKET, 2_560_000, Sample(10_000, 1)),
        (DISORDERED, 100_000, Sample(1171, 3)),
        (STORAGE, 500, Sample(500, 256, most=PAGE)),
        (STORAGE, 1000, Sample(62, 16, most=PAGE)),
        (STORAGE, 128_000, Sample(500, 1, most=PAGE)),
    ],
)
def test_what_a_look_reads(features, max_entries, sample):
    assert sample_of(features, max_entries) == sample


@pytest.mark.parametrize(
    ("features", "max_entries", "message"),
    [
        (DIRECTORY_BUCKET, 2_560_001, "at most 2,560,000"),
        (STORAGE, 128_001, "at most 128,000"),
        (DIRECTORY_BUCKET, None, "Give MAX_ENTRIES too"),
    ],
)
def test_what_no_look_can_serve_is_refused(features, max_entries, message):
    with pytest.raises(OptionError, match=message):
        sample_of(features, max_entries)


def test_the_width_of_what_a_look_reads():
    assert Sample(1000).width(4000) == 0.25
    assert Sample(1000).width(600) == 1
    assert Sample(1171, 3).width(100_000) == 3 / DIRECTORIES
