"""The file of a pack: the same guides make the same bytes, in parts that can be fetched again one by one."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from services.tourism import signing

PART_BYTES = 256 * 1024
FORMAT = 1
_MOMENT = (1980, 1, 1, 0, 0, 0)  # a file has no time of its own: the same content is the same archive
TOMBSTONES = "removed.json"


@dataclass(frozen=True)
class Archive:
    """A pack's file: its bytes, their hash, and the parts they are fetched in."""

    content: bytes
    sha256: str

    @property
    def parts(self) -> list[bytes]:
        """The file in pieces of one size, the last one smaller."""
        return [self.content[start : start + PART_BYTES] for start in range(0, len(self.content), PART_BYTES)]

    def list_parts(self) -> list[dict[str, Any]]:
        """The parts as a manifest names them: where each begins, how long it is, its SHA-256."""
        return [
            {"offset": place * PART_BYTES, "bytes": len(part), "sha256": digest(part)}
            for place, part in enumerate(self.parts)
        ]


def digest(content: bytes) -> str:
    """SHA-256 as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def pack(files: Mapping[str, bytes]) -> Archive:
    """A ZIP archive of files by path, the same for the same files, whoever makes it."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(files):
            info = zipfile.ZipInfo(path, _MOMENT)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, files[path])
    content = made.getvalue()
    return Archive(content, digest(content))


def difference(old: Mapping[str, str], new: Mapping[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """What a phone with the files of `old` (path -> SHA-256) lacks, and the paths it has to forget."""
    changed = {path: content for path, content in new.items() if old.get(path) != digest(content)}
    removed = sorted(set(old) - set(new))
    if removed:
        changed[TOMBSTONES] = orjson.dumps(removed)
    return changed, removed


def is_genuine(jwk: Mapping[str, Any], manifest: Mapping[str, Any], signature: str, content: bytes) -> bool:
    """What a phone checks before it believes a pack: the signature of the manifest, and the bytes against it."""
    return (
        signing.is_signed(jwk, signing.canonical(dict(manifest)), signature)
        and len(content) == manifest["bytes"]
        and digest(content) == manifest["sha256"]
    )


def unpack(content: bytes) -> dict[str, bytes]:
    """The files of an archive by path. Raises zipfile.BadZipFile."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def within_budget(files: Iterable[tuple[str, bytes, bool]], budget: int) -> tuple[dict[str, bytes], list[str]]:
    """Files until the budget is full: needed ones always, the others in their order; and the paths left out."""
    given = list(files)
    taken = {path: content for path, content, is_needed in given if is_needed}
    spent = sum(map(len, taken.values()))
    left_out = []
    for path, content, is_needed in given:
        if is_needed:
            continue
        if spent + len(content) > budget:
            left_out.append(path)
            continue
        taken[path] = content
        spent += len(content)
    return taken, left_out
