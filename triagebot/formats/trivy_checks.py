"""What Trivy finds beside vulnerabilities: failed checks of configuration, and secrets.

https://trivy.dev/latest/docs/scanner/misconfiguration/, https://trivy.dev/latest/docs/scanner/secret/
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from triagebot.formats import rows
from triagebot.formats.interface import Report


class Cause(Struct, gc=False, rename="pascal"):
    start_line: int = 0


class Misconfiguration(Struct, gc=False, rename="pascal"):
    id: str = field(name="ID", default="")
    avd_id: str = field(name="AVDID", default="")
    title: str = ""
    message: str = ""
    severity: str = ""
    status: str = ""
    primary_url: str = field(name="PrimaryURL", default="")
    cause_metadata: Cause | None = None


class Secret(Struct, gc=False, rename="pascal"):
    """The match and the code around it are not named here: what a secret says is never read."""

    rule_id: str = field(name="RuleID", default="")
    severity: str = ""
    title: str = ""
    start_line: int = 0


def fill(
    report: Report,
    target: str,
    checks: Iterable[Misconfiguration] | None,
    secrets: Iterable[Secret] | None,
    in_files: bool,
) -> None:
    """Take what one target fails and holds. `in_files`: the target is a file, not a resource of a cluster."""
    for check in checks or ():
        if check.status in ("PASS", "EXCEPTION"):
            report.entries += 1
            report.skip("passed" if check.status == "PASS" else "excepted")
            continue
        line = check.cause_metadata.start_line if check.cause_metadata else 0
        rows.misconfiguration(
            report, check.id, file=target if in_files else "", level=check.severity, level_source="trivy",
            location=f"{target}:{line}" if in_files and line else "", title=check.title or check.message,
            url=check.primary_url, aliases=[check.avd_id],
        )  # fmt: skip
    for secret in secrets or ():
        rows.secret(report, secret.rule_id, target, level=secret.severity, level_source="trivy",
                    line=secret.start_line, title=secret.title)  # fmt: skip
