"""Looks for known faults of what is installed, by pip-audit; says so where nobody can be asked."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request

# an old release with known faults: who knows none of it can't be asked about others
_FAULTY = "https://pypi.org/pypi/jinja2/2.4.1/json"
_SECONDS = 10


def main() -> int:
    """Run the audit; 1 if something is known of a package."""
    try:
        with urllib.request.urlopen(_FAULTY, timeout=_SECONDS) as answer:
            known = json.load(answer).get("vulnerabilities")
    except (OSError, ValueError) as error:
        print(f"not audited: the advisory service can't be asked ({error})")
        return 0
    if not known:
        print("not audited: what answers for the advisory service knows no advisories")
        return 0
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "pip-audit>=2.9,<3"], check=True)
    return subprocess.run(
        [sys.executable, "-m", "pip_audit", "--skip-editable"], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
