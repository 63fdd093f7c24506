"""axe-core, the checker of accessibility, as ``make browser-ready`` installs it from npm."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page

SCRIPT = Path(__file__).resolve().parents[2] / ".venv-browser/node_modules/axe-core/axe.min.js"

# All rules, those for a single page's best practice and the experimental ones too.
RUN = """() => axe.run(document, {
  resultTypes: ["violations"],
  rules: { "label-content-name-mismatch": { enabled: true } },
}).then(({ violations }) =>
  violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
    `${id} ${target.join(" ")}: ${failureSummary.split("\\n")[1]?.trim()}`)))"""


def require_axe() -> str:
    """Give the script, or skip the test where it cannot be installed."""
    if not SCRIPT.exists():
        if shutil.which("npm") is None:
            pytest.skip("there is no npm on this machine to install axe-core with")
        pytest.skip("axe-core is not installed: run `make browser-ready`")
    return SCRIPT.read_text()


def problems(page: Page, script: str) -> list[str]:
    """Check the page as it is now; gives what is wrong, one line for each element."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(script)
    found: list[str] = page.evaluate(RUN)
    return found
