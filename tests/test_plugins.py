"""Names of classes: built in, dotted, and from plugins, which are made here by hand: a module and a dist-info in a directory."""

import importlib.metadata
import subprocess
import sys
import textwrap
from functools import partial
from importlib.metadata import entry_points

import pytest

from s3cache import plugins
from s3cache.compressors.none import NoCompressor
from s3cache.engines.memory import MemoryEngine
from s3cache.errors import OptionError
from s3cache.plugins import find
from s3cache.serializers.json import JSONSerializer


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    """Plugins are looked for once in a process; here, once in a test, and only those that the test installed."""
    ours = partial(filter, lambda one: "acme" in one.name)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group, really=entry_points: ours(really(group=group)))
    before = set(sys.modules)
    plugins.installed_plugins.cache_clear()
    find.cache_clear()
    yield
    plugins.installed_plugins.cache_clear()
    find.cache_clear()
    for name in [name for name in sys.modules if name not in before and name.startswith("acme")]:
        del sys.modules[name]


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A directory of installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def module(site, name, source):
    (site / f"{name}.py").write_text(textwrap.dedent(source))


def distribution(site, name, hooks):
    """Installs a distribution that offers ``hooks`` under the entry-point group, with its own name."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[s3cache]\n{name} = {hooks}\n")


def plugin(site, name, body):
    """Installs a plugin whose module of hooks ends in ``body``."""
    module(site, f"{name}_hooks", "from s3cache.hookspecs import hookimpl\n" + textwrap.dedent(body))
    distribution(site, name, f"{name}_hooks")


def registering(kind, name, path):
    return f"""
        @hookimpl
        def register_{kind}(register):
            register({name!r}, {path!r})
        """


MEMBERS = sorted({member for kind in plugins.KINDS for member in kind.members} - {"name"})
VERBS = f"    name = 'acme'\n    {' = '.join(MEMBERS)} = None\n"
ENGINE = f"class Engine:\n{VERBS}    requires = ()\n"


# --- built in ---------------------------------------------------------------------------------------------------------------


def test_a_built_in_name_is_found():
    assert find(plugins.ENGINE, "memory") is MemoryEngine
    assert find(plugins.SERIALIZER, "json") is JSONSerializer
    assert find(plugins.COMPRESSOR, "none") is NoCompressor


def test_a_built_in_name_asks_no_plugin(site):
    plugin(site, "acme", "raise RuntimeError('asked')")
    find(plugins.ENGINE, "memory")
    assert plugins.installed_plugins.cache_info().currsize == 0


def test_a_name_belongs_to_its_kind():
    with pytest.raises(OptionError, match=r"OPTIONS\['SERIALIZER'\] is 'memory', which is not known"):
        find(plugins.SERIALIZER, "memory")


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(OptionError) as refused:
        find(plugins.COMPRESSOR, "gzp")
    assert "OPTIONS['COMPRESSOR'] is 'gzp', which is not known." in str(refused.value)
    assert "Known: gzip, lz4, none, zlib, zstd. Did you mean 'gzip'?" in str(refused.value)
    assert "From plugins: none." in str(refused.value)


# --- dotted paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["s3cache.engines.memory.MemoryEngine", "s3cache.engines.memory:MemoryEngine"])
def test_a_dotted_path_is_followed_with_a_dot_or_a_colon(path):
    assert find(plugins.ENGINE, path) is MemoryEngine


def test_a_dotted_path_asks_no_plugin(site):
    plugin(site, "acme", "raise RuntimeError('asked')")
    find(plugins.ENGINE, "s3cache.engines.memory.MemoryEngine")
    assert plugins.installed_plugins.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("s3cache.engines.nothing.Engine", "ModuleNotFoundError"),
        ("s3cache.engines.memory.Nothing", "AttributeError"),
        ("s3cache.engines.memory:", "AttributeError"),
        ("s3cache.engines.memory.", "AttributeError"),
        (".MemoryEngine", "ValueError"),
        ("..", "cannot be imported"),
        ("s3cache.engines.memory.MemoryEngine.from_options", "ModuleNotFoundError"),
        ("s3cache.plugins.find", "is no class"),
        ("s3cache.plugins.GROUP", "is no class"),
        ("acme_broken.Engine", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_path_that_leads_nowhere_says_why(site, path, reason):
    module(site, "acme_broken", "1 / 0")
    with pytest.raises(OptionError) as refused:
        find(plugins.ENGINE, path)
    assert f"OPTIONS['ENGINE'] is {path!r}" in str(refused.value)
    assert reason in str(refused.value)


# --- plugins ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["engines", "serializers", "compressors"])
@pytest.mark.parametrize("path", ["acme_code:Engine", "acme_code.Engine"])
def test_a_plugin_s_name_is_found(site, kind, path):
    module(site, "acme_code", ENGINE)
    plugin(site, "acme", registering(kind, "acme", path))
    found = find(getattr(plugins, kind[:-1].upper()), "acme")
    assert (found.__module__, found.__name__) == ("acme_code", "Engine")


def test_a_plugin_s_class_is_imported_only_when_it_is_named(site):
    module(site, "acme_code", ENGINE)
    plugin(site, "acme", registering("engines", "acme", "acme_code:Engine") + registering("compressors", "acmez", "acme_no:Z"))
    assert plugins.import_string(plugins.ENGINE, "acme", "") == "acme_code:Engine"
    assert "acme_code" not in sys.modules
    find(plugins.ENGINE, "acme")
    assert "acme_code" in sys.modules


def test_a_hook_may_register_several_names(site):
    plugin(
        site,
        "acme",
        """
        @hookimpl
        def register_engines(register):
            register("acme", "acme_code:Engine")
            register("acme-fast", "acme_code:FastEngine")
        """,
    )
    assert set(plugins.installed_plugins().names["ENGINE"]) == {"acme", "acme-fast"}


def test_a_plugin_s_names_are_among_the_known(site):
    plugin(site, "acme", registering("engines", "acme", "acme_code:Engine"))
    with pytest.raises(OptionError, match="Did you mean 'acme'. From plugins: acme"):
        find(plugins.ENGINE, "acmee")


BROKEN = {
    "fails when imported": ("raise RuntimeError('no luck')", "RuntimeError: no luck"),
    "fails when asked": ("@hookimpl\ndef register_engines(register):\n    1 / 0", "ZeroDivisionError"),
    "takes a wrong argument": ("@hookimpl\ndef register_engines(wrong):\n    pass", "PluginValidationError"),
    "has an unknown hook": ("@hookimpl\ndef register_oddities(register):\n    pass", "PluginValidationError"),
    "takes a built-in name": (registering("engines", "local", "acme_code:Engine"), "ValueError: the engine name 'local' is taken"),
}


@pytest.mark.parametrize(("body", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_hurts_nobody_else(site, body, reason):
    module(site, "acme_code", ENGINE)
    plugin(site, "acme_bad", body)
    plugin(site, "acme_good", registering("engines", "acme", "acme_code:Engine"))
    assert find(plugins.ENGINE, "acme").__name__ == "Engine"
    assert find(plugins.ENGINE, "local").__name__ == "LocalEngine"
    with pytest.raises(OptionError) as refused:
        find(plugins.ENGINE, "bad")
    assert f"The plugin 'acme_bad' could not be loaded: {reason}" in str(refused.value)


def test_a_plugin_that_is_not_there_is_a_broken_one(site):
    distribution(site, "acme", "acme_nowhere")
    with pytest.raises(OptionError, match="'acme' could not be loaded: ModuleNotFoundError"):
        find(plugins.ENGINE, "acme")


def test_a_plugin_that_breaks_half_way_registers_nothing(site):
    plugin(
        site,
        "acme",
        """
        @hookimpl
        def register_engines(register):
            register("acme", "acme_code:Engine")

        @hookimpl
        def register_compressors(register):
            register("zlib", "acme_code:Engine")
        """,
    )
    assert plugins.installed_plugins().names == {"ENGINE": {}, "SERIALIZER": {}, "COMPRESSOR": {}}


def test_a_name_that_another_plugin_took_is_taken(site):
    module(site, "acme_code", ENGINE)
    plugin(site, "acme_one", registering("engines", "acme", "acme_code:Engine"))
    plugin(site, "acme_two", registering("engines", "acme", "acme_code:Engine"))
    assert find(plugins.ENGINE, "acme").__name__ == "Engine"
    [(_, reason)] = plugins.installed_plugins().broken.items()
    assert reason == "ValueError: the engine name 'acme' is taken"


def test_one_name_may_mean_an_engine_and_a_compressor(site):
    plugin(site, "acme", registering("engines", "acme", "acme_code:Engine") + registering("compressors", "acme", "acme_code:Z"))
    names = plugins.installed_plugins().names
    assert (names["ENGINE"], names["COMPRESSOR"]) == ({"acme": "acme_code:Engine"}, {"acme": "acme_code:Z"})


def test_a_plugin_s_class_that_cannot_be_imported_says_so(site):
    plugin(site, "acme", registering("engines", "acme", "acme_nowhere:Engine"))
    with pytest.raises(OptionError, match=r"OPTIONS\['ENGINE'\] is 'acme', but acme_nowhere:Engine cannot be imported"):
        find(plugins.ENGINE, "acme")


# --- required modules -------------------------------------------------------------------------------------------------------


def test_a_missing_module_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "msgpack", None)
    monkeypatch.setattr(plugins, "is_installed", lambda module: module != "msgpack")
    with pytest.raises(OptionError) as refused:
        find(plugins.SERIALIZER, "msgpack")
    assert "OPTIONS['SERIALIZER'] is 'msgpack', which needs the package msgpack, and that is not installed." in str(refused.value)
    assert 'pip install "django-s3-cache[msgpack]"' in str(refused.value)


@pytest.mark.parametrize("requires", ["acme_sdk", "acme_sdk.deep", "json.acme_sdk"])
def test_a_class_that_requires_a_missing_module_is_refused(site, requires):
    module(site, "acme_code", f"class Engine:\n{VERBS}    requires = ({requires!r},)\n")
    with pytest.raises(OptionError, match=f"needs the package {requires}, and that is not installed"):
        find(plugins.ENGINE, "acme_code.Engine")


def test_a_class_that_requires_what_is_there_is_found(site):
    module(site, "acme_code", f"class Engine:\n{VERBS}    requires = ('json', 'email.mime')\n")
    assert find(plugins.ENGINE, "acme_code.Engine").__name__ == "Engine"


def test_a_required_module_is_not_imported(site):
    module(site, "acme_sdk", "1 / 0")
    module(site, "acme_code", f"class Engine:\n{VERBS}    requires = ('acme_sdk',)\n")
    find(plugins.ENGINE, "acme_code.Engine")
    assert "acme_sdk" not in sys.modules


def test_what_was_not_installed_is_looked_for_again(site):
    module(site, "acme_code", f"class Engine:\n{VERBS}    requires = ('acme_sdk',)\n")
    with pytest.raises(OptionError):
        find(plugins.ENGINE, "acme_code.Engine")
    sys.path_importer_cache.clear()
    module(site, "acme_sdk", "")
    assert find(plugins.ENGINE, "acme_code.Engine").__name__ == "Engine"


def test_what_is_built_in_needs_neither_pluggy_nor_a_look_at_distributions():
    script = (
        "import sys; from s3cache import plugins; plugins.find(plugins.ENGINE, 'local')\n"
        "print('pluggy' in sys.modules, 's3cache.hookspecs' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout == "False False\n"
