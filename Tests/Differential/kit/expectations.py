"""The explanations: for each case and difference one line, for each reason one paragraph."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from .cases import Malformed

# (case, peer, aspect) → (ours, theirs)
Differences = dict[tuple[str, str, str], tuple[str, str]]


@dataclass
class Expectations:
    versions: dict[str, str] = field(default_factory=dict)
    # Reason → text, which must cite a section.
    reasons: dict[str, str] = field(default_factory=dict)
    # (case, peer, aspect) → (ours, theirs, reason)
    lines: dict[tuple[str, str, str], tuple[str, str, str]] = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> Expectations:
        """`written for PEER VERSION`, `reason NAME: TEXT`, and `CASE | PEER | ASPECT | OURS | THEIRS | REASON`.

        A peer that does not always do the same has its ways in THEIRS, with ` or ` between; one may be ours.
        """
        result = Expectations()
        for number, line in enumerate(path.read_text().split("\n"), 1):
            if not line or line.startswith("#"):
                continue
            if match := re.fullmatch(r"written for (\w+) (\S+)", line):
                result.versions[match[1]] = match[2]
            elif match := re.fullmatch(r"reason ([a-z0-9-]+): (.+)", line):
                if not re.search(r"RFC \d+ §[\d.]+|RFC \d+ §[A-Z]", match[2]):
                    raise Malformed(f"{path.name}:{number}: the reason {match[1]} cites no section")
                result.reasons[match[1]] = match[2]
            else:
                parts = [part.strip() for part in line.split(" | ")]
                if len(parts) != 6 or parts[5] not in result.reasons:
                    raise Malformed(f"{path.name}:{number}: wanted CASE | PEER | ASPECT | OURS | THEIRS | REASON")
                key = (parts[0], parts[1], parts[2])
                if key in result.lines:
                    raise Malformed(f"{path.name}:{number}: {key} is explained twice")
                result.lines[key] = (parts[3], parts[4], parts[5])
        return result

    def judge(self, seen: Differences) -> list[str]:
        """Differences without an explanation, explanations of what is no longer so, reasons nobody gives."""
        found = []
        for key, (ours, theirs) in sorted(seen.items()):
            line = " | ".join([*key, ours, theirs])
            if key not in self.lines:
                found.append(f"unexplained: {line}")
            elif self.lines[key][0] != ours or theirs not in self.lines[key][1].split(" or "):
                found.append(f"explained otherwise: {line}\n      explained: {' | '.join(self.lines[key])}")
        for key, line in sorted(self.lines.items()):
            if key not in seen and line[0] not in line[1].split(" or "):
                found.append(f"stale, no such difference: {' | '.join([*key, *line])}")
        for reason in sorted(set(self.reasons) - {line[2] for line in self.lines.values()}):
            found.append(f"stale, nobody gives the reason {reason}")
        return found
