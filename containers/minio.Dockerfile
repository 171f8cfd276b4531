# MinIO from source; compose.yaml says which version, and a test that it is the one of servers/versions.py.
ARG GO_VERSION
FROM golang:${GO_VERSION}-alpine AS build
ARG MINIO_VERSION
RUN CGO_ENABLED=0 GOTOOLCHAIN=local go install "github.com/minio/minio@${MINIO_VERSION}"

FROM alpine:3.22
# curl is for the health check.
RUN apk add --no-cache curl \
    && adduser -D -H -u 10001 minio \
    && install -d -o minio -g minio /data
COPY --from=build /go/bin/minio /usr/local/bin/minio
USER minio
ENTRYPOINT ["minio"]
