"""The built-in engines by name. A module is imported when CACHES names its engine, and its SDK on first use."""

ENGINES = {
    "boto3": "s3cache.engines.boto3.Boto3Engine",
    "local": "s3cache.engines.local.LocalEngine",
    "memory": "s3cache.engines.memory.MemoryEngine",
}
