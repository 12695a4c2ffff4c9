"""Names and contents that are on the disk whole, or not at all."""

import os
import shutil
import tempfile
from pathlib import Path


def put_beside(source: Path, target: Path) -> None:
    """The same content under another name, whole or not at all: linked, or copied where links do not reach."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        handle, temporary = tempfile.mkstemp(dir=target.parent)
        with os.fdopen(handle, "wb") as file, source.open("rb") as given:
            shutil.copyfileobj(given, file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """A name that was put into the folder outlasts a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
