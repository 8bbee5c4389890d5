"""What is the same thing: image repositories, packages, advisories.

References: https://github.com/distribution/reference, https://github.com/package-url/purl-spec.
"""

from __future__ import annotations

from triagebot.identity.advisories import (
    advisory_ids,
    canonical,
    check_id,
    finding_id,
    is_advisory,
    is_bulletin,
    is_cve,
)
from triagebot.identity.images import (
    NO_IMAGE,
    Image,
    glob,
    inventory_image,
    masked,
    parse_image,
    place_of,
    qualify,
    rewrite,
    tagged,
    workload,
)
from triagebot.identity.packages import (
    DISTRO_PURL,
    LANGUAGE_PURL,
    UNNAMED,
    build_package,
    names_of,
    one_spelling,
    package_name,
    package_of,
)

__all__ = [
    "DISTRO_PURL",
    "LANGUAGE_PURL",
    "NO_IMAGE",
    "UNNAMED",
    "Image",
    "advisory_ids",
    "build_package",
    "canonical",
    "check_id",
    "finding_id",
    "glob",
    "inventory_image",
    "is_advisory",
    "is_bulletin",
    "is_cve",
    "masked",
    "names_of",
    "one_spelling",
    "package_name",
    "package_of",
    "parse_image",
    "place_of",
    "qualify",
    "rewrite",
    "tagged",
    "workload",
]
