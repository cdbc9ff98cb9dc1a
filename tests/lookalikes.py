"""Names that only resemble those of entries, most of them by one character, and the ways to remove entries.

None of these ways may touch one of these names.
"""

from s3cache.naming import object_name

DIGITS = frozenset("0123456789abcdef")
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
REAL = object_name("", "key")
FOLDER, FILE = REAL.split("/")
STEM = FILE.removesuffix(".s3c")
LETTER = next(digit for digit in STEM if digit.isalpha())

LOOKALIKES = {
    "an upper-case digit": f"{FOLDER}/{STEM.replace(LETTER, LETTER.upper(), 1)}.s3c",
    "an upper-case folder": f"AB/{FILE}",
    "all in upper case": REAL.upper(),
    "a digit less": f"{FOLDER}/{STEM[:-1]}.s3c",
    "a digit more": f"{FOLDER}/{STEM}0.s3c",
    "a digit less in the folder": f"{FOLDER[0]}/{FILE}",
    "a digit more in the folder": f"{FOLDER}0/{FILE}",
    "no hexadecimal digit": f"{FOLDER}/{STEM[:-1]}g.s3c",
    "a folder of other letters": f"0g/{FILE}",
    "a digit that is not of ASCII": f"{FOLDER}/{STEM[:-1]}\u0663.s3c",
    "a letter that looks the same": f"{FOLDER}/{STEM[:-1]}\u0430.s3c",
    "an upper-case ending": f"{FOLDER}/{STEM}.s3C",
    "another ending": f"{FOLDER}/{STEM}.s3d",
    "another character for the dot": f"{FOLDER}/{STEM}-s3c",
    "no ending": f"{FOLDER}/{STEM}",
    "a second ending": f"{REAL}.bak",
    "a space behind": f"{REAL} ",
    "a dot behind": f"{REAL}.",
    "no slash": f"{FOLDER}{FILE}",
    "a slash later": f"{FOLDER}{STEM[0]}/{FILE[1:]}",
    "a further slash": f"{FOLDER}/{STEM[:31]}/{STEM[31:]}.s3c",
    "another character for the slash": f"{FOLDER}-{FILE}",
    "a deeper folder": f"nested/{REAL}",
    "a deeper folder of two digits": f"00/{REAL}",
    "an internal object": ".s3c/locks/one",
    "an internal object that looks like an entry": f".s3c/{REAL}",
    "an internal object by its second folder": f".s3c/{FILE}",
    "a readable name with a letter escaped for nothing": "k/=61.s3c",
    "a readable name with an upper-case escape": "k/=3A.s3c",
    "a readable name with half an escape": "k/=3.s3c",
    "a readable name with an upper-case letter": "k/Key.s3c",
    "a readable name with a dot": "k/a.b.s3c",
    "a readable name with a slash": "k/a/b.s3c",
    "a readable name of no text": "k/=ff.s3c",
    "a readable name in no shortest form": "k/=c0=80.s3c",
    "a readable name without an ending": "k/key",
    "a readable name with another ending": "k/key.s3c.bak",
    "a readable name with a letter that looks the same": "k/k\u0435y.s3c",
    "a readable name in another folder": "K/key.s3c",
    "a readable name deeper": "k/k/key.s3c",
    "a readable name without its folder": "key.s3c",
    "a digest of a digit less": f"d/{FOLDER}{STEM[:-1]}.s3c",
    "a digest of a digit more": f"d/{FOLDER}{STEM}0.s3c",
    "a digest with a folder": f"d/{REAL}",
    "a digest in upper case": f"d/{FOLDER}{STEM.upper()}.s3c",
    "a media file": "photos/2024/IMG_0001.jpg",
    "a file beside the folders": "readme.txt",
    "a file in an entry's folder": f"{FOLDER}/readme.txt",
    "a percent sign": f"{FOLDER}%2F{FILE}",
    "a plus for nothing": f"{FOLDER}/+{FILE}",
}
"""Names that every store can hold, under a LOCATION, by what they are."""

ODD = {
    "a line feed behind": f"{REAL}\n",
    "a line feed before": f"\n{REAL}",
    "a NUL behind": f"{REAL}\0",
    "a NUL within": f"{FOLDER}/\0{FILE}",
    "two slashes": f"{FOLDER}//{FILE}",
    "a slash before": f"/{REAL}",
    "a slash behind": f"{REAL}/",
    "a folder that is this one": f"./{REAL}",
    "a folder and back": f"{FOLDER}/../{REAL}",
    "a readable name that is too long": f"k/{'a' * 252}.s3c",
    "a readable name with a line feed": "k/key.s3c\n",
}
"""The same, of names that not all stores can hold."""


def has_form(prefix: str, name: str) -> bool:
    """Whether it is a name of an entry, in other words than the cache's own."""
    rest, ending = name[len(prefix) : -4], name[-4:]
    if not name.startswith(prefix) or len(name) < len(prefix) + 4 or ending != ".s3c":
        return False
    if rest.startswith("k/"):
        return len(rest) <= 253 and len(name.encode("utf-8", "surrogatepass")) <= 1024 and shows_a_key(rest[2:])
    if rest.startswith("d/") and len(rest) == 66:
        return set(rest[2:]) <= DIGITS
    return len(rest) == 65 and rest[2] == "/" and set(rest[:2]) | set(rest[3:]) <= DIGITS


def shows_a_key(rest: str) -> bool:
    """Whether it is a key whose bytes are escaped where they must be, and nowhere else."""
    key = b""
    while rest:
        if rest[0] == "=" and len(rest) > 2 and set(rest[1:3]) <= DIGITS and chr(int(rest[1:3], 16)) not in PLAIN:
            key, rest = key + bytes([int(rest[1:3], 16)]), rest[3:]
        elif rest[0] in PLAIN:
            key, rest = key + rest[0].encode(), rest[1:]
        else:
            return False
    try:
        key.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


KEYS = [f"key-{number}" for number in range(20)]


def clear(call):
    call.set_many(dict.fromkeys(KEYS, 1))
    call.clear()


def cull(call):
    call.set_many(dict.fromkeys(KEYS, 1))
    call.cull()


def writes(call):
    """So many that looks come."""
    for key in KEYS:
        call.set(key, 1)


def delete_pattern(call):
    call.set_many(dict.fromkeys(KEYS, 1))
    assert call.delete_pattern("*") >= len(KEYS)


def delete_many(call):
    call.set_many(dict.fromkeys(KEYS, 1))
    call.delete_many(KEYS)


REMOVALS = {clear: None, cull: 1, writes: 3, delete_many: None, delete_pattern: None}
"""Ways to remove entries, each with the MAX_ENTRIES that it needs, which it also leaves at most."""
