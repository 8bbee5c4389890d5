"""Which file of the folder is which ticket: the one of its name; where a person renamed that, the one with its marker.

To rename a file is hardly meant as a decision, and without this the ticket would be filed once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """`copies`: the file of the ticket, for each that carries the same marker; `renamed`: old name -> new name;
    `standing`: the file of each ticket, by the name that its marker gives it."""

    copies: Mapping[str, str]
    renamed: Mapping[str, str]
    standing: Mapping[str, str]


def sorted_out(files: Mapping[str, str], unread: Collection[str], known: Mapping[str, str]) -> Names:
    """`files`: the name that its marker gives each file; `unread`: files of whose marker nothing is known; `known`:
    the tickets that history remembers, likewise.

    Of several files the one of the proper name is the ticket, else one that was it before, else the first.
    """
    alike: dict[str, list[str]] = defaultdict(list)
    for name, proper in files.items():
        alike[proper].append(name)
    standing = {
        proper: proper if proper in unread else min(names, key=lambda name: (name != proper, name not in known, name))
        for proper, names in alike.items()
    }
    return Names(
        {name: standing[proper] for name, proper in files.items() if name != standing[proper]},
        {name: standing[proper] for name, proper in known.items() if standing.get(proper, name) != name},
        standing,
    )
