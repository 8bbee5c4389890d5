"""Reads the files of a scan from disk and from archives, within limits.

An archive is read without unpacking it, so that no path or link in it can lead anywhere; what has a path or a kind that
an honest archive of reports has no use for is named as a failure all the same. A member's size, which bounds what is
read of it, is checked before it is read.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from triagebot.errors import InputError, ReportError

FILE_LIMIT = 2 * 1024**3
TOTAL_LIMIT = 32 * 1024**3
RATIO_LIMIT = 500
"""How many times an archive may grow; reports of scanners compress 10 to 60 times."""

RATIO_FLOOR = 256 * 1024**2
MEMBER_LIMIT = 200_000


def content(path: Path) -> bytes | ReportError:
    """The bytes of a file, or why it is not read."""
    size = path.stat().st_size
    return path.read_bytes() if size <= FILE_LIMIT else _too_large(size)


def members(path: Path) -> Iterator[tuple[str, bytes | ReportError]]:
    """(name, content) of each member of a tar archive. Raises `InputError` where it cannot be read or is a bomb."""
    packed = path.stat().st_size
    total = count = 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                count += 1
                if count > MEMBER_LIMIT:
                    raise _bomb(path, f"holds more than {MEMBER_LIMIT:,} files")
                name = member.name.removeprefix("./")
                if member.isdir():
                    continue
                total += member.size
                if total > TOTAL_LIMIT or (total > RATIO_FLOOR and total > packed * RATIO_LIMIT):
                    raise _bomb(path, f"grows from {packed:,} to {total:,} bytes or more")
                yield name, _member(archive, member, name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(str(path), f"not a readable archive: {error}", "pack it again with tar -czf") from error


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes | ReportError:
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts:
        return ReportError("", "its path leads out of the archive", "pack the folder again with tar -C FOLDER -czf")
    if member.issym() or member.islnk():
        return ReportError("", f"a link to {member.linkname!r}, not a file", "pack it again with tar --dereference")
    if not member.isfile():
        return ReportError("", "neither a file nor a folder", "pack only the reports")
    if member.size > FILE_LIMIT:
        return _too_large(member.size)
    held = archive.extractfile(member)
    return held.read() if held else b""


def _too_large(size: int) -> ReportError:
    return ReportError("", f"{size:,} bytes, more than the {FILE_LIMIT:,} of one report", "split the report")


def _bomb(path: Path, said: str) -> InputError:
    return InputError(str(path), f"refused: it {said}", "unpack it, look at it, and give the folder")
