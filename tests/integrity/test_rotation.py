"""Key rotation as docs/howto/rotate-keys.rst has it, step by step, while processes with old and new settings run at once."""

import itertools
import re
from pathlib import Path

import pytest
from django.test import override_settings

from tests.integrity.support import Vault

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "rotate-keys.rst"
NEW_KEY, OLD_KEY = "the new one", "the old one"
KINDS = ("SIGNING_KEY", "SECRET_KEY")


def documented():
    """The settings of the three steps, as the page shows them."""
    steps = HOWTO.read_text().partition("Without a wave of misses")[2]
    found = re.findall(r'"OPTIONS": \{"SIGNING_KEY": (.+)\},', steps)
    return [eval(keys, {"NEW_KEY": NEW_KEY, "OLD_KEY": OLD_KEY}) for keys in found]


BEFORE, LEARN, CHANGE, FORGET = [OLD_KEY, *documented()]
STEPS = [BEFORE, LEARN, CHANGE, FORGET]


@pytest.fixture(params=KINDS)
def process(request, vault):
    """``process(keys)``: one with these settings, all over the same store; the keys are the cache's own, or Django's."""
    first = vault()

    def started(keys):
        shared = {"engine": first.engine, "clock": first.clock}
        if request.param == "SIGNING_KEY":
            return vault(**shared, SIGNING_KEY=keys)
        current, *earlier = [keys] if isinstance(keys, str) else keys
        with override_settings(SECRET_KEY=current, SECRET_KEY_FALLBACKS=earlier):
            return vault(**shared, SIGNING_KEY=None)

    return started


def understands(one, other):
    """Whether what the first writes is an entry for the second, as every operation sees it."""
    one.call.set("key", 41)
    told = {
        other.call.get("key") == 41,
        other.call.has_key("key"),
        other.call.get_many(["key"]) == {"key": 41},
        not other.call.add("key", "taken"),
        other.call.get_or_set("key", 0) == 41,
    }
    one.call.clear()
    [answer] = told  # all the same
    return answer


def test_the_page_has_three_steps():
    assert STEPS == [OLD_KEY, [OLD_KEY, NEW_KEY], [NEW_KEY, OLD_KEY], NEW_KEY]


@pytest.mark.parametrize(("earlier", "later"), list(itertools.pairwise(STEPS)))
def test_in_each_deployment_old_and_new_processes_read_each_other_s_entries(process, earlier, later):
    old, new = process(earlier), process(later)
    assert understands(old, new)
    assert understands(new, old)


def test_before_the_old_key_goes_nobody_signs_with_it_any_more(process):
    new = process(CHANGE)
    new.call.set("key", "value")
    assert process(FORGET).call.get("key") == "value"


def test_no_entry_and_no_lock_is_lost_on_the_way(process):
    process(BEFORE).call.set_many({"page": "page", "visited": 0})
    process(BEFORE).call.add("lock", "holder")
    for earlier, later in ((BEFORE, LEARN), (LEARN, CHANGE)):
        for worker in (process(earlier), process(later), process(earlier), process(later)):
            assert worker.call.get("page") == "page"
            assert worker.call.add("lock", "somebody else") is False
            worker.call.incr("visited")
            assert worker.call.touch("lock", 100) is True
    assert process(CHANGE).call.get("visited") == 8
    assert process(FORGET).call.get_many(["page", "visited", "lock"]) == {"visited": 8, "lock": "holder"}


@pytest.mark.parametrize("write", ("set", "touch", "incr", "incr_version"))
def test_what_is_written_after_the_change_outlives_the_old_key(process, write):
    process(LEARN).call.set("key", 1)
    arguments = {"set": [2], "touch": [None]}.get(write, [])
    getattr(process(CHANGE).call, write)("key", *arguments)
    assert process(FORGET).call.get("key", version=2 if write == "incr_version" else 1) is not None


def test_an_entry_that_is_only_read_goes_with_the_old_key(process):
    process(LEARN).call.set("key", 1)
    assert process(CHANGE).call.get("key") == 1
    last = process(FORGET).call
    assert last.get("key") is None
    assert last.has_key("key") is False
    assert last.touch("key") is False
    assert last.add("key", "new") is True


def test_in_a_single_step_processes_that_do_not_know_the_new_key_replace_its_entries(process):
    """Why there are three."""
    old, new = process(BEFORE), process([NEW_KEY, OLD_KEY])
    assert understands(old, new)
    new.call.add("lock", "holder")
    assert old.call.add("lock", "somebody else") is True


def test_only_the_first_key_signs_and_the_others_read_in_any_order(process):
    keys = ["first", "second", "third"]
    for order in itertools.permutations(keys):
        process(list(order)).call.set("key", "value")
        readers = {key: process(key).call.get("key") for key in keys}
        assert readers == {key: "value" if key == order[0] else None for key in keys}
        assert all(process(list(others)).call.get("key") == "value" for others in itertools.permutations(keys))


def test_a_cache_moves_from_secret_key_to_a_key_of_its_own(vault):
    with override_settings(SECRET_KEY="django's", SECRET_KEY_FALLBACKS=[]):
        old = vault(SIGNING_KEY=None)
    old.call.set("key", "value")
    assert vault(engine=old.engine, SIGNING_KEY=["own", "django's"]).call.get("key") == "value"
    assert vault(engine=old.engine, SIGNING_KEY="own").call.get("key") is None


def test_after_a_leak_nothing_that_the_old_key_signed_is_read(vault):
    thief = Vault(SIGNING_KEY="leaked")
    thief.cache.set("key", {"role": "admin"})
    assert vault(engine=thief.engine, SIGNING_KEY="new").call.get("key") is None


def test_text_and_its_bytes_are_the_same_key(vault):
    writer = vault(SIGNING_KEY="schlüssel")
    writer.call.set("key", "value")
    assert vault(engine=writer.engine, SIGNING_KEY="schlüssel".encode()).call.get("key") == "value"
    assert vault(engine=writer.engine, SIGNING_KEY=("other", "schlüssel".encode())).call.get("key") == "value"


def test_with_signing_turned_off_signed_entries_are_read_while_their_key_is_known(vault):
    signed = vault(SIGNING_KEY="key")
    signed.call.set("key", "value")
    assert vault(engine=signed.engine, SIGNING_KEY=["new", "key"], SIGNING=False).call.get("key") == "value"
    assert vault(engine=signed.engine, SIGNING_KEY="new", SIGNING=False).call.get("key") is None


def test_with_signing_turned_on_unsigned_entries_are_absent(vault):
    unsigned = vault(SIGNING=False)
    unsigned.call.set("key", "value")
    assert vault(engine=unsigned.engine).call.get("key") is None
