"""File names as the tables hold them: text without a backslash, from which the name itself can be told again."""

import os
import re

# What `text_of` writes for a backslash, for a byte that is no text, and for a '%' that could be taken for one of these.
_CODE = "5C|25|[89A-F][0-9A-F]"
_ESCAPED = re.compile(f"%({_CODE})")
_SPECIAL = re.compile(f"%(?={_CODE})|[\\\\\udc80-\udcff]")


def text_of(name: str) -> str:
    r"""A name or path of the file system as text for the tables; two different ones never give the same.

    A backslash becomes '%5C', a byte that is no text (as `os.fsdecode` has it) '%80' to '%FF'. A '%' before what would
    read like one of these, or like its own form '%25', becomes '%25'; any other '%' stays: 'a%20b' is 'a%20b'.
    """
    return _SPECIAL.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", name)


def order_of(path: str) -> tuple[str, str]:
    """The order of photographs that are equal otherwise: by the last part of the name, which is one in any file."""
    return path.rpartition("/")[2], path


def name_of(text: str) -> str:
    """The name that `text_of` made `text` of."""

    def decoded(found: re.Match[str]) -> str:
        return os.fsdecode(bytes([int(found[1], 16)]))

    return _ESCAPED.sub(decoded, text)
