"""Which QQ faces NapCat can send: it drops a face with any other id."""

from __future__ import annotations

# the face table of NapCat 4.18; QQ itself has newer ones, which NapCat drops
_RANGES = """
0-16 18-39 41-43 46 49 53 55 56 59 60 63 64 66 67 74-79 85 86 89 96-112 114 116 118-125 129 137
144 146-148 169 171-183 185 187 193 194 198 200-204 206 210-212 214-219 221-227 229-233 235
237-241 243 244 262-273 277 278 281-290 292-295 297-303 305-307 311 312 314 317-320 322-326
332-334 336-339 341-413 415-417 419-432
"""


def _numbers(span: str) -> range:
    first, _, last = span.partition("-")
    return range(int(first), int(last or first) + 1)


FACES = frozenset(number for span in _RANGES.split() for number in _numbers(span))
