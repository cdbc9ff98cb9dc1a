"""The layers of the house: a module imports only from its own layer or a lower one, and an SDK only where it belongs."""

import ast
import fnmatch
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "s3cache"
LAYERS = [
    """errors deadlines validation naming expiry early callkeys layouts ages accounts secretkeys signing gcm encryption
       fields envelope codec culling sampling pieces patterns version serializers serializers.* compressors compressors.*
       engines engines.base engines.profiles engines.s3answers engines.redaction engines.s3errors engines.s3headers
       engines.s3location engines.s3options engines.sortednames legacyvalues sweeping sweepstate""",
    "runtime threaded engines.*",
    """statistics outage watched breaker journal guard policy fallback recovery readonly proving entries nearcache reads
       retries conditional pages trimming looks sweeps timed parts computing flights bulk scans searches lifetimes
       watching leases generations operations unanswered testing testing.*""",
    "options legacyoptions hookspecs plugins sharing guards assembly",
    """s3cache foundation callers stampede getorset memoized memoize renewals lockterms holders locks
       lockmethods metadata keyfunctions keymethods backend delegation groups signals legacy checks apps __main__ demo demo.*""",
]
PACKAGES = {"msgpack", "lz4", "backports", "compression", "cryptography"}
SDKS = {"boto3", "botocore", "minio", "urllib3", "certifi", "obstore", "storages", *PACKAGES}
HOMES = {
    "botocore": ("boto3", "awsconfig"),
    "urllib3": ("boto3", "minio"),
    "certifi": "minio",
    "backports": "zstd",
    "compression": "zstd",
    "cryptography": "gcm",
}
STORAGES = ("django.core.files.", "django.core.exceptions.", "django.conf.settings", "django.utils.module_loading.")
DJANGO = {
    "engines.localfiles": "django.core.files.locks",
    **dict.fromkeys(("engines.storages", "engines.s3storage", "engines.s3storagesettings"), STORAGES),
    **dict.fromkeys(("engines.plainstorage", "engines.plainstorageerrors", "engines.plainstoragesettings"), STORAGES),
    3: "django.core.exceptions.",
}
"""All that a module, or a layer below the last, may import of Django."""
OUTSIDE = {"asyncio", "concurrent", "http", "os", "select", "socket", "ssl", "subprocess", "tempfile", "threading"}
"""What has no place in the pure layer 0."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__").replace("__init__", "s3cache"): path
    for path in ROOT.rglob("*.py")
}


def layer(module):
    """The number of the first layer with a pattern for the module."""
    return next((number for number, names in enumerate(LAYERS) if any(fnmatch.fnmatch(module, one) for one in names.split())), None)


def imports(module):
    """What the module imports: pairs of a dotted name, and whether that is at its top level."""
    tree = ast.parse(MODULES[module].read_text())
    later = {node for function in ast.walk(tree) if isinstance(function, FUNCTIONS) for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.name, node not in later) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from ((f"{node.module}.{name.name}", node not in later) for name in node.names)


def ours(name):
    """The module of ours that an import of the dotted name reads; None for what is not ours."""
    if name.partition(".")[0] != "s3cache":
        return None
    inner = name.removeprefix("s3cache.")
    return next((one for one in (inner, inner.rpartition(".")[0]) if one in MODULES), "s3cache")


each_module = pytest.mark.parametrize("module", sorted(MODULES))


@each_module
def test_a_module_imports_only_from_its_own_layer_or_lower_ones(module):
    assert layer(module) is not None, f"{module} has no layer: give it one in LAYERS"
    higher = {name for name, _ in imports(module) if ours(name) and layer(ours(name)) > layer(module)}
    assert not higher


@each_module
def test_django_is_for_the_highest_layer(module):
    allowed = DJANGO.get(module, DJANGO.get(layer(module), "nothing of it"))
    django = {name for name, _ in imports(module) if name.partition(".")[0] == "django"}
    assert layer(module) == 4 or all(name.startswith(allowed) for name in django)


@each_module
def test_an_sdk_is_imported_in_the_files_of_its_name_and_on_first_use(module):
    for name, at_top in imports(module):
        sdk = name.partition(".")[0]
        if sdk in SDKS:
            assert not at_top, f"{module} imports {name} at its top"
            assert module.rpartition(".")[2].startswith(HOMES.get(sdk, sdk)), f"{module} imports {name}"


@each_module
def test_the_lowest_layer_is_pure(module):
    assert layer(module) > 0 or not OUTSIDE & {name.partition(".")[0] for name, _ in imports(module)}


def test_the_table_names_no_module_that_is_gone():
    stale = [one for names in LAYERS for one in names.split() if not any(fnmatch.fnmatch(module, one) for module in MODULES)]
    assert stale == []


def test_nothing_outside_the_standard_library_is_imported_at_the_top_but_the_dependencies():
    top = {name.partition(".")[0] for module in MODULES for name, at_top in imports(module) if at_top and layer(module) < 4}
    assert top - sys.stdlib_module_names <= {"s3cache", "django", "pluggy", "pytest"}
