"""Makes the cffi modules (API mode) from the marked part of a public C header.

The header is the one source of truth: what stands between ``/* cffi:begin */`` and ``/* cffi:end */`` becomes the declarations, and the
C compiler checks them against the same header. ``setup.py`` runs this file; it is not used at run time.
"""

from __future__ import annotations

import re
from pathlib import Path

from cffi import FFI

_MARKED = re.compile(r"/\* cffi:begin \*/(.*?)/\* cffi:end \*/", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)(.*)$", re.MULTILINE)


def declarations(header: str) -> str:
    """Cut the declarations for ``FFI.cdef`` out of a header's text.

    ``OH_API`` is dropped and the value of every ``#define`` is left to the compiler.

    Raises:
        ValueError: The markers are missing, or a directive other than a plain ``#define NAME value`` stands between them.
    """
    parts = _MARKED.findall(header)
    if not parts:
        raise ValueError("no /* cffi:begin */ ... /* cffi:end */ in the header")

    def define(match: re.Match[str]) -> str:
        name = re.fullmatch(r"define[ \t]+(\w+)[ \t]+\S.*", match[1] + match[2])
        if name is None:
            raise ValueError(f"cannot hand this line of the header to cffi: {match[0].strip()}")
        return f"#define {name[1]} ..."

    text = _COMMENT.sub("", "\n".join(parts)).replace("OH_API ", "")
    return _DIRECTIVE.sub(define, text)


def builder(module: str, header: Path, include: FFI | None = None) -> FFI:
    """The cffi builder of *module* for *header*; *include* is the builder of a header that this one includes."""
    ffi = FFI()
    if include is not None:
        ffi.include(include)
    try:
        ffi.cdef(declarations(header.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{header}: {error}") from error
    ffi.set_source(module, f'#include "{header.name}"')
    return ffi
