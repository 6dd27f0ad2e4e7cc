# The images of the manager and of the node agent. docs/how-to/build-images.md says how to build them.
#
# It copies what `make bundle` made and downloads nothing but BASE, which has Node.js 24 at /nodejs/bin/node, glibc and
# libstdc++: a distroless one, or the one that `make image` makes from scratch. TARGETARCH is the builder's own variable,
# which BuildKit, buildah and podman set.
ARG BASE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BASE} AS manager
ARG TARGETARCH
ARG BASE
ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="podconfigmap-controller" \
      org.opencontainers.image.description="A ConfigMap for each Pod, kept right" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${SOURCE}/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}"
COPY --chown=0:0 dist/image/${TARGETARCH}/manager/ /
# glibc keeps what was freed unless it is told not to, and more so with an arena for each thread.
ENV MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=65536 MALLOC_MMAP_THRESHOLD_=32768
USER 65532:65532
WORKDIR /
# The flags of bin/pcmc, which says what they are for: there is no shell here that could run it.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=4", "--heap-growing-percent=60", "--no-parallel-scavenge", "--v8-pool-size=1", "/pcmc/src/pcmc.js"]
CMD []

FROM manager AS agent
ARG TARGETARCH
LABEL org.opencontainers.image.title="podconfigmap-controller-agent" \
      org.opencontainers.image.description="What podconfigmap-controller runs on each node: eBPF firewall and system call counters" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
COPY --chown=0:0 dist/image/${TARGETARCH}/agent/ /
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=1", "--heap-growing-percent=30", "--optimize-for-size", "--no-opt", "--no-maglev", "--no-parallel-scavenge", "--v8-pool-size=1", "/pcmc/src/pcmc.js"]
