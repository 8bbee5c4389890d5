"""`python -m triagebot.helper`: a process that reads some of the files of a scan for another one."""

from __future__ import annotations

import gc
import signal
from collections.abc import Sequence

from triagebot import beside, parts
from triagebot.parts import Job, Part


def _read(job: Job, names: Sequence[str]) -> Part:
    return parts.read_files(job, names)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts means the run; it ends its helpers itself
    gc.disable()
    beside.serve(_read)
