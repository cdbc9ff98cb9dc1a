"""What s3cache costs, measured beside what it replaces. ``python -m benchmarks`` tells more."""
