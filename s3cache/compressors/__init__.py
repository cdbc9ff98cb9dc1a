"""The built-in compressors by name."""

COMPRESSORS = {
    "gzip": "s3cache.compressors.gzip.GzipCompressor",
    "lz4": "s3cache.compressors.lz4.LZ4Compressor",
    "none": "s3cache.compressors.none.NoCompressor",
    "zlib": "s3cache.compressors.zlib.ZlibCompressor",
    "zstd": "s3cache.compressors.zstd.ZstdCompressor",
}
