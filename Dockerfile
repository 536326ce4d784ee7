# syntax=docker/dockerfile:1
#
# Build:  docker build -t doorbuster --build-arg DOORBUSTER_COMMIT="$(git rev-parse --short=12 HEAD)" .
# Run:    docker run -d --name shop -p 8080:8080 -v doorbuster-data:/data \
#           -v "$PWD/config.toml:/etc/doorbuster/config.toml:ro" \
#           doorbuster serve --config /etc/doorbuster/config.toml
# Stop:   docker stop -t 20 shop          (the ledger is flushed, exit 0)
# Audit:  docker run --rm -v doorbuster-data:/data doorbuster audit --data-dir /data
#
# /data is the shop's memory: the ledger and the key that signs passes. Give it a named volume (or a bind mount on a
# local disk that uid 65532 may write); an anonymous one is lost with the container, a network file system is refused.

FROM rust:1.95-bookworm AS builder
# What `doorbuster --version` says: there is no .git in here to ask.
ARG DOORBUSTER_COMMIT=unknown
WORKDIR /build
COPY . .
# The caches hold the registry and what was compiled before; the binary has to leave the cached target directory.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin doorbuster \
    && install -D -m 0755 target/release/doorbuster /out/doorbuster \
    && install -d -m 0700 /out/data

FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="doorbuster" \
      org.opencontainers.image.description="A flash-sale engine in one binary" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=builder /out/doorbuster /doorbuster
# A fresh named volume takes over the owner of what the image has at its place.
COPY --from=builder --chown=65532:65532 /out/data /data

# The admin listener keeps its default, the loopback inside the container: reachable from outside only when it is told
# to (DOORBUSTER_ADMIN__TOKEN_FILE and DOORBUSTER_SERVER__ADMIN_LISTEN), and then only with a token.
ENV DOORBUSTER_SERVER__LISTEN=0.0.0.0:8080 \
    DOORBUSTER_LEDGER__DATA_DIR=/data

WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["/doorbuster", "healthcheck"]
ENTRYPOINT ["/doorbuster"]
CMD ["serve"]
