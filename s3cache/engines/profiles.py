"""What each kind of S3 store supports: one small record for each, chosen by OPTIONS["PROFILE"], or by the endpoint's host.

The S3 protocol is one, and the stores that speak it differ: some ignore conditions on writes, some want the etags in them without
quotes, some refuse the checksums that SDKs send unasked. A record says what holds for a current release of the store in its
usual setup, and where that could not be established it says no: a feature that is there and not used costs requests, one that is
used and not there costs data. Of an endpoint that nobody has described, the protocol's promises are taken on trust, except
conditional writes: a store that ignores them looks like one that honours them, until two machines have both won. Operations try
those out first, and also where they are a matter of the bucket.

References: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html and what stands at each record.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from s3cache.engines.base import Features

# Regional, dual-stack, FIPS, accelerated, access point, zonal and interface endpoints. Not every host of Amazon's: a load balancer
# or a virtual machine there has some other store behind it. Outposts and Object Lambda are not S3 itself.
# https://docs.aws.amazon.com/general/latest/gr/s3.html
AMAZON = (
    r"(.+\.)?s3(?!-outposts|-object-lambda)[a-z0-9-]*(\.dualstack)?(\.[a-z]+(-[a-z]+)+-\d+)?(\.vpce)?\.amazonaws\.(com(\.cn)?|eu)"
)
DIRECTORY_BUCKET = re.compile(r".+--xa?-s3")
"""The names of directory buckets, and of access points to them."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a kind of store supports."""

    name: str
    hosts: str = ""
    """A regular expression of its host names, where these tell."""
    conditional_writes: bool = True
    """If-None-Match and If-Match on PUT are honoured, also in a race."""
    proven: bool = True
    """False: conditional_writes may not hold in every bucket, or nobody knows, so operations try it out before they rely on it."""
    quoted_etags: bool = False
    """If-Match wants the etag in its quotes. HTTP demands them; AWS takes both forms, and Ceph only the bare one."""
    lost_race: tuple[str | int, ...] = (409,)
    """Codes and statuses that say, of a conditional write, that another was under way, and that nothing was written."""
    etag_of_every_write: bool = True
    """False: a PUT that another has overtaken is answered with success, and without an ETag."""
    delete_batch: int = 1000
    """How many names one DeleteObjects takes; 1 where it is missing or unreliable."""
    trailing_checksums: bool = False
    """The checksums that SDKs send unasked, and the framing of the body that goes with them, are understood."""
    addressing_style: str | None = None
    """Where the bucket stands, unless the option says it: in the "path", in a "virtual" host's name, or None: as the SDK thinks."""
    ordered_listing: bool = True
    start_after: bool = True
    atomic_overwrites: bool = True
    """Who reads an object that is being replaced gets the old body or the new one, whole."""

    @property
    def features(self) -> Features:
        return Features(
            conditional_writes=self.conditional_writes,
            proven=self.proven,
            delete_batch=self.delete_batch,
            ordered_listing=self.ordered_listing,
            start_after=self.start_after,
            atomic_overwrites=self.atomic_overwrites,
            server_date=True,
        )

    def if_match(self, etag: str) -> str:
        """The header's value. The mark of a weak etag goes: a compressing proxy adds it, and no condition would hold with it."""
        bare = etag.removeprefix("W/").strip('"')
        return f'"{bare}"' if self.quoted_etags else bare


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("aws", AMAZON, trailing_checksums=True),
        # Conditional writes came to directory buckets and the others alike.
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
        # https://aws.amazon.com/about-aws/whats-new/2024/08/amazon-s3-conditional-writes/
        Profile("express", trailing_checksums=True, addressing_style="virtual", ordered_listing=False, start_after=False),
        # "Each ETag must be surrounded by double quotes."
        # https://developers.cloudflare.com/r2/api/s3/conditional-operations/, https://github.com/apache/opendal/pull/2226
        Profile("r2", r".+\.r2\.cloudflarestorage\.com", quoted_etags=True, addressing_style="path"),
        # Its S3 face ignores both conditions without a word. DeleteObjects is new there, and untried with the checksums of SDKs.
        # https://github.com/ClickHouse/ClickHouse/issues/115266, https://docs.cloud.google.com/storage/docs/xml-api/post-bucket
        Profile("gcs", r"(.+\.)?storage(\.mtls|\..+\.rep)?\.googleapis\.com", conditional_writes=False, delete_batch=1),
        # 501, "A header you provided implies functionality that is not implemented".
        # https://github.com/sathinduga/obsidian-s3-sync-and-backup/issues/78
        Profile("b2", r"(.+\.)?s3\..+\.backblazeb2\.com", conditional_writes=False),
        # Ceph underneath: https://github.com/slatedb/slatedb/issues/1818
        Profile("spaces", r".+\.digitaloceanspaces\.com", proven=False, lost_race=(409, "UnknownError")),
        # Up to release 18 a lost race is a 500 UnknownError, which was never applied; from 20 on a 409. In a bucket with versioning
        # release 16 ignores If-None-Match, and refuses every If-Match.
        Profile("ceph", proven=False, lost_race=(409, "UnknownError"), addressing_style="path"),
        # If-Match on a missing object created it before September 2025: https://github.com/minio/minio/issues/21526
        Profile("minio", addressing_style="path"),
        # Not atomic across nodes before February 2026: https://github.com/rustfs/rustfs/issues/1659
        Profile("rustfs", quoted_etags=True, addressing_style="path"),
        # No node has the last word there, so none can decide a race: https://garagehq.deuxfleurs.fr/documentation/design/goals/
        Profile("garage", conditional_writes=False, addressing_style="path"),
        # It refuses If-Match, and lets several racing creators win. 2.30 refuses batches without Content-MD5. To a PUT that was
        # overtaken it says 202, without an ETag, of which its S3 face makes a 200.
        Profile("swift", conditional_writes=False, etag_of_every_write=False, delete_batch=1, addressing_style="path"),
        Profile("moto", addressing_style="path"),
        # rclone serve s3 ignores conditions, and replaces objects in place.
        Profile("rclone", conditional_writes=False, atomic_overwrites=False, addressing_style="path"),
        Profile("plain", conditional_writes=False, delete_batch=1),
        Profile("unknown", proven=False, lost_race=(409, "UnknownError")),
    )
}


def profile_of(bucket: str, endpoint_url: str | None) -> Profile:
    """The profile of a store that OPTIONS["PROFILE"] does not name: told by its host, else "unknown"."""
    if is_amazon(endpoint_url):
        return PROFILES["express" if DIRECTORY_BUCKET.fullmatch(bucket) else "aws"]
    host = host_of(endpoint_url)
    return next((one for one in PROFILES.values() if one.hosts and re.fullmatch(one.hosts, host)), PROFILES["unknown"])


def is_amazon(endpoint_url: str | None) -> bool:
    """Whether this is S3 itself, which is also where SDKs go without an endpoint."""
    return endpoint_url is None or re.fullmatch(AMAZON, host_of(endpoint_url)) is not None


def host_of(url: str | None) -> str:
    return urlsplit(url or "").hostname or ""
