"""The built-in engines by name. A module is imported when CACHES names its engine, and its SDK on first use."""

ENGINES = {
    "boto3": "s3cache.engines.boto3.Boto3Engine",
    "local": "s3cache.engines.local.LocalEngine",
    "memory": "s3cache.engines.memory.MemoryEngine",
    "minio": "s3cache.engines.minio.MinioEngine",
    "obstore": "s3cache.engines.obstore.ObstoreEngine",
    "storages": "s3cache.engines.storages.StoragesEngine",
}

S3_ENGINES = ("boto3", "minio", "obstore", "storages")
"""Those that speak S3's protocol: they take the same options, and read what another of them has written."""
