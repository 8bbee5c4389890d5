"""Write the two example scans of a platform of 178 images: the same seed, the same bytes.

The scans have the shape of `snyk container test --json`. What carries the story is written out in the tables:
the images, the packages that make nineteen of them critical or high, what the second scan brought or lost.
The bulk, medium and low, is drawn by hashing the seed and fills up what the story leaves, so that the figures
of both scans hold for every seed. `--check` recounts them and shares no code with what wrote the files.
"""

import argparse
import csv
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

LABELS = ("1.2.0-alpha.67", "1.2.0-alpha.68")
IN_HOUSE = "registry.example/csm-docker/stable/"
CHANGED_TAGS = 120
ZLIB, IMAGES_WITH_ZLIB = "CVE-2018-25032", 60

FIGURES = (
    "findings",
    "critical",
    "critical fixable",
    "high",
    "high fixable",
    "images",
    "with critical or high",
    "with a fixable one of these",
)
EXPECTED = {
    "1.2.0-alpha.67": (4700, 40, 22, 116, 85, 178, 16, 15),
    "1.2.0-alpha.68": (4923, 64, 44, 127, 93, 178, 19, 19),
}
SENTENCE = (
    "1.3% of vulns are critical (68.8% of those fixable), 2.6% are high (73.2% of those fixable); "
    "19 of 178 images have critical or high vulns"
)

# manifest/chart,... ("-": in none), image (in house, if it has no slash), base, tag, and for some the
# language whose packages it holds. A base or tag "a>b" differs between the scans. A tag "-" is drawn,
# ">" is drawn and changes.
IMAGES = """
core-services/cray-dns-unbound cray-dns-unbound alpine:3.13 0.7.0>0.7.1
core-services/cray-dns-unbound cray-dns-unbound-manager alpine:3.15 - pip
core-services/cray-dns-powerdns cray-dns-powerdns debian:10 >
core-services/cray-powerdns-manager cray-powerdns-manager alpine:3.15 - pip
core-services/cray-dhcp-kea cray-dhcp-kea alpine:3.15 -
core-services/cray-dhcp-kea cray-dhcp-kea-exporter alpine:3.14 - pip
core-services/cray-hms-sls cray-hms-sls alpine:3.15 - go
core-services/cray-hms-sls cray-hms-sls-loader alpine:3.15 -
core-services/cray-hms-smd cray-hms-smd alpine:3.15 - go
core-services/cray-hms-smd cray-hms-smd-init alpine:3.15 -
core-services/cray-hms-meds cray-hms-meds alpine:3.15 - go
core-services/cray-hms-reds cray-hms-reds alpine:3.14 - go
core-services/cray-hms-discovery cray-hms-discovery alpine:3.15 -
core-services/cray-hms-discovery cray-hms-hmi-nfd alpine:3.15 -
sysmgmt/cray-hms-bss cray-hms-bss alpine:3.15 - go
sysmgmt/cray-hms-capmc cray-hms-capmc alpine:3.15 -
sysmgmt/cray-hms-firmware-action cray-hms-firmware-action alpine:3.13 >
sysmgmt/cray-hms-firmware-action cray-hms-firmware-loader alpine:3.14 -
sysmgmt/cray-hms-hbtd cray-hms-hbtd alpine:3.15 -
sysmgmt/cray-hms-hmnfd cray-hms-hmnfd alpine:3.15 -
sysmgmt/cray-hms-hmcollector cray-hms-hmcollector alpine:3.12 >
sysmgmt/cray-hms-scsd cray-hms-scsd alpine:3.15 -
sysmgmt/cray-hms-rts cray-hms-rts debian:11 - pip
sysmgmt/cray-hms-rts cray-hms-rts-init alpine:3.15 -
sysmgmt/cray-hms-power-control cray-hms-power-control alpine:3.15 - go
sysmgmt/cray-hms-trs cray-hms-trs-operator alpine:3.15 -
sysmgmt/cray-hms-trs cray-hms-trs-worker alpine:3.15 -
sysmgmt/cray-hms-badger cray-hms-badger-api debian:11 - npm
sysmgmt/cray-hms-badger cray-hms-badger-loader debian:11 -
sysmgmt/cray-hms-pmdb cray-hms-pmdb-writer debian:11 - maven
sysmgmt/cray-hms-snmp cray-hms-snmp-backend ubuntu:20.04 -
sysmgmt/cray-cfs-api cray-cfs-api alpine:3.15 - pip
sysmgmt/cray-cfs-batcher cray-cfs-batcher alpine:3.15 -
sysmgmt/cray-cfs-operator cray-cfs-operator alpine:3.15 - pip
sysmgmt/cray-cfs-operator cray-cfs-aee debian:10 >
sysmgmt/cray-cfs-operator cray-cfs-git-clone alpine:3.15 -
sysmgmt/cray-cfs-operator docker.io/unguiculus/docker-python3-phantomjs-selenium debian:10 v1
sysmgmt/cray-cfs-ara cray-cfs-ara debian:11 - pip
sysmgmt/cray-cfs-hwsync-agent cray-cfs-hwsync-agent alpine:3.15 -
sysmgmt/cray-cfs-trust cray-cfs-trust alpine:3.14 -
sysmgmt/cray-cfs-debugger cray-cfs-debugger alpine:3.15 -
sysmgmt/cray-ims cray-ims-service alpine:3.15 - pip
sysmgmt/cray-ims cray-ims-utils alpine:3.13>alpine:3.15 >
sysmgmt/cray-ims cray-ims-sshd alpine:3.14 -
sysmgmt/cray-ims cray-ims-kiwi-ng-opensuse sles:15.3 -
sysmgmt/cray-ims cray-ims-customize sles:15.3 -
sysmgmt/cray-ims docker.io/library/nginx debian:11 1.21.6
sysmgmt/cray-bos cray-bos alpine:3.15 - pip
sysmgmt/cray-bos cray-bos-reporter sles:15.3 -
sysmgmt/cray-bos cray-bos-operators alpine:3.15 -
sysmgmt/cray-console-data cray-console-data alpine:3.15 - go
sysmgmt/cray-console-node cray-console-node debian:10 >
sysmgmt/cray-console-operator cray-console-operator alpine:3.15 - go
sysmgmt/cms-ipxe cray-ipxe sles:15.3 -
sysmgmt/cms-ipxe cray-ipxe-builder debian:11 -
sysmgmt/cray-tftp cray-tftp alpine:3.15 -
sysmgmt/cray-tftp cray-tftp-loader alpine:3.15 -
sysmgmt/cray-csm-barebones cray-csm-barebones-recipe sles:15.3 -
sysmgmt/csm-config cray-csm-config sles:15.3 -
sysmgmt/csm-ssh-keys cray-csm-ssh-keys alpine:3.15 -
sysmgmt/gitea cray-gitea-import alpine:3.13 >
sysmgmt/gitea cray-gitea-update alpine:3.15 -
sysmgmt/gitea docker.io/gitea/gitea alpine:3.14 1.15.11>1.16.5 go
sysmgmt/cray-product-catalog cray-product-catalog-update alpine:3.15 - pip
sysmgmt/cray-uas-mgr cray-uas-mgr alpine:3.15 - pip
sysmgmt/cray-uas-mgr cray-uai-sles15 sles:15.3 -
sysmgmt/cray-uas-mgr cray-uai-broker sles:15.3 -
sysmgmt/cray-tapms cray-tapms-operator distroless - go
sysmgmt/cray-tapms cray-tapms-ui debian:11 >
platform/cray-iuf cray-iuf debian:11 - pip
platform/cray-nls cray-nls alpine:3.15 - go
platform/cray-drydock cray-drydock alpine:3.14 -
platform/cray-precache-images cray-precache-images alpine:3.15 -
platform/cray-keycloak cray-keycloak-setup alpine:3.15 - pip
platform/cray-keycloak quay.io/keycloak/keycloak rhel:8 16.1.1 maven
platform/cray-keycloak-users-localize cray-keycloak-users-localize alpine:3.15 - pip
platform/cray-postgres-operator cray-postgres-backup debian:11 -
platform/cray-postgres-operator cray-postgres-exporter alpine:3.12>alpine:3.15 >
platform/cray-postgres-operator registry.opensource.zalan.do/acid/postgres-operator alpine:3.14 v1.7.1
platform/cray-postgres-operator,cray-nls registry.opensource.zalan.do/acid/spilo-14 ubuntu:20.04 2.1-p4>2.1-p5
platform/cray-etcd-backup cray-etcd-backup alpine:3.15 -
platform/cray-etcd-backup quay.io/coreos/etcd debian:11 v3.5.1>v3.5.2
platform/cray-etcd-defrag cray-etcd-defrag alpine:3.15 -
platform/cray-etcd-migration-setup cray-etcd-migration-setup alpine:3.14 -
platform/cray-baremetal-etcd-backup cray-baremetal-etcd-backup alpine:3.15 -
platform/cray-node-discovery cray-node-discovery alpine:3.15 -
platform/cray-node-labels cray-node-labels alpine:3.15 -
platform/cray-node-labels docker.io/bitnami/kubectl debian:10 1.20.13-debian-10-r5
platform/cray-sts cray-sts alpine:3.15 - pip
platform/cray-s3 cray-s3-init alpine:3.15 -
platform/trustedcerts-operator cray-trustedcerts-operator sles:15.3 -
platform/cray-vault cray-vault-init alpine:3.15 -
platform/cray-vault docker.io/banzaicloud/bank-vaults alpine:3.14 1.14.3>1.15.1
platform/cray-vault docker.io/hashicorp/vault alpine:3.14 1.9.3>1.9.4
platform/cray-certmanager cray-certmanager-issuers alpine:3.15 -
platform/cray-certmanager quay.io/jetstack/cert-manager-controller distroless v1.5.5 go
platform/cray-certmanager quay.io/jetstack/cert-manager-webhook distroless v1.5.5
platform/cray-certmanager quay.io/jetstack/cert-manager-cainjector distroless v1.5.5
platform/cray-opa cray-opa-policy-loader alpine:3.15 -
platform/cray-opa docker.io/openpolicyagent/opa distroless 0.38.0-envoy-1>0.38.1-envoy-3 go
platform/spire cray-spire-jwks debian:11 -
platform/spire gcr.io/spiffe-io/spire-server alpine:3.15 1.2.0>1.2.1
platform/spire gcr.io/spiffe-io/spire-agent alpine:3.15 1.2.0>1.2.1
platform/spire gcr.io/spiffe-io/k8s-workload-registrar alpine:3.15 1.2.0>1.2.1
platform/tpm-provisioner cray-tpm-provisioner debian:11 - go
platform/tpm-intermediate cray-tpm-intermediate debian:11 -
platform/cray-shared-kafka cray-kafka-init debian:11 -
platform/cray-k8s-encryption cray-k8s-encryption alpine:3.15 -
platform/cray-sysmgmt-health cray-sysmgmt-health-report debian:11 -
platform/cray-sysmgmt-health cray-telemetry-api debian:11 1.4.2
platform/cray-sysmgmt-health cray-log-forwarder debian:11 -
platform/cray-sysmgmt-health cray-rsyslog-aggregator debian:11 -
platform/cray-sysmgmt-health quay.io/prometheus/prometheus scratch v2.33.4>v2.33.5 go
platform/cray-sysmgmt-health quay.io/prometheus/alertmanager scratch v0.23.0 go
platform/cray-sysmgmt-health quay.io/prometheus/node-exporter scratch v1.2.2>v1.3.1
platform/cray-sysmgmt-health quay.io/prometheus-operator/prometheus-operator scratch v0.54.1>v0.55.0 go
platform/cray-sysmgmt-health quay.io/prometheus-operator/prometheus-config-reloader scratch v0.54.1>v0.55.0
platform/cray-sysmgmt-health quay.io/thanos/thanos scratch v0.24.0>v0.25.1 go
platform/cray-sysmgmt-health quay.io/galexrt/node-exporter-smartmon alpine:3.12 v0.1.1
platform/cray-sysmgmt-health docker.io/grafana/grafana alpine:3.13 8.3.6>8.3.7
platform/cray-sysmgmt-health docker.io/grafana/loki alpine:3.15 2.4.2 go
platform/cray-sysmgmt-health docker.io/grafana/promtail debian:11 2.4.2
platform/cray-sysmgmt-health docker.io/kiwigrid/k8s-sidecar alpine:3.15 1.15.6 pip
platform/cray-sysmgmt-health docker.io/prom/pushgateway scratch v1.4.2
platform/cray-sysmgmt-health docker.io/prom/blackbox-exporter scratch v0.19.0 go
platform/cray-sysmgmt-health docker.io/prom/snmp-exporter scratch v0.20.0
platform/cray-sysmgmt-health k8s.gcr.io/kube-state-metrics/kube-state-metrics distroless v2.4.1>v2.4.2 go
platform/cray-metrics-server k8s.gcr.io/metrics-server/metrics-server distroless v0.6.1
platform/cray-kiali quay.io/kiali/kiali rhel:8 v1.47.0>v1.48.0
platform/cray-kiali quay.io/kiali/kiali-operator rhel:8 v1.47.0>v1.48.0
platform/cray-jaeger docker.io/jaegertracing/all-in-one scratch 1.31.0>1.32.0
platform/cray-jaeger docker.io/jaegertracing/jaeger-operator rhel:8 1.31.0>1.32.0
platform/cray-istio docker.io/istio/pilot ubuntu:20.04 1.11.7>1.11.8
platform/cray-istio docker.io/istio/proxyv2 ubuntu:20.04 1.11.7>1.11.8
platform/cray-istio-operator docker.io/istio/operator distroless 1.11.7>1.11.8
platform/cray-metallb quay.io/metallb/controller alpine:3.14 v0.11.0>v0.12.1
platform/cray-metallb quay.io/metallb/speaker alpine:3.14 v0.11.0>v0.12.1
platform/cray-externaldns docker.io/bitnami/external-dns debian:10 0.10.2-debian-10-r23>0.10.2-debian-10-r61
platform/cray-oauth2-proxies quay.io/oauth2-proxy/oauth2-proxy alpine:3.15 v7.2.1 go
platform/cray-kyverno ghcr.io/kyverno/kyverno distroless v1.6.1>v1.6.2
platform/cray-kyverno ghcr.io/kyverno/kyvernopre distroless v1.6.1>v1.6.2
platform/cray-vault-operator docker.io/banzaicloud/vault-operator alpine:3.14 1.14.3>1.15.1
platform/sealed-secrets docker.io/bitnami/sealed-secrets-controller debian:11 v0.17.3>v0.17.4
platform/cray-hnc-manager k8s.gcr.io/multitenancy/hnc-manager distroless v1.0.0
platform/cray-vpa k8s.gcr.io/autoscaling/vpa-recommender distroless 0.10.0
platform/cray-velero docker.io/velero/velero distroless v1.7.1>v1.8.1
platform/cray-velero docker.io/velero/velero-plugin-for-aws ubuntu:20.04 v1.3.0>v1.4.1
platform/cray-kafka-operator quay.io/strimzi/kafka centos:7 0.26.0-kafka-2.8.1>0.27.1-kafka-2.8.1
platform/cray-kafka-operator quay.io/strimzi/operator centos:7 0.26.0>0.27.1
platform/cray-nexus docker.io/sonatype/nexus3 rhel:8 3.37.3
platform/cray-argo quay.io/argoproj/argocli scratch v3.2.8>v3.2.9
platform/cray-argo quay.io/argoproj/argoexec debian:11 v3.2.8>v3.2.9
platform/cray-argo quay.io/argoproj/workflow-controller scratch v3.2.8>v3.2.9
platform/cray-shared-redis docker.io/library/redis debian:11 6.2.5>6.2.6
platform/cray-multus ghcr.io/k8snetworkplumbingwg/multus-cni debian:11 v3.8>v3.9
storage/cray-ceph-csi-rbd quay.io/cephcsi/cephcsi rhel:8 v3.5.1
storage/cray-ceph-csi-rbd k8s.gcr.io/sig-storage/csi-provisioner distroless v3.0.0>v3.1.0
storage/cray-ceph-csi-rbd k8s.gcr.io/sig-storage/csi-attacher distroless v3.3.0>v3.4.0
storage/cray-ceph-csi-cephfs k8s.gcr.io/sig-storage/csi-snapshotter distroless v4.2.1>v5.0.1
- cray-hms-test alpine:3.15 - pip
- cray-hms-shcd-parser alpine:3.14 - pip
- cray-hms-topology-assistant scratch - go
- cray-ims-load-artifacts alpine:3.15 - pip
- cray-sat alpine:3.15 - pip
- cray-nexus-setup alpine:3.15 -
- cray-product-deletion alpine:3.15 -
- cray-grafterm alpine:3.14 - go
platform/cray-node-labels,cray-etcd-backup,cray-drydock cray-docker-kubectl alpine:3.15 -
- docker.io/istio/kubectl ubuntu:20.04 1.5.4
- docker.io/library/openjdk debian:10 11.0.13-jre-slim>11.0.14-jre-slim
- docker.io/library/python debian:11 3.9.10-slim>3.9.11-slim
- docker.io/library/alpine alpine:3.15 3.15.0>3.15.1
- k8s.gcr.io/kube-apiserver distroless v1.20.13 go
- k8s.gcr.io/kube-proxy debian:11 v1.20.13
- k8s.gcr.io/pause scratch 3.4.1
- quay.io/ceph/ceph rhel:8 v15.2.15>v15.2.16
- docker.io/library/busybox scratch 1.34.1
- docker.io/curlimages/curl alpine:3.15 7.81.0>7.82.0
"""

# Which image holds which packages of ADVISORIES: "+" only in the second scan, "-" only in the first.
STORY = """
cray-dns-unbound: busybox openssl zlib apk-tools
cray-dns-powerdns: glibc gcc-8 lz4 openssl zlib +expat
cray-hms-firmware-action: +libxml2 zlib +golang.org/x/crypto/ssh
cray-hms-hmcollector: openssl zlib
cray-hms-hmcollector: github.com/dgrijalva/jwt-go github.com/gogo/protobuf golang.org/x/crypto/ssh
cray-cfs-aee: glibc gcc-8 db5.3 libidn2 gnutls28 zlib PyYAML cryptography ansible urllib3 -lxml +Pillow
cray-ims-utils: -busybox -apk-tools
cray-console-node: glibc gcc-8 libidn2 cyrus-sasl2 -lz4
cray-gitea-import: busybox curl +expat zlib +apk-tools
cray-tapms-ui: +minimist +node-forge +ansi-regex +json-schema
cray-postgres-exporter: -openssl -libxml2
cray-telemetry-api: org.springframework:spring-beans com.fasterxml.jackson.core:jackson-databind
quay.io/galexrt/node-exporter-smartmon: zlib
docker.io/grafana/grafana: curl zlib +expat golang.org/x/text/language -github.com/gogo/protobuf
docker.io/grafana/grafana: lodash ansi-regex -json-schema
docker.io/jaegertracing/all-in-one: github.com/dgrijalva/jwt-go github.com/prometheus/client_golang
docker.io/jaegertracing/all-in-one: golang.org/x/text/language
docker.io/bitnami/external-dns: glibc gcc-8 +lz4 zlib golang.org/x/crypto/ssh github.com/dgrijalva/jwt-go
quay.io/strimzi/kafka: log4j:log4j org.apache.logging.log4j:log4j-core io.netty:netty-codec
quay.io/strimzi/kafka: com.fasterxml.jackson.core:jackson-databind
quay.io/strimzi/operator: +log4j:log4j +org.apache.logging.log4j:log4j-core io.netty:netty-codec
docker.io/sonatype/nexus3: org.springframework:spring-beans com.fasterxml.jackson.core:jackson-databind
docker.io/bitnami/kubectl: glibc gcc-8 db5.3 zlib
docker.io/unguiculus/docker-python3-phantomjs-selenium: glibc gcc-8 libidn2 zlib urllib3 PyYAML
docker.io/library/openjdk: glibc gcc-8 libidn2 zlib +gnutls28 cyrus-sasl2
"""

# "distribution source=binary,... version" or "language package version"; below it a line for each severity
# and fix: severity ("@2": published after the first scan), CVSS, CWE, fixed version ("-": none), CVEs (joined
# by a comma: in one advisory).
ADVISORIES = """
alpine:3.13 busybox=busybox,ssl_client 1.32.1-r6
    high 7.2 416 1.32.1-r7 CVE-2021-42378 CVE-2021-42379 CVE-2021-42380 CVE-2021-42381 CVE-2021-42382
    high 7.2 416 1.32.1-r7 CVE-2021-42383 CVE-2021-42384 CVE-2021-42385 CVE-2021-42386
    medium 5.3 125 1.32.1-r7 CVE-2021-42374
alpine:3.13 openssl=libcrypto1.1,libssl1.1 1.1.1k-r0
    critical 9.8 120 1.1.1l-r0 CVE-2021-3711
    high 7.5 835 1.1.1n-r0 CVE-2022-0778
alpine:3.13 zlib=zlib 1.2.11-r3
    high@2 7.5 787 1.2.12-r0 CVE-2018-25032
alpine:3.13 apk-tools=apk-tools 2.12.5-r0
    critical 9.1 125 2.12.6-r0 CVE-2021-36159
alpine:3.13 libxml2=libxml2 2.9.10-r6
    high 7.5 416 2.9.13-r0 CVE-2022-23308
    medium 5.9 476 2.9.10-r7 CVE-2021-3537
alpine:3.13 curl=curl,libcurl 7.78.0-r0
    critical 9.1 415 7.79.0-r0 CVE-2021-22945
    medium 6.5 319 7.79.0-r0 CVE-2021-22946
    medium 5.9 345 7.79.0-r0 CVE-2021-22947
alpine:3.13 expat=expat 2.2.10-r1
    critical 9.8 190 2.2.10-r2 CVE-2022-22822 CVE-2022-22823 CVE-2022-22824 CVE-2022-23852
    critical 9.8 190 2.2.10-r4 CVE-2022-25315
    high 8.8 190 2.2.10-r2 CVE-2022-22825 CVE-2022-22826 CVE-2022-22827
alpine:3.12 openssl=libcrypto1.1,libssl1.1 1.1.1k-r0
    critical 9.8 120 1.1.1l-r0 CVE-2021-3711
    high 7.5 835 1.1.1n-r0 CVE-2022-0778
alpine:3.12 zlib=zlib 1.2.11-r3
    high@2 7.5 787 1.2.12-r0 CVE-2018-25032
alpine:3.12 libxml2=libxml2 2.9.10-r5
    high 7.5 416 2.9.13-r0 CVE-2022-23308
debian:10 glibc=libc-bin,libc6 2.28-10+deb10u1
    critical 9.8 416 - CVE-2021-33574
    medium 6.5 120 - CVE-2022-23218,CVE-2022-23219
debian:10 gcc-8=gcc-8-base,libgcc1,libstdc++6 8.3.0-6
    high 8.1 209 - CVE-2018-12886
    low 3.7 331 - CVE-2019-15847
debian:10 db5.3=libdb5.3 5.3.28+dfsg1-0.5
    critical 9.8 125 - CVE-2019-8457
debian:10 libidn2=libidn2-0 2.0.5-1+deb10u1
    high 7.5 20 - CVE-2019-12290
debian:10 lz4=liblz4-1 1.8.3-1
    critical 9.8 190 1.8.3-1+deb10u1 CVE-2021-3520
debian:10 gnutls28=libgnutls30 3.6.7-4+deb10u6
    critical 9.8 416 3.6.7-4+deb10u7 CVE-2021-20231 CVE-2021-20232
debian:10 openssl=libssl1.1,openssl 1.1.1d-0+deb10u7
    high 7.5 835 1.1.1d-0+deb10u8 CVE-2022-0778
debian:10 zlib=zlib1g 1:1.2.11.dfsg-1
    high@2 7.5 787 1:1.2.11.dfsg-1+deb10u1 CVE-2018-25032
debian:10 expat=libexpat1 2.2.6-2+deb10u1
    critical 9.8 190 2.2.6-2+deb10u2 CVE-2022-22822 CVE-2022-22823 CVE-2022-22824 CVE-2022-23852
    critical 9.8 190 2.2.6-2+deb10u4 CVE-2022-25315
    high 8.8 190 2.2.6-2+deb10u2 CVE-2022-22825 CVE-2022-22826 CVE-2022-22827
debian:10 cyrus-sasl2=libsasl2-2,libsasl2-modules-db 2.1.27+dfsg-1+deb10u1
    high 8.8 89 2.1.27+dfsg-1+deb10u2 CVE-2022-24407
alpine:3.15 zlib=zlib 1.2.11-r3
    medium@2 6.5 787 1.2.12-r0 CVE-2018-25032
alpine:3.15 busybox=busybox,ssl_client 1.34.1-r4
    medium@2 6.5 77 1.34.1-r5 CVE-2022-28391
alpine:3.15 openssl=libcrypto1.1,libssl1.1 1.1.1l-r8
    medium 5.9 835 1.1.1n-r0 CVE-2022-0778
alpine:3.15 libxml2=libxml2 2.9.12-r2
    medium 6.5 416 2.9.13-r0 CVE-2022-23308
alpine:3.15 expat=libexpat 2.4.3-r0
    medium 6.5 190 2.4.4-r0 CVE-2022-23852 CVE-2022-23990
alpine:3.14 zlib=zlib 1.2.11-r3
    medium@2 6.5 787 1.2.12-r0 CVE-2018-25032
alpine:3.14 busybox=busybox,ssl_client 1.33.1-r5
    medium 6.6 416 1.33.1-r6 CVE-2021-42378 CVE-2021-42379 CVE-2021-42386
alpine:3.14 openssl=libcrypto1.1,libssl1.1 1.1.1l-r0
    medium 5.9 835 1.1.1n-r0 CVE-2022-0778
debian:11 zlib=zlib1g 1:1.2.11.dfsg-2
    medium@2 6.5 787 1:1.2.11.dfsg-2+deb11u1 CVE-2018-25032
debian:11 glibc=libc-bin,libc6 2.31-13+deb11u2
    medium 6.5 120 - CVE-2022-23218,CVE-2022-23219
    low 3.3 674 - CVE-2010-4756 CVE-2018-20796 CVE-2019-1010022 CVE-2019-1010023 CVE-2019-9192
debian:11 openssl=libssl1.1,openssl 1.1.1k-1+deb11u1
    medium 5.9 835 1.1.1k-1+deb11u2 CVE-2022-0778
    low 3.1 310 - CVE-2007-6755 CVE-2010-0928
ubuntu:20.04 zlib=zlib1g 1:1.2.11.dfsg-2ubuntu1.2
    medium@2 6.5 787 1:1.2.11.dfsg-2ubuntu1.3 CVE-2018-25032
rhel:8 zlib=zlib 1.2.11-17.el8
    medium@2 6.5 787 1.2.11-18.el8_5 CVE-2018-25032
sles:15.3 zlib=libz1 1.2.11-3.24.1
    medium@2 6.5 787 1.2.11-3.26.10 CVE-2018-25032
gomodules golang.org/x/crypto/ssh 0.0.0-20200622213623-75b288015ac9
    high 7.5 476 0.0.0-20201216223049-8b5274cf687f CVE-2020-29652
    high@2 7.5 327 0.0.0-20220314234659-1baeb1ce4c0b CVE-2022-27191
gomodules golang.org/x/text/language 0.3.5
    high 7.5 125 0.3.7 CVE-2021-38561
gomodules github.com/gogo/protobuf 1.3.1
    high 8.6 129 1.3.2 CVE-2021-3121
gomodules github.com/prometheus/client_golang 1.9.0
    high 7.5 770 1.11.1 CVE-2022-21698
gomodules github.com/dgrijalva/jwt-go 3.2.0+incompatible
    high 7.5 287 - CVE-2020-26160
gomodules gopkg.in/yaml.v2 2.2.4
    medium 6.5 776 2.2.8 CVE-2019-11254
gomodules github.com/miekg/dns 1.1.24
    medium 5.9 338 1.1.25 CVE-2019-19794
gomodules github.com/opencontainers/runc/libcontainer 1.0.2
    medium 5.0 190 1.0.3 CVE-2021-43784
gomodules k8s.io/client-go 0.16.8
    medium 6.5 532 0.17.0 CVE-2019-11250
gomodules github.com/aws/aws-sdk-go/service/s3/s3crypto 1.33.5
    medium 5.6 327 - CVE-2020-8911
    low 2.5 327 - CVE-2020-8912
npm minimist 1.2.5
    critical@2 9.8 1321 1.2.6 CVE-2021-44906
npm json-schema 0.2.3
    critical 9.8 1321 0.4.0 CVE-2021-3918
npm node-forge 0.10.0
    high@2 7.5 347 1.3.0 CVE-2022-24771
    medium@2 5.3 347 1.3.0 CVE-2022-24773
npm ansi-regex 5.0.0
    high 7.5 1333 5.0.1 CVE-2021-3807
npm lodash 4.17.20
    high 7.2 94 4.17.21 CVE-2021-23337
    medium 5.3 1333 4.17.21 CVE-2020-28500
npm path-parse 1.0.6
    medium 5.3 1333 1.0.7 CVE-2021-23343
npm hosted-git-info 2.8.8
    medium 5.3 1333 2.8.9 CVE-2021-23362
npm glob-parent 5.1.1
    medium 5.3 1333 5.1.2 CVE-2020-28469
npm follow-redirects 1.14.7
    low 3.1 200 1.14.8 CVE-2022-0536
npm nanoid 3.1.30
    medium 5.5 704 3.1.31 CVE-2021-23566
pip PyYAML 5.3.1
    critical 9.8 20 5.4 CVE-2020-14343
pip cryptography 3.3.1
    critical 9.1 190 3.3.2 CVE-2020-36242
pip Pillow 8.4.0
    critical 9.8 94 9.0.0 CVE-2022-22817
    critical 9.1 22 9.0.1 CVE-2022-24303
    medium 6.5 665 9.0.0 CVE-2022-22815,CVE-2022-22816
pip ansible 2.9.16
    high 7.5 532 2.9.18 CVE-2021-20228
    high 7.1 94 2.9.23 CVE-2021-3583
pip urllib3 1.25.8
    high 7.5 1333 1.26.5 CVE-2021-33503
    medium 6.5 93 1.25.9 CVE-2020-26137
pip lxml 4.6.3
    high 7.1 79 4.6.5 CVE-2021-43818
pip Jinja2 2.11.2
    medium 5.3 1333 2.11.3 CVE-2020-28493
pip paramiko 2.10.0
    medium 5.9 362 2.10.1 CVE-2022-24302
pip pip 20.3.4
    medium 5.7 20 21.1 CVE-2021-3572
pip rsa 4.6
    medium 5.9 385 4.7 CVE-2020-25658
pip httplib2 0.18.1
    medium 5.9 1333 0.19.0 CVE-2021-21240
maven org.apache.logging.log4j:log4j-core 2.14.1
    critical 10.0 502 2.15.0 CVE-2021-44228
    critical 9.0 502 2.16.0 CVE-2021-45046
    medium 5.9 674 2.17.0 CVE-2021-45105
    medium 6.6 94 2.17.1 CVE-2021-44832
maven log4j:log4j 1.2.17
    critical 9.8 502 - CVE-2019-17571
    critical 9.8 89 - CVE-2022-23305
    high 8.8 502 - CVE-2022-23302 CVE-2022-23307
    high 7.5 502 - CVE-2021-4104
maven org.springframework:spring-beans 5.3.16
    critical@2 9.8 94 5.3.18 CVE-2022-22965
maven com.fasterxml.jackson.core:jackson-databind 2.12.3
    high@2 7.5 787 2.12.6.1 CVE-2020-36518
maven io.netty:netty-codec 4.1.65.Final
    high 7.5 770 4.1.68.Final CVE-2021-37136 CVE-2021-37137
maven com.google.guava:guava 29.0-jre
    low 3.3 379 30.0-jre CVE-2020-8908
maven commons-io:commons-io 2.6
    medium 4.8 22 2.7 CVE-2021-29425
maven org.eclipse.jetty:jetty-server 9.4.40.v20210413
    low 3.5 613 9.4.41.v20210516 CVE-2021-34428
maven com.google.protobuf:protobuf-java 3.17.3
    medium 5.5 770 3.18.2 CVE-2021-22569
maven junit:junit 4.12
    medium 4.4 200 4.13.1 CVE-2020-15250
"""

# The packages of the bulk: "source=binary,... version", the most common first; their advisories are drawn.
ALPINE = """
musl=musl,musl-utils 1.2.2-r7; libretls=libretls 3.3.4-r2; ca-certificates=ca-certificates 20211220-r0
nghttp2=nghttp2-libs 1.46.0-r0; pcre2=pcre2 10.39-r0; pcre=pcre 8.45-r1; readline=readline 8.1.1-r0
xz=xz-libs 5.2.5-r0; krb5=krb5-libs,krb5-conf 1.19.2-r4; sqlite=sqlite-libs 3.36.0-r0; gdbm=gdbm 1.22-r0
libffi=libffi 3.4.2-r1; python3=python3 3.9.7-r4; git=git 2.34.1-r0; bash=bash 5.1.16-r0
openssh=openssh-client,openssh-keygen 8.8_p1-r1; ncurses=ncurses-libs 6.3_p20211120-r0
libgcrypt=libgcrypt 1.9.4-r0; gmp=gmp 6.2.1-r0; e2fsprogs=e2fsprogs-libs 1.46.4-r0; tar=tar 1.34-r0
rsync=rsync 3.2.3-r4; ldns=ldns 1.8.1-r0; unzip=unzip 6.0-r9; vim=vim 8.2.3779-r0; jq=jq 1.6-r1
"""
DEBIAN = """
apt=apt,libapt-pkg6.0 2.2.4; bash=bash 5.1-2; coreutils=coreutils 8.32-4
e2fsprogs=e2fsprogs,libcom-err2,libext2fs2 1.46.2-2; gnupg2=gpgv 2.2.27-2+deb11u1
libgcrypt20=libgcrypt20 1.8.7-6; libsepol=libsepol1 3.1-1; libtasn1-6=libtasn1-6 4.16.0-2
ncurses=libtinfo6,ncurses-base,ncurses-bin 6.2+20201114-2; p11-kit=libp11-kit0 0.23.22-1
pcre3=libpcre3 2:8.39-13; perl=perl-base 5.32.1-4+deb11u2; shadow=login,passwd 1:4.8.1-1
systemd=libsystemd0,libudev1 247.3-6; tar=tar 1.34-1
util-linux=libblkid1,libmount1,libsmartcols1,libuuid1,mount,util-linux 2.36.1-8+deb11u1
xz-utils=liblzma5 5.2.5-2; gzip=gzip 1.10-4; sqlite3=libsqlite3-0 3.34.1-3
krb5=libgssapi-krb5-2,libk5crypto3,libkrb5-3,libkrb5support0 1.18.3-6; openldap=libldap-2.4-2 2.4.57+dfsg-3
curl=curl,libcurl4 7.74.0-1.3+deb11u1; nghttp2=libnghttp2-14 1.43.0-1; libssh2=libssh2-1 1.9.0-2
rtmpdump=librtmp1 2.4+20151223-2; libxml2=libxml2 2.9.10+dfsg-6.7; libxslt=libxslt1.1 1.1.34-4
freetype=libfreetype6 2.10.4+dfsg-1; libpng1.6=libpng16-16 1.6.37-3; tiff=libtiff5 4.2.0-1
libwebp=libwebp6 0.6.1-2.1; libjpeg-turbo=libjpeg62-turbo 1:2.0.6-4; jbigkit=libjbig0 2.1-3.1
git=git,git-man 1:2.30.2-1; openssh=openssh-client 1:8.4p1-5
python3.9=libpython3.9-minimal,libpython3.9-stdlib,python3.9,python3.9-minimal 3.9.2-1; wget=wget 1.21-1
unzip=unzip 6.0-26; binutils=binutils,binutils-common,libbinutils,libctf0 2.35.2-2
vim=vim-common,vim-tiny 2:8.2.2434-3; procps=procps 2:3.3.17-5; postgresql-13=libpq5 13.5-0+deb11u1
mariadb-10.5=libmariadb3,mariadb-common 1:10.5.12-0+deb11u1; libx11=libx11-6 2:1.7.2-1
gdk-pixbuf=libgdk-pixbuf-2.0-0 2.42.2+dfsg-1; cairo=libcairo2 1.16.0-5; m4=m4 1.4.18-5; patch=patch 2.7.6-7
lapack=liblapack3 3.9.0-3
"""
DISTROLESS = """
tzdata=tzdata 2021a-1+deb11u2; base-files=base-files 11.1+deb11u2; netbase=netbase 6.3
gcc-10=libgcc-s1,libstdc++6 10.2.1-6; gcc-10-runtime=libgomp1 10.2.1-6
ca-certificates=ca-certificates 20210119; glibc-tools=libc-l10n 2.31-13+deb11u2
"""
UBUNTU = """
bash=bash 5.0-6ubuntu1.1; coreutils=coreutils 8.30-3ubuntu2; glibc=libc-bin,libc6 2.31-0ubuntu9.2
gnupg2=gpgv 2.2.19-3ubuntu2.1; krb5=libgssapi-krb5-2,libk5crypto3,libkrb5-3,libkrb5support0 1.17-6ubuntu4.1
ncurses=libtinfo6,ncurses-base 6.2-0ubuntu2; pcre3=libpcre3 2:8.39-12build1
perl=perl-base 5.30.0-9ubuntu0.2; shadow=login,passwd 1:4.8.1-1ubuntu5.20.04.1
sqlite3=libsqlite3-0 3.31.1-4ubuntu0.2; systemd=libsystemd0,libudev1 245.4-4ubuntu3.15
tar=tar 1.30+dfsg-7ubuntu0.20.04.1; libgcrypt20=libgcrypt20 1.8.5-5ubuntu1
curl=curl,libcurl4 7.68.0-1ubuntu2.7; openssl=libssl1.1,openssl 1.1.1f-1ubuntu2.10
iptables=iptables,libxtables12 1.8.4-3ubuntu2; tcpdump=tcpdump 4.9.3-4ubuntu0.1; libpcap=libpcap0.8 1.9.1-3
lsof=lsof 4.93.2-1; vim=vim-common,xxd 2:8.1.2269-1ubuntu5.4
python3.8=libpython3.8-minimal,python3.8,python3.8-minimal 3.8.10-0ubuntu1.2
"""
REDHAT = """
bzip2=bzip2-libs 1.0.6-26.el8; curl=curl,libcurl 7.61.1-22.el8; expat=expat 2.2.5-4.el8
file=file-libs 5.33-20.el8; gcc=libgcc,libstdc++ 8.5.0-4.el8_5; glib2=glib2 2.56.4-156.el8
glibc=glibc,glibc-common,glibc-minimal-langpack 2.28-164.el8; gnupg2=gnupg2 2.2.20-2.el8
gnutls=gnutls 3.6.16-4.el8; krb5=krb5-libs 1.18.2-14.el8; libarchive=libarchive 3.3.3-1.el8
libgcrypt=libgcrypt 1.8.5-6.el8; libssh=libssh,libssh-config 0.9.4-3.el8
libxml2=libxml2,python3-libxml2 2.9.7-11.el8; lua=lua-libs 5.3.4-12.el8; lz4=lz4-libs 1.8.3-3.el8_4
ncurses=ncurses-base,ncurses-libs 6.1-9.20180224.el8; openldap=openldap 2.4.46-18.el8
openssl=openssl,openssl-libs 1:1.1.1k-5.el8_5; pcre=pcre 8.42-6.el8; pcre2=pcre2 10.32-2.el8
platform-python=platform-python,python3-libs 3.6.8-41.el8; sqlite=sqlite-libs 3.26.0-15.el8
rpm=python3-rpm,rpm,rpm-libs 4.14.3-19.el8; systemd=systemd,systemd-libs,systemd-pam 239-51.el8_5.2
tar=tar 2:1.30-5.el8; vim=vim-minimal 2:8.0.1763-16.el8; xz=xz-libs 5.2.4-3.el8
dbus=dbus,dbus-common,dbus-daemon,dbus-libs,dbus-tools 1:1.12.8-14.el8
cyrus-sasl=cyrus-sasl-lib 2.1.27-5.el8; json-c=json-c 0.13.1-2.el8
java-11-openjdk=java-11-openjdk-headless 1:11.0.14.0.9-2.el8_5; libtiff=libtiff 4.0.9-20.el8
nss=nss,nss-softokn,nss-util 3.67.0-7.el8_5; binutils=binutils 2.30-108.el8_5.1
python-pip=platform-python-pip,python3-pip-wheel 9.0.3-20.el8; python-urllib3=python3-urllib3 1.24.2-5.el8
kernel=kernel-headers 4.18.0-348.12.2.el8_5; perl=perl-libs,perl-macros 4:5.26.3-420.el8
git=git,git-core 2.27.0-1.el8; unzip=unzip 6.0-45.el8_4
"""
CENTOS = """
bash=bash 4.2.46-34.el7; bind=bind-license 32:9.11.4-26.P2.el7_9.8; curl=curl,libcurl 7.29.0-59.el7_9.1
expat=expat 2.1.0-12.el7; glib2=glib2 2.56.1-9.el7_9; glibc=glibc,glibc-common 2.17-325.el7_9
krb5=krb5-libs 1.15.1-51.el7_9; libxml2=libxml2,libxml2-python 2.9.1-6.el7_9.6
ncurses=ncurses,ncurses-base,ncurses-libs 5.9-14.20130511.el7_4; nspr=nspr 4.32.0-1.el7_9
nss=nss,nss-sysinit,nss-tools 3.67.0-4.el7_9; nss-softokn=nss-softokn,nss-softokn-freebl 3.67.0-3.el7_9
openldap=openldap 2.4.44-25.el7_9; openssl-libs=openssl-libs 1:1.0.2k-24.el7_9; pcre=pcre 8.32-17.el7
python=python,python-libs 2.7.5-90.el7; rpm=rpm,rpm-build-libs,rpm-libs,rpm-python 4.11.3-48.el7_9
sqlite=sqlite 3.7.17-8.el7_7.1; systemd=systemd,systemd-libs 219-78.el7_9.5; tar=tar 2:1.26-35.el7
vim=vim-minimal 2:7.4.629-8.el7_9; xz=xz,xz-libs 5.2.2-1.el7; zip=zip 3.0-11.el7
dbus=dbus,dbus-libs 1:1.10.24-15.el7
elfutils=elfutils-default-yama-scope,elfutils-libelf,elfutils-libs 0.176-5.el7; file=file-libs 5.11-37.el7
gnupg2=gnupg2 2.0.22-5.el7_5; libgcrypt=libgcrypt 1.5.3-14.el7; libssh2=libssh2 1.8.0-4.el7
lua=lua 5.1.4-15.el7; lz4=lz4 1.8.3-1.el7; unzip=unzip 6.0-22.el7_9; binutils=binutils 2.27-44.base.el7_9.1
gcc=libgcc,libstdc++ 4.8.5-44.el7; java-1.8.0-openjdk=java-1.8.0-openjdk-headless 1:1.8.0.312.b07-1.el7_9
"""
SLES = """
glibc=glibc 2.31-9.12.1; libxml2=libxml2-2 2.9.7-3.37.1
openssl-1_1=libopenssl1_1,openssl-1_1 1.1.1d-11.38.1; expat=libexpat1 2.2.5-3.9.1
curl=curl,libcurl4 7.66.0-4.27.1; cyrus-sasl=libsasl2-3 2.1.26-5.10.1; krb5=krb5 1.16.3-3.24.1
ncurses=libncurses6,ncurses-utils,terminfo-base 6.1-5.9.1; systemd=libsystemd0,libudev1 246.16-7.33.1
python3=libpython3_6m1_0,python3-base 3.6.15-10.9.1; util-linux=libblkid1,libmount1,libuuid1 2.36.2-4.5.1
xz=liblzma5 5.2.3-4.3.1; gzip=gzip 1.10-4.8.1; libzypp=libzypp 17.29.3-24.1; zypper=zypper 1.14.51-24.1
openldap2=libldap-2_4-2 2.4.46-9.58.1; nghttp2=libnghttp2-14 1.40.0-6.1; libgcrypt=libgcrypt20 1.8.2-8.39.1
sqlite3=libsqlite3-0 3.36.0-3.12.1; p11-kit=libp11-kit0 0.23.2-4.13.1; perl=perl-base 5.26.1-15.87
pcre=libpcre1 8.45-20.10.1; e2fsprogs=libcom_err2 1.43.8-4.26.1; libssh=libssh-config,libssh4 0.8.7-10.12.1
vim=vim-data-common,vim-small 8.0.1568-5.17.1; dbus-1=dbus-1,libdbus-1-3 1.12.2-8.11.2
qemu=qemu-tools 5.2.0-103.2; squashfs=squashfs 4.6.1-3.3.1
"""

DISTROLESS_ON = "debian:11"
SPELLED = {"go": "gomodules"}  # languages, where IMAGES spells them otherwise


@dataclass(frozen=True)
class Base:
    """A distribution: what its bulk is drawn from, how much of it an image shows, how often it has fixes."""

    name: str
    manager: str
    bulk: str
    weight: tuple[int, int]
    fixed_percent: int
    low_percent: int


BASES = {
    base.name: base
    for base in (
        Base("alpine:3.12", "apk", ALPINE, (4, 14), 95, 20),
        Base("alpine:3.13", "apk", ALPINE, (4, 14), 95, 20),
        Base("alpine:3.14", "apk", ALPINE, (2, 16), 95, 20),
        Base("alpine:3.15", "apk", ALPINE, (0, 11), 95, 20),
        Base("debian:10", "deb", DEBIAN, (60, 105), 20, 75),
        Base("debian:11", "deb", DEBIAN, (50, 95), 20, 75),
        Base("distroless", "deb", DISTROLESS, (0, 9), 20, 75),
        Base("ubuntu:20.04", "deb", UBUNTU, (25, 50), 25, 60),
        Base("rhel:8", "rpm", REDHAT, (70, 130), 35, 45),
        Base("centos:7", "rpm", CENTOS, (85, 110), 35, 45),
        Base("sles:15.3", "rpm", SLES, (20, 55), 75, 30),
        Base("scratch", "linux", "", (0, 0), 0, 0),
    )
}
# What Snyk calls a language: in an application, in its vulnerabilities, in an id; and a file it is found in.
LANGUAGES = {
    "gomodules": ("golang", "GOLANG", "/usr/local/bin/{name}"),
    "npm": ("npm", "JS", "/app/package.json"),
    "pip": ("pip", "PYTHON", "/app/requirements.txt"),
    "maven": ("maven", "JAVA", "/app/lib"),
}
TITLES = {
    20: "Improper Input Validation",
    22: "Directory Traversal",
    77: "Command Injection",
    79: "Cross-site Scripting (XSS)",
    89: "SQL Injection",
    93: "CRLF Injection",
    94: "Code Injection",
    119: "Memory Corruption",
    120: "Buffer Overflow",
    125: "Out-of-bounds Read",
    129: "Out-of-bounds Index",
    190: "Integer Overflow",
    200: "Information Exposure",
    209: "Information Exposure Through an Error Message",
    287: "Authentication Bypass",
    295: "Improper Certificate Validation",
    310: "Weak Cryptography",
    319: "Cleartext Transmission",
    327: "Use of a Broken Cryptographic Algorithm",
    331: "Insufficient Entropy",
    338: "Weak Random Numbers",
    345: "Insufficient Verification of Data Authenticity",
    347: "Improper Signature Verification",
    362: "Race Condition",
    379: "Insecure Temporary File",
    385: "Timing Attack",
    400: "Resource Exhaustion",
    401: "Memory Leak",
    415: "Double Free",
    416: "Use After Free",
    476: "NULL Pointer Dereference",
    502: "Deserialization of Untrusted Data",
    532: "Secrets in Log Files",
    613: "Insufficient Session Expiration",
    665: "Improper Initialization",
    674: "Uncontrolled Recursion",
    704: "Type Confusion",
    770: "Allocation of Resources Without Limits",
    776: "XML Entity Expansion",
    787: "Out-of-bounds Write",
    835: "Infinite Loop",
    1321: "Prototype Pollution",
    1333: "Inefficient Regular Expression",
}
BULK_CWES = (20, 22, 119, 120, 125, 190, 200, 295, 362, 400, 401, 416, 476, 674, 770, 787, 835)
GHSAS = {
    "CVE-2020-14343": "GHSA-8q59-q68h-6hv4",
    "CVE-2020-36518": "GHSA-57j2-w4cx-62h2",
    "CVE-2021-23337": "GHSA-35jh-r3h4-6jhm",
    "CVE-2021-3807": "GHSA-93q8-gq69-wqmw",
    "CVE-2021-44228": "GHSA-jfh8-c2jp-5v3q",
    "CVE-2021-44906": "GHSA-xvch-5gv4-984h",
    "CVE-2021-45046": "GHSA-7rjr-3q55-vv33",
    "CVE-2022-22965": "GHSA-36p3-wjmg-h94x",
}
# Licence issues stand among the vulnerabilities of an application and are none.
LICENCES = {
    "cray-hms-badger-api": ("npm", "node-fonts", "1.4.0", "GPL-3.0", "high"),
    "cray-hms-pmdb-writer": ("maven", "org.example:report-writer", "2.3.1", "AGPL-3.0", "high"),
    "cray-cfs-ara": ("pip", "pygments-extra", "0.9.2", "LGPL-3.0", "medium"),
}


@dataclass(frozen=True)
class Advisory:
    """What Snyk says about a package under one id. Two CVEs in one advisory are two findings."""

    cves: tuple[str, ...]
    severity: str
    cvss: float
    cwe: int
    fix: str = ""
    since: int = 0  # index of the first scan that knows it
    fix_since: int = 0  # index of the first scan that knows the fix
    was_low: bool = False  # the first scan rated it low


@dataclass(frozen=True)
class Package:
    """A source package of a distribution, or a package of a language: what an image has or has not."""

    ecosystem: str
    source: str
    binaries: tuple[str, ...]
    version: str
    advisories: tuple[Advisory, ...]

    @property
    def in_language(self) -> bool:
        return self.ecosystem in LANGUAGES

    @property
    def is_story(self) -> bool:
        return any(a.severity in ("critical", "high") for a in self.advisories)

    @property
    def fixable(self) -> bool:
        return all(a.fix for a in self.advisories)

    def count(self, scan: int) -> int:
        """The findings that it brings to an image."""
        return len(self.binaries) * sum(len(a.cves) for a in self.advisories if a.since <= scan)


@dataclass
class Image:
    """A repository in both scans: its charts, and per scan its base, its tag and what it holds."""

    manifest: str
    charts: tuple[str, ...]
    repository: str
    bases: tuple[Base, Base]
    tags: tuple[str, str]
    language: str
    packages: tuple[list[Package], list[Package]]

    @property
    def short(self) -> str:
        return self.repository.rpartition("/")[2]

    @property
    def changed(self) -> bool:
        return self.tags[0] != self.tags[1]

    def count(self, scan: int) -> int:
        return sum(package.count(scan) for package in self.packages[scan])

    def has(self, package: Package) -> bool:
        known = {(p.ecosystem, p.source) for p in chain(*self.packages)}
        return (package.ecosystem, package.source) in known


class Draw:
    """Numbers from a seed and a name: the same on every machine, and no draw depends on another one."""

    def __init__(self, seed: str) -> None:
        self.seed = seed

    def __call__(self, below: int, *words: object) -> int:
        """A number from 0 to `below` - 1."""
        digest = hashlib.sha256("\0".join((self.seed, *map(str, words))).encode()).digest()
        return int.from_bytes(digest[:8], "big") % below

    def chance(self, percent: int, *words: object) -> bool:
        return self(100, *words) < percent

    def rank(self, *words: object) -> int:
        """A sort key that shuffles."""
        return self(2**32, *words)


def main() -> int:
    """Write the example and recount it, or with --check only recount it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", default="csm", help="another seed draws other medium and low findings")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="default: beside this script")
    parser.add_argument("--check", action="store_true", help="write nothing; recount the files")
    options = parser.parse_args()
    if not options.check:
        draw = Draw(options.seed)
        write(options.out, generate(draw), draw)
    return check(options.out)


def generate(draw: Draw) -> list[Image]:
    """The platform in both scans, with exactly the figures of EXPECTED."""
    story, bulk = packages_of_advisories(), packages_of_bulk(draw)
    images = platform(draw)
    hold_the_story(images, story)
    hold_languages(images, story, draw)
    hold_zlib(images, story, draw)
    pools = {name: pool(base, story, bulk) for name, base in BASES.items()}
    fill_second(images, pools, draw, EXPECTED[LABELS[1]][0])
    fill_first(images, pools, draw, EXPECTED[LABELS[0]][0])
    return images


def packages_of_advisories() -> dict[str, dict[str, Package]]:
    """ADVISORIES, by ecosystem and source."""
    found: dict[str, dict[str, Package]] = {}
    for head, lines in blocks(ADVISORIES):
        ecosystem, name, version = head.split()
        source, _, binaries = name.partition("=")
        advisories = tuple(advisory for line in lines for advisory in advisories_of(line))
        package = Package(ecosystem, source, tuple((binaries or source).split(",")), version, advisories)
        found.setdefault(ecosystem, {})[source] = package
    return found


def blocks(table: str) -> Iterator[tuple[str, list[str]]]:
    """The unindented lines, each with the indented ones below it."""
    lines = table.strip().splitlines()
    heads = [i for i, line in enumerate(lines) if not line.startswith(" ")]
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        yield lines[start], lines[start + 1 : end]


def advisories_of(line: str) -> Iterator[Advisory]:
    """`high@2 7.5 787 1.2.12-r0 CVE-2018-25032 ...`"""
    severity, cvss, cwe, fix, *ids = line.split()
    severity, _, scan = severity.partition("@")
    for cves in ids:
        yield Advisory(
            tuple(cves.split(",")), severity, float(cvss), int(cwe), fix.strip("-"), since=int(scan or 1) - 1
        )


def packages_of_bulk(draw: Draw) -> dict[str, list[Package]]:
    """The packages of the bulk tables by distribution, with drawn advisories."""
    rows = {name: [row.split() for row in re.findall(r"[^;\n]+", base.bulk)] for name, base in BASES.items()}
    sources = sorted({name.partition("=")[0] for found in rows.values() for name, _ in found})
    numbers = cve_numbers(draw, sources)
    packages: dict[str, list[Package]] = {}
    for base in BASES.values():
        ecosystem = DISTROLESS_ON if base.name == "distroless" else base.name
        for name, written in rows[base.name]:
            source, _, binaries = name.partition("=")
            version = written.replace("deb11u", "deb10u") if base.name == "debian:10" else written
            package = Package(ecosystem, source, tuple(binaries.split(",")), version, ())
            advisories = tuple(drawn_advisory(draw, base, package, cve) for cve in numbers[source])
            packages.setdefault(base.name, []).append(replace(package, advisories=advisories))
    return packages


def cve_numbers(draw: Draw, sources: Sequence[str]) -> dict[str, list[str]]:
    """One to four CVEs of each source, the same in every distribution.

    The numbers from 60,000 up were not given out in these years: they name no real vulnerability.
    """
    taken: set[str] = set()
    numbers: dict[str, list[str]] = {}
    for source in sources:
        for i in range(1 + draw(4, "advisories", source)):
            year, number = 2017 + draw(6, "year", source, i), 60_000 + draw(30_000, "number", source, i)
            while (cve := f"CVE-{year}-{number}") in taken:
                number += 1
            taken.add(cve)
            numbers.setdefault(source, []).append(cve)
    return numbers


def drawn_advisory(draw: Draw, base: Base, package: Package, cve: str) -> Advisory:
    """One advisory of the bulk: medium or low; a source has a fix for all its advisories or for none."""
    ecosystem, source = package.ecosystem, package.source
    low = draw.chance(base.low_percent, "low", ecosystem, cve)
    tenths = 21 + draw(19, "cvss", ecosystem, cve) if low else 40 + draw(30, "cvss", ecosystem, cve)
    fixed = draw.chance(base.fixed_percent, "fixed", ecosystem, source)
    return Advisory(
        (cve,),
        "low" if low else "medium",
        tenths / 10,
        BULK_CWES[draw(len(BULK_CWES), "cwe", cve)],
        bumped(package.version, 1 + draw(2, "fix", ecosystem, cve)) if fixed else "",
        since=int(draw.chance(3, "new", ecosystem, cve)),
        fix_since=int(draw.chance(4, "fix known", ecosystem, source)),
        was_low=not low and draw.chance(2, "raised", ecosystem, cve),
    )


def bumped(version: str, by: int) -> str:
    """A later release: `1.34.1-r4` -> `1.34.1-r5`, `1.8.3-3.el8` -> `1.8.3-4.el8`."""
    return re.sub(r"(\d+)(\.el\d|\D*)$", lambda found: f"{int(found[1]) + by}{found[2]}", version)


def platform(draw: Draw) -> list[Image]:
    """IMAGES with their tags, still without packages."""
    rows = [[*line.split(), ""][:5] for line in IMAGES.strip().splitlines()]
    sure = sum(">" in tag for _, _, _, tag, _ in rows)
    free = [name for _, name, _, tag, _ in rows if tag == "-"]
    changing = set(sorted(free, key=lambda name: draw.rank("change", name))[: CHANGED_TAGS - sure])
    images = []
    for place, name, base, tag, language in rows:
        manifest, _, charts = place.partition("/")
        before, _, after = base.partition(">")
        changes = tag == ">" or name in changing
        first, _, second = tag.partition(">") if tag.strip("->") else ("", "", "")
        tags = (first, second or first) if first else drawn_tags(draw, name, changes)
        repository = name if "/" in name else IN_HOUSE + name
        bases = (BASES[before], BASES[after or before])
        in_charts = tuple(charts.split(",")) if charts else ()
        images.append(Image(manifest, in_charts, repository, bases, tags, language, ([], [])))
    return images


def drawn_tags(draw: Draw, name: str, changes: bool) -> tuple[str, str]:
    """Two tags of one line: `1.7.3` and `1.7.5`, or with a build date and commit behind."""
    major, minor, patch = 1 + draw(3, "major", name), draw(20, "minor", name), draw(9, "patch", name)
    step = 1 + draw(2, "step", name)

    def tag(scan: int) -> str:
        number = f"{major}.{minor}.{patch + scan * step}"
        if draw(8, "style", name):
            return number
        day, commit = 20220201 + draw(20, "day", name) + 100 * scan, draw(16**7, "commit", name, scan)
        return f"{number}-{day}_{commit:07x}"

    return tag(0), tag(int(changes))


def hold_the_story(images: Sequence[Image], story: dict[str, dict[str, Package]]) -> None:
    """Give the images of STORY their packages."""
    by_name = {image.repository.removeprefix(IN_HOUSE): image for image in images}
    for line in STORY.strip().splitlines():
        name, _, tokens = line.partition(": ")
        image = by_name[name]
        for token in tokens.split():
            require(image.changed or token[0] not in "+-", f"{name} does not change")
            for scan in (0, 1):
                if token[0] != "+-"[scan]:
                    image.packages[scan].append(named(story, image.bases[scan], token.lstrip("+-")))


def named(story: dict[str, dict[str, Package]], base: Base, source: str) -> Package:
    """The package of that name for the base, or else of the one language that has it."""
    return next(story[e][source] for e in (base.name, *LANGUAGES) if source in story.get(e, {}))


def hold_languages(images: Sequence[Image], story: dict[str, dict[str, Package]], draw: Draw) -> None:
    """Give the images with a language one to three of its medium and low packages."""
    for image in images:
        if image.language:
            known = [p for p in story[SPELLED.get(image.language, image.language)].values() if not p.is_story]
            known.sort(key=lambda p: draw.rank(image.repository, p.source))
            for held in image.packages:
                held.extend(known[: 1 + draw(3, "languages", image.repository)])


def hold_zlib(images: Sequence[Image], story: dict[str, dict[str, Package]], draw: Draw) -> None:
    """Let as many more images have zlib that the new CVE is in IMAGES_WITH_ZLIB of them."""
    having = sum(any(p.source == "zlib" for p in image.packages[1]) for image in images)
    plain = {name: known["zlib"] for name, known in story.items() if "zlib" in known}
    plain = {name: zlib for name, zlib in plain.items() if not zlib.is_story}
    others = [image for image in images if image.bases[1].name in plain]
    others.sort(key=lambda image: draw.rank("zlib", image.repository))
    for image in others[: IMAGES_WITH_ZLIB - having]:
        for scan in (0, 1):
            if image.bases[scan] == image.bases[1]:
                image.packages[scan].append(plain[image.bases[1].name])


def pool(base: Base, story: dict[str, dict[str, Package]], bulk: dict[str, list[Package]]) -> list[Package]:
    """What an image on the base may show besides the story: nothing critical, high, or named zlib."""
    told = story.get(base.name, {})
    plain = [p for p in told.values() if not p.is_story and p.source != "zlib"]
    return plain + [p for p in bulk.get(base.name, []) if p.source not in told]


def fill_second(images: Sequence[Image], pools: dict[str, list[Package]], draw: Draw, total: int) -> None:
    """Fill the second scan up to the total, each image by the weight of its base."""
    room = total - sum(image.count(1) for image in images)
    weights = [weight(image, draw) for image in images]
    for image, share in zip(images, weights, strict=True):
        candidates = pools[image.bases[1].name]
        ranks = {p.source: i + draw(40, image.repository, p.source) for i, p in enumerate(candidates)}
        wanted = min(room * share // sum(weights), sum(p.count(1) for p in candidates) * 9 // 10)
        take(image.packages[1], sorted(candidates, key=lambda p: ranks[p.source]), 1, wanted)
    for image in sorted(images, key=lambda image: draw.rank("rest", image.repository)):
        left = total - sum(other.count(1) for other in images)
        if image.count(1) and left:
            absent = [p for p in pools[image.bases[1].name] if not image.has(p)]
            take(image.packages[1], absent, 1, min(left, 9))
    require(sum(image.count(1) for image in images) == total, "the pools are too small")


def weight(image: Image, draw: Draw) -> int:
    low, high = image.bases[1].weight
    drawn = low + draw(high - low + 1, "weight", image.repository)
    return drawn if drawn > 2 else 0


def take(held: list[Package], candidates: Iterable[Package], scan: int, wanted: int) -> None:
    """Add whole packages, in order, that together bring at most `wanted` findings."""
    for package in candidates:
        if 0 < (brings := package.count(scan)) <= wanted:
            held.append(package)
            wanted -= brings


def fill_first(images: Sequence[Image], pools: dict[str, list[Package]], draw: Draw, total: int) -> None:
    """Fill the first scan: what the second has, less what new tags brought, and what they fixed since."""
    for image in images:
        same = {p.source: p for p in pools[image.bases[0].name]}
        for package in image.packages[1]:
            kept = same.get(package.source) if package in pools[image.bases[1].name] else None
            brought = image.changed and draw.chance(5, "brought", image.repository, package.source)
            if kept and not brought:
                image.packages[0].append(kept)
    fixed = [
        (image, package)
        for image in images
        if image.changed and image.bases[0] == image.bases[1]
        for package in pools[image.bases[0].name]
        if package.fixable and not package.advisories[0].fix_since and not image.has(package)
    ]
    left = total - sum(image.count(0) for image in images)
    for image, package in sorted(fixed, key=lambda pair: draw.rank(pair[0].repository, pair[1].source)):
        if 0 < (brings := package.count(0)) <= left:
            image.packages[0].append(package)
            left -= brings
    require(left == 0, f"the second scan fixes too little or brings too little: {left}")


def require(holds: bool, what: str) -> None:
    """End with a message: the tables or the draws do not allow the figures."""
    if not holds:
        raise SystemExit(what)


def write(out: Path, images: Sequence[Image], draw: Draw) -> None:
    """Both scans and the chart map; what stood in the scans before is gone."""
    for scan, label in enumerate(LABELS):
        folder = out / "scans" / label
        shutil.rmtree(folder, ignore_errors=True)
        for image in images:
            report = folder / "docker" / f"{image.repository}:{image.tags[scan]}" / "snyk.json"
            report.parent.mkdir(parents=True)
            report.write_text(spelled(container(image, scan, draw)) + "\n", encoding="utf-8", newline="\n")
    with (out / "chartmap.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("manifest", "chart", "image"))
        rows.writerows((i.manifest, chart, i.repository) for i in images for chart in i.charts)


def container(image: Image, scan: int, draw: Draw) -> dict[str, Any]:
    """One report: the packages of the distribution, and below `applications` those of the languages."""
    base, path = image.bases[scan], f"{image.repository}:{image.tags[scan]}"
    root = f"docker-image|{image.repository}@{image.tags[scan]}"
    held = [p for p in image.packages[scan] if not p.in_language]
    docker = {"baseImage": base.name} if image.repository.startswith(IN_HOUSE) and base.bulk else {}
    dependencies = 14 + draw(180, "dependencies", image.repository)
    tested = tested_project(entries(held, root, scan, draw), base.manager, dependencies, docker)
    tested |= {
        "projectName": f"docker-image|{image.repository}",
        "platform": "linux/amd64",
        "path": path,
    }
    present = {p.ecosystem for p in chain(*image.packages) if p.in_language}
    applications = [application(image, scan, language, draw) for language in LANGUAGES if language in present]
    return tested | ({"applications": applications} if applications else {})


def application(image: Image, scan: int, language: str, draw: Draw) -> dict[str, Any]:
    """What the image holds of a language, with its licence issues."""
    held = [p for p in image.packages[scan] if p.ecosystem == language]
    found = entries(held, f"{image.short}@0.0.0", scan, draw)
    licence = LICENCES.get(image.short)
    if licence and licence[0] == language:
        found.append(licence_issue(image, licence))
    tested = tested_project(found, language, draw(90, image.repository, language) + 6, {})
    return tested | {
        "targetFile": LANGUAGES[language][2].format(name=image.short),
        "projectName": image.short,
        "path": f"{image.repository}:{image.tags[scan]}",
    }


def tested_project(
    found: list[dict[str, Any]], manager: str, dependencies: int, docker: dict[str, str]
) -> dict[str, Any]:
    return {
        "vulnerabilities": found,
        "ok": not found,
        "dependencyCount": dependencies,
        "packageManager": manager,
        "docker": docker,
        "summary": f"{len(found)} vulnerable dependency path{'s' * (len(found) != 1)}",
        "uniqueCount": len({entry["id"] for entry in found}),
    }


def entries(held: Sequence[Package], root: str, scan: int, draw: Draw) -> list[dict[str, Any]]:
    """One entry for each package and advisory, some once more: Snyk repeats them for each dependency path."""
    found = []
    for package in sorted(held, key=lambda p: p.source):
        parent = held[draw(len(held), root, package.source, "parent")]
        chance = 40 if package.in_language else 4
        for advisory in package.advisories:
            for binary in package.binaries if advisory.since <= scan else ():
                entry = vulnerability(package, binary, advisory, scan, draw)
                name = f"{entry['name']}@{package.version}"
                found.append(entry | {"from": [root, name]})
                if parent is not package and draw.chance(chance, root, binary, advisory.cves, "path"):
                    through = f"{full_name(parent, parent.binaries[0])}@{parent.version}"
                    other = {"from": [root, through, name], "upgradePath": [], "isUpgradable": False}
                    found.append(entry | other)
    return found


def full_name(package: Package, binary: str) -> str:
    return binary if package.in_language else f"{package.source}/{binary}"


def vulnerability(package: Package, binary: str, advisory: Advisory, scan: int, draw: Draw) -> dict[str, Any]:
    """One entry as Snyk writes it, without its path, its description and what else no reader needs."""
    severity = "low" if advisory.was_low and scan == 0 else advisory.severity
    name = full_name(package, binary)
    fix = advisory.fix if advisory.fix_since <= scan else ""
    upgradable = bool(fix) and package.in_language and package.ecosystem != "gomodules"
    identifiers: dict[str, list[str]] = {"CVE": list(advisory.cves), "CWE": [f"CWE-{advisory.cwe}"]}
    if ghsas := [GHSAS[cve] for cve in advisory.cves if cve in GHSAS]:
        identifiers["GHSA"] = ghsas
    entry: dict[str, Any] = {
        "id": snyk_id(package, advisory, draw),
        "title": TITLES[advisory.cwe],
        "severity": severity,
        "severityWithCritical": severity,
        "cvssScore": 3.7 if severity != advisory.severity else advisory.cvss,
        "identifiers": identifiers,
        "packageManager": LANGUAGES[package.ecosystem][0] if package.in_language else package.ecosystem,
        "packageName": package.source,
        "name": name,
        "version": package.version,
    }
    if package.in_language:
        entry["fixedIn"] = [fix] if fix else []
    if fix and not upgradable:
        entry["nearestFixedInVersion"] = fix
    path = [False, f"{name}@{fix}"] if upgradable else []
    return entry | {"from": [], "upgradePath": path, "isUpgradable": upgradable, "isPatchable": False}


def snyk_id(package: Package, advisory: Advisory, draw: Draw) -> str:
    """`SNYK-ALPINE315-BUSYBOX-1234567`: one for each distribution or language, source and advisory."""
    where = LANGUAGES[package.ecosystem][1] if package.in_language else package.ecosystem
    number = 450_000 + draw(2_050_000, package.ecosystem, package.source, *advisory.cves)
    return f"SNYK-{plain(where)}-{plain(package.source)}-{number}"


def plain(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text.upper())


def licence_issue(image: Image, issue: tuple[str, str, str, str, str]) -> dict[str, Any]:
    language, name, version, licence, severity = issue
    return {
        "id": f"snyk:lic:{LANGUAGES[language][0]}:{name}:{licence}",
        "type": "license",
        "title": f"{licence} license",
        "license": licence,
        "severity": severity,
        "packageManager": LANGUAGES[language][0],
        "packageName": name,
        "name": name,
        "version": version,
        "from": [f"{image.short}@0.0.0", f"{name}@{version}"],
        "upgradePath": [],
        "isUpgradable": False,
        "isPatchable": False,
    }


def spelled(document: dict[str, Any]) -> str:
    """JSON with one line for each field and each vulnerability: small, and readable in a diff."""
    lines = []
    for name, value in document.items():
        if name == "applications":
            said = "[" + ",\n".join(spelled(each) for each in value) + "]"
        elif name == "vulnerabilities" and value:
            said = "[\n" + ",\n".join(compact(each) for each in value) + "\n]"
        else:
            said = compact(value)
        lines.append(f"{compact(name)}: {said}")
    return "{\n" + ",\n".join(lines) + "\n}"


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def check(out: Path) -> int:
    """Recount the files with plain dicts; 1 if a figure is not the expected one."""
    faults = []
    scans = [recount(out / "scans" / label / "docker") for label in LABELS]
    for label, (findings, images) in zip(LABELS, scans, strict=True):
        figures = figures_of(findings, len(images))
        print(f"{label}: " + ", ".join(f"{n} {name}" for name, n in zip(FIGURES, figures, strict=True)))
        said = sentence(figures)
        print(f"{label}: {said}")
        if figures != EXPECTED[label]:
            faults.append(f"{label}: expected {EXPECTED[label]}, found {figures}")
        if label == LABELS[1] and said != SENTENCE:
            faults.append(f"{label}: expected {SENTENCE!r}")
    (before, tags_before), (after, tags_after) = scans
    new, gone = len(after.keys() - before.keys()), len(before.keys() - after.keys())
    print(f"between them: {new} new, {gone} gone, {len(after) - new} persisting")
    changed = sum(tags_before.get(repository) != tag for repository, tag in tags_after.items())
    zlib = {key[0] for key in after.keys() - before.keys() if key[2] == ZLIB}
    if tags_before.keys() != tags_after.keys():
        faults.append("the scans are not of the same repositories")
    if (changed, len(zlib)) != (CHANGED_TAGS, IMAGES_WITH_ZLIB):
        faults.append(f"expected {CHANGED_TAGS} changed tags and {ZLIB} new in {IMAGES_WITH_ZLIB} images, "
                      f"found {changed} and {len(zlib)}")  # fmt: skip
    for fault in faults:
        print(f"WRONG {fault}", file=sys.stderr)
    return 1 if faults else 0


Finding = tuple[str, str, str]  # repository, package, CVE
RANKS = ("low", "medium", "high", "critical")


def recount(folder: Path) -> tuple[dict[Finding, tuple[str, bool]], dict[str, str]]:
    """(severity, fixable) of each finding below the folder, and the tag of each repository."""
    findings: dict[Finding, tuple[str, bool]] = {}
    tags: dict[str, str] = {}
    for file in sorted(folder.rglob("snyk.json")):
        document = json.loads(file.read_text(encoding="utf-8"))
        named_by_folder = file.parent.relative_to(folder).as_posix()
        if document["path"] != named_by_folder:
            raise SystemExit(f"{file}: is of {document['path']}")
        repository, _, tag = document["path"].rpartition(":")
        if repository in tags:
            raise SystemExit(f"{file}: {repository} stands twice")
        tags[repository] = tag
        for project in (document, *document.get("applications", [])):
            for entry in project["vulnerabilities"]:
                if entry.get("type") == "license":
                    continue
                name = entry["name"].rpartition("/")[2] if project is document else entry["name"]
                package = f"{entry['packageManager'].partition(':')[0]}/{name}"
                fixable = bool(entry.get("nearestFixedInVersion")) or entry["isUpgradable"]
                for cve in entry["identifiers"]["CVE"]:
                    key = (repository, package, cve)
                    severity, once = findings.get(key, ("low", False))
                    findings[key] = (max(severity, entry["severity"], key=RANKS.index), fixable or once)
    return findings, tags


def figures_of(findings: dict[Finding, tuple[str, bool]], images: int) -> tuple[int, ...]:
    """In the order of FIGURES."""
    critical = [fixable for severity, fixable in findings.values() if severity == "critical"]
    high = [fixable for severity, fixable in findings.values() if severity == "high"]
    severe = {key: fixable for key, (severity, fixable) in findings.items() if severity in RANKS[2:]}
    with_severe = {repository for repository, _, _ in severe}
    with_fixable = {repository for (repository, _, _), fixable in severe.items() if fixable}
    counts = (len(critical), sum(critical), len(high), sum(high))
    return (len(findings), *counts, images, len(with_severe), len(with_fixable))


def sentence(figures: tuple[int, ...]) -> str:
    """The sentence that people wrote by hand."""
    findings, critical, critical_fixable, high, high_fixable, images, severe, _ = figures
    return (
        f"{critical / findings:.1%} of vulns are critical "
        f"({critical_fixable / critical:.1%} of those fixable), "
        f"{high / findings:.1%} are high ({high_fixable / high:.1%} of those fixable); "
        f"{severe} of {images} images have critical or high vulns"
    )


if __name__ == "__main__":
    sys.exit(main())
