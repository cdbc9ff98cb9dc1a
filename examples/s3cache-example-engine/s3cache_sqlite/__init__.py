"""A plugin for s3cache: objects in one SQLite file, and xz compression."""
