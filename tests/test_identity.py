"""What is the same thing: tables of image references, packages, advisories and versions."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from triagebot.identity import (
    Image,
    build_package,
    canonical,
    finding_id,
    glob,
    inventory_image,
    masked,
    package_name,
    package_of,
    parse_image,
    qualify,
    rewrite,
)
from triagebot.versions import branch_fix, highest, split

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("reference", "asset", "tag", "digest"),
    [
        ("nginx", "docker.io/library/nginx", "latest", ""),
        ("nginx:1.25", "docker.io/library/nginx", "1.25", ""),
        ("  nginx:1.25\n", "docker.io/library/nginx", "1.25", ""),
        ("grafana/loki:2.4.2", "docker.io/grafana/loki", "2.4.2", ""),
        ("docker.io/nginx:1", "docker.io/library/nginx", "1", ""),
        ("docker.io/library/nginx:1", "docker.io/library/nginx", "1", ""),
        ("index.docker.io/library/nginx:1", "docker.io/library/nginx", "1", ""),
        ("registry-1.docker.io/grafana/loki", "docker.io/grafana/loki", "latest", ""),
        ("registry:5000/a/b", "registry:5000/a/b", "latest", ""),
        ("registry:5000/a/b:1.0", "registry:5000/a/b", "1.0", ""),
        (f"registry:5000/a/b:1.0@{DIGEST}", "registry:5000/a/b", "1.0", DIGEST),
        (f"registry:5000/a/b@{DIGEST}", "registry:5000/a/b", "", DIGEST),
        ("registry.example:443/a", "registry.example:443/a", "latest", ""),
        ("localhost/a:1", "localhost/a", "1", ""),
        ("localhost:5000/a", "localhost:5000/a", "latest", ""),
        (f"nginx:1.25@{DIGEST}", "docker.io/library/nginx", "1.25", DIGEST),
        (f"nginx@{DIGEST}", "docker.io/library/nginx", "", DIGEST),
        (f"nginx@{DIGEST.upper().replace('SHA', 'sha')}", "docker.io/library/nginx", "", DIGEST),
        (f"nginx@sha512:{HEX}{HEX}", "docker.io/library/nginx", "", f"sha512:{HEX}{HEX}"),
        ("Quay.io/Org/App:Tag-1_x.Y", "quay.io/org/app", "Tag-1_x.Y", ""),
        ("gcr.io/a/b/c/d:1", "gcr.io/a/b/c/d", "1", ""),
        ("acid/spilo-14:2.1-p4", "docker.io/acid/spilo-14", "2.1-p4", ""),
        ("quay.io/strimzi/kafka:0.26.0-kafka-2.8.1", "quay.io/strimzi/kafka", "0.26.0-kafka-2.8.1", ""),
        ("a/b:" + "x" * 128, "docker.io/a/b", "x" * 128, ""),
        ("/tmp/image.tar", "file:///tmp/image.tar", "", ""),
        ("./image", "file://./image", "", ""),
        ("image.tar", "file://image.tar", "", ""),
        ("out/image.tar.gz", "file://out/image.tar.gz", "", ""),
        ("image.tgz", "file://image.tgz", "", ""),
        ("docker-archive:/tmp/image.tar", "file:///tmp/image.tar", "", ""),
        ("oci-archive:image", "file://image", "", ""),
        ("file:///tmp/image", "file:///tmp/image", "", ""),
        ("dir:/srv", "file:///srv", "", ""),
        ("C:\\images\\image.tar", "file://C:/images/image.tar", "", ""),
        ("a b", "file://a b", "", ""),
        ("", "file://", "", ""),
        ("k8s://cluster/namespace/Deployment/name", "k8s://cluster/namespace/Deployment/name", "", ""),
    ],
)
def test_image_references(reference: str, asset: str, tag: str, digest: str) -> None:
    assert parse_image(reference) == Image(asset, tag, digest)


@given(
    st.from_regex(
        r"(registry\.example(:[0-9]{2,5})?/|localhost/|)[a-z0-9]{1,8}([._/-][a-z0-9]{1,8}){0,3}", fullmatch=True
    ),
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.sampled_from(["", DIGEST]),
)
def test_a_reference_comes_back_from_its_parts(repository: str, tag: str, digest: str) -> None:
    assume(not tag.endswith((".tar", ".tar.gz", ".tgz", ".img", ".json")))
    image = parse_image(f"{repository}:{tag}" + (f"@{digest}" if digest else ""))
    assert (image.tag, image.digest) == (tag, digest)
    assert image.asset.endswith(repository)
    again = parse_image(image.label + (f"@{digest}" if digest else ""))
    assert again == image, "a qualified reference stands for itself"
    assert image.label == f"{image.asset}:{tag}"


@pytest.mark.parametrize(
    ("repository", "qualified"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("a/b", "docker.io/a/b"),
        ("a.b/c", "a.b/c"),
        ("a:1/c", "a:1/c"),
        ("localhost/c", "localhost/c"),
        ("docker.io/c", "docker.io/library/c"),
        ("DOCKER.IO/C", "docker.io/library/c"),
        ("index.docker.io/a/c", "docker.io/a/c"),
    ],
)
def test_qualify(repository: str, qualified: str) -> None:
    assert qualify(repository) == qualified
    assert qualify(qualified) == qualified


@pytest.mark.parametrize(
    ("line", "image"),
    [
        ("nginx", Image("docker.io/library/nginx", "")),
        ("nginx:1.25", Image("docker.io/library/nginx", "1.25")),
        ("registry:5000/a/b", Image("registry:5000/a/b", "")),
        ("registry:5000/a/b:2", Image("registry:5000/a/b", "2")),
        (f"nginx@{DIGEST}", Image("docker.io/library/nginx", "", DIGEST)),
    ],
)
def test_inventory_lines(line: str, image: Image) -> None:
    assert inventory_image(line) == image


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("1.2.3", "1.2.10", True),
        ("1.2.3", "v1.2.3", False),
        ("1.2.3", "1.2.3.4", False),
        ("1.2.3-alpine3.14", "1.3.0-alpine3.15", True),
        ("1.2.3-alpine3.14", "1.2.3-debian11", False),
        ("1.2.3", "1.2.3-debug", False),
        ("1.0-gdeadbee", "1.0-g0123456", True),
        ("main-abcdef0", "main-1234567", True),
        ("main-abcdef0", "develop-abcdef0", False),
        ("3.12.0-20220204_969a45c", "3.12.1-20220211_d78e86c", True),
        ("latest", "latest", True),
        ("latest", "stable", False),
        ("20240101", "20240201", True),
        ("1.2.3-RC1", "1.2.4-rc2", True),
        ("", "1", False),
    ],
)
def test_tags_of_one_line_mask_alike(one: str, other: str, alike: bool) -> None:
    assert (masked(one) == masked(other)) == alike


# ---- packages ----


@pytest.mark.parametrize(
    ("purl", "package", "name"),
    [
        ("pkg:apk/alpine/busybox@1.32.1-r6?arch=x86_64&distro=3.13#a/b", "pkg:apk/alpine/busybox", "busybox"),
        ("pkg:deb/debian/libssl1.1@1.1.1n-0", "pkg:deb/debian/libssl1.1", "libssl1.1"),
        ("pkg:rpm/redhat/bash@0:4.4?epoch=1", "pkg:rpm/redhat/bash", "bash"),
        ("pkg:npm/%40angular/core@12.0.0", "pkg:npm/%40angular/core", "@angular/core"),
        ("pkg:npm/@angular/core@12.0.0", "pkg:npm/%40angular/core", "@angular/core"),
        ("pkg:npm/@angular/core", "pkg:npm/%40angular/core", "@angular/core"),
        ("pkg:npm/lodash", "pkg:npm/lodash", "lodash"),
        ("pkg:maven/org.apache/log4j@2.14.0?type=jar", "pkg:maven/org.apache/log4j", "org.apache:log4j"),
        ("pkg:golang/golang.org/x/net@v0.7.0#http2", "pkg:golang/golang.org/x/net", "golang.org/x/net"),
        ("pkg:golang/stdlib@1.20", "pkg:golang/stdlib", "stdlib"),
        ("pkg:pypi/Foo_Bar@1.0", "pkg:pypi/foo-bar", "foo-bar"),
        ("pkg:PyPI/requests", "pkg:pypi/requests", "requests"),
        ("pkg:gem/rails@6.0?platform=ruby", "pkg:gem/rails", "rails"),
        ("", "", ""),
        ("busybox", "", ""),
        ("pkg:", "", ""),
        ("pkg:npm/", "", ""),
        ("pkg:npm", "", ""),
    ],
)
def test_purls(purl: str, package: str, name: str) -> None:
    assert package_of(purl) == package
    assert package_of(package) == package
    assert package_name(package) == name


@pytest.mark.parametrize(
    ("kind", "name", "purl"),
    [
        ("alpine", "busybox", "pkg:apk/alpine/busybox@1"),
        ("alpine:3.14", "busybox", "pkg:apk/alpine/busybox@1?distro=3.14"),
        ("debian", "libssl1.1", "pkg:deb/debian/libssl1.1@1"),
        ("debian", "libstdc++6", "pkg:deb/debian/libstdc++6@12"),
        ("debian", "libstdc++6", "pkg:deb/debian/libstdc%2B%2B6@12?arch=amd64"),
        ("alpine", "libstdc++", "pkg:apk/alpine/libstdc%2B%2B@12"),
        ("redhat", "bash", "pkg:rpm/redhat/bash@4"),
        ("redhat", "bash", "pkg:rpm/rhel/bash@4"),
        ("redhat", "PyYAML", "pkg:rpm/redhat/PyYAML@5"),
        ("amazon", "bash", "pkg:rpm/amzn/bash@4"),
        ("oracle", "bash", "pkg:rpm/ol/bash@4"),
        ("alma", "bash", "pkg:rpm/almalinux/bash@4"),
        ("suse linux enterprise server", "bash", "pkg:rpm/sles/bash@4"),
        ("npm", "@angular/core", "pkg:npm/%40angular/core@12"),
        ("node-pkg", "lodash", "pkg:npm/lodash@4"),
        ("jar", "org.apache:log4j", "pkg:maven/org.apache/log4j@2"),
        ("gobinary", "golang.org/x/net", "pkg:golang/golang.org/x/net@v0.7.0"),
        ("gomod", "github.com/Azure/Go-SDK", "pkg:golang/github.com/Azure/Go-SDK@v1"),
        ("gomod", "github.com/Azure/Go-SDK", "pkg:golang/github.com/azure/go-sdk@v1"),
        ("gobinary", "stdlib", "pkg:golang/stdlib@1.20"),
        ("python-pkg", "Foo_Bar", "pkg:pypi/foo-bar@1"),
        ("gemspec", "rails", "pkg:gem/rails@6"),
        ("composer", "symfony/http", "pkg:composer/symfony/http@5"),
        ("nuget", "Newtonsoft.Json", "pkg:nuget/Newtonsoft.Json@1"),
        ("cargo", "serde", "pkg:cargo/serde@1"),
    ],
)
def test_a_package_is_one_whether_its_purl_is_told_or_not(kind: str, name: str, purl: str) -> None:
    """Another scanner, or a newer one that adds purls, must not make another finding of it."""
    assert build_package(kind, name) == package_of(purl)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("debian", "libstdc++6", "libstdc++6"),
        ("alpine", "busybox", "busybox"),
        ("jar", "a.b:c", "a.b:c"),
        ("npm", "@a/b", "@a/b"),
        ("gobinary", "golang.org/x/net", "golang.org/x/net"),
        ("who knows", "some thing", "some thing"),
    ],
)
def test_a_package_is_called_as_people_call_it(kind: str, name: str, said: str) -> None:
    assert package_name(build_package(kind, name)) == said


def test_a_purl_is_called_as_people_call_it() -> None:
    assert package_name(package_of("pkg:deb/debian/libstdc%2B%2B6@12")) == "libstdc++6"


# ---- advisories ----


@pytest.mark.parametrize(
    ("ids", "chosen", "aliases"),
    [
        (("CVE-2024-1234",), ("CVE-2024-1234",), ()),
        (("cve-2024-1234",), ("CVE-2024-1234",), ()),
        (
            ("GHSA-AAAA-bbbb-cc11", "CVE-2024-1234"),
            ("CVE-2024-1234",),
            (("GHSA-aaaa-bbbb-cc11", "CVE-2024-1234"),),
        ),
        (
            ("SNYK-X-1", "CVE-2024-1234", "CVE-2024-5678", "CVE-2024-1234"),
            ("CVE-2024-1234", "CVE-2024-5678"),
            (("SNYK-X-1", "CVE-2024-1234"), ("SNYK-X-1", "CVE-2024-5678")),
        ),
        (
            ("SNYK-X-1", "GHSA-aaaa-bbbb-cc11"),
            ("GHSA-aaaa-bbbb-cc11",),
            (("SNYK-X-1", "GHSA-aaaa-bbbb-cc11"),),
        ),
        (("SNYK-X-1",), ("SNYK-X-1",), ()),
        (("TEMP-1", "OTHER-2"), ("TEMP-1",), (("OTHER-2", "TEMP-1"),)),
        ((), (), ()),
    ],
)
def test_canonical(ids: tuple[str, ...], chosen: tuple[str, ...], aliases: tuple[tuple[str, str], ...]) -> None:
    assert canonical(ids) == (chosen, aliases)


def test_finding_ids_tell_their_parts_apart() -> None:
    assert re.fullmatch("[0-9a-f]{8}", finding_id("a", "b", "c"))
    assert (
        len({finding_id("a", "b", "c"), finding_id("ab", "", "c"), finding_id("a", "bc", ""), finding_id("", "a", "b")})
        == 4
    )


# ---- globs ----


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("*", "", True), ("*", "a/b", True), ("a*", "a/b/c", True), ("*/c", "a/b/c", True), ("a", "ab", False),
        ("a?c", "abc", True), ("a?c", "ac", False), ("a.c", "abc", False), ("a.c", "a.c", True), ("[ab]", "a", False),
        ("[ab]", "[ab]", True), ("{a,b}/**", "b/x/y", True), ("{a,b}", "c", False), ("{a,{b,c}}d", "cd", True),
        ("a,b", "a,b", True), ("a}", "a}", True), ("x(y)+$", "x(y)+$", True), ("CVE-2024-*", "CVE-2024-1", True),
        ("", "", True), ("", "a", False), ("*overflow*", "a stack\noverflow", True), ("a", "a\n", False),
        ("größe*", "größe/画像", True), ("a b#c-d~e&f", "a b#c-d~e&f", True),
    ],
)  # fmt: skip
def test_globs(pattern: str, text: str, matches: bool) -> None:
    assert bool(re.fullmatch(glob(pattern), text)) == matches


@pytest.mark.parametrize(
    ("asset", "rewrites", "told"),
    [
        (
            "registry.example/mirror/stable/a/b",
            (("registry.example/mirror/{stable,unstable}/**", "registry.example/**"),),
            "registry.example/a/b",
        ),
        ("docker.io/a", (("registry.example/**", "x/**"),), "docker.io/a"),
        ("a/b", (("x*", "y"), ("a*", "z*"), ("*", "q")), "z/b"),
        ("a/b/c", (("*/b/*", "*-x-*"),), "a-x-c"),
        ("a/b", (("a/b", "c/d"),), "c/d"),
        ("a/b", (("a/*", "c"),), "c"),
        ("a/b", (), "a/b"),
        ("old.example/x", (("old.example/*", "new.example/*"), ("new.example/*", "newer.example/*")), "new.example/x"),
    ],
)
def test_rewrites(asset: str, rewrites: tuple[tuple[str, str], ...], told: str) -> None:
    assert rewrite(asset, rewrites) == told


# ---- versions ----


@pytest.mark.parametrize(
    ("package", "installed", "fixed", "upgrade"),
    [
        ("pkg:npm/x", "1.2.0", ("1.2.5", "2.0.1"), "1.2.5"),
        ("pkg:npm/x", "1.2.0", ("2.0.1", "1.10.0", "1.9.0"), "1.9.0"),
        ("pkg:npm/x", "1.2.0", ("3.0.0", "2.0.1"), "2.0.1"),
        ("pkg:npm/x", "10.0.0", ("1.5.0", "10.0.1", "2.0.0"), "10.0.1"),
        ("pkg:npm/x", "3.0.0", ("2.0.1", "1.0.0"), "2.0.1, 1.0.0"),
        ("pkg:npm/x", "1.0.0", ("junk", "1.1.0"), "junk, 1.1.0"),
        ("pkg:npm/x", "junk", ("1.0.0",), "1.0.0"),
        ("pkg:npm/x", "", ("1.0.0",), "1.0.0"),
        ("pkg:npm/x", "1.0.0", (), ""),
        ("pkg:npm/x", "1.0.0", ("", "1.0.1", "1.0.1"), "1.0.1"),
        ("pkg:apk/alpine/x", "1.32.1-r6", ("1.32.1-r10", "1.32.1-r7"), "1.32.1-r7"),
        ("pkg:deb/debian/x", "1:2.0-1", ("1:2.0-10", "1:2.0-2"), "1:2.0-2"),
        ("pkg:deb/debian/x", "1.0~beta1", ("1.0",), "1.0"),
        ("pkg:deb/debian/x", "2.0", ("1:1.0",), "1:1.0"),
        ("pkg:rpm/redhat/x", "0:1.2-3.el8", ("0:1.2-10.el8", "0:1.2-4.el8"), "0:1.2-4.el8"),
        ("pkg:golang/x", "v0.7.0", ("0.17.0",), "0.17.0"),
        ("pkg:golang/x", "0.7.0", ("v1.0.0", "v0.17.0"), "v0.17.0"),
        ("pkg:golang/stdlib", "1.19.1", ("1.20.7", "1.19.12"), "1.19.12"),
        ("pkg:pypi/x", "1.0rc1", ("1.0",), "1.0"),
        ("pkg:maven/a/b", "2.14.0", ("2.15.0", "2.12.2"), "2.15.0"),
        ("pkg:gem/x", "1.2", ("1.10", "1.9"), "1.9"),
        ("pkg:generic/x", "1.0", ("1.1",), "1.1"),
    ],
)
def test_the_fix_on_the_installed_branch(package: str, installed: str, fixed: tuple[str, ...], upgrade: str) -> None:
    assert branch_fix(package, installed, fixed) == upgrade


@pytest.mark.parametrize(
    ("package", "versions", "wanted"),
    [
        ("pkg:npm/x", ("1.9.0", "1.10.0"), "1.10.0"),
        ("pkg:apk/alpine/x", ("1.0-r9", "1.0-r10"), "1.0-r10"),
        ("pkg:deb/debian/x", ("2.0", "1:1.0"), "1:1.0"),
        ("pkg:pypi/x", ("1.0", "1.0rc1"), "1.0"),
        ("pkg:golang/x", ("v1.2.0", "1.10.0"), "1.10.0"),
        ("pkg:npm/x", ("junk", "1.0.0"), "1.0.0, junk"),
        ("pkg:npm/x", ("", "1.0.0"), "1.0.0"),
        ("pkg:npm/x", (), ""),
    ],
)
def test_the_highest_clears_all(package: str, versions: tuple[str, ...], wanted: str) -> None:
    assert highest(package, versions) == wanted


@pytest.mark.parametrize(
    ("fixed", "parts"),
    [
        ("25.0.2, 24.0.9", ("25.0.2", "24.0.9")),
        ("1 || 2", ("1", "2")),
        ("1,1", ("1",)),
        ("", ()),
        (" , ", ()),
    ],
)
def test_split(fixed: str, parts: tuple[str, ...]) -> None:
    assert split(fixed) == parts
