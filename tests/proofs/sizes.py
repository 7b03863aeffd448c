"""What a process holds, as the kernel counts it."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Size:
    """What a process holds: resident bytes, and descriptors."""

    resident: int
    descriptors: int

    @classmethod
    def of(cls, pid: int) -> "Size":
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path(f"/proc/{pid}/fd").iterdir())))
