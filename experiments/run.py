"""Reproduces docs/experiments.md: `python experiments/run.py --work DIR [--logs DIR] [--sets DIR]`.

Simulated chains are made and measured here. The event logs and the one-class sets are other
people's: fetch them yourself (see the README in each folder) and name the folders; without them,
the tables of an earlier run stay as they are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = Path("docs/experiments.md")
#: Section of the page to the script that writes it and the option that names its data.
SECTIONS = {
    "scans": (HERE / "scans" / "run.py", None),
    "reliability": (HERE / "scans" / "reliability.py", None),
    "contamination": (HERE / "scans" / "contamination.py", None),
    "event-logs": (HERE / "event_logs" / "run.py", "logs"),
    "one-class": (HERE / "one_class" / "run.py", "sets"),
}


def main() -> None:
    """Run what there is data for, and put the tables into the page."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--work", type=Path, required=True)
    asked.add_argument("--logs", type=Path)
    asked.add_argument("--sets", type=Path)
    given = asked.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    page = PAGE.read_text(encoding="utf-8")
    for name, (script, option) in SECTIONS.items():
        data = getattr(given, option) if option else given.work
        if data is None:
            print(f"{name}: no data given, left as it is")
            continue
        fragment = given.work / f"{name}.md"
        source = ["--data", str(data)] if option else ["--work", str(data)]
        command = [sys.executable, str(script), *source, "--out", str(fragment)]
        subprocess.run(command, check=True)
        page = replaced(page, name, fragment.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")


def replaced(page: str, name: str, fragment: str) -> str:
    """The page with what stands between the markers of a section replaced."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n\n{fragment.strip()}\n\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    main()
