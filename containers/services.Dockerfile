# All of our own services: one image, the command says which.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock .
# pip checks hashes only where every requirement has one, so: first fetch what is locked, then install from that alone.
RUN pip download --no-cache-dir --require-hashes --dest wheels --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY fetchdata fetchdata
COPY bucket_policies bucket_policies
COPY customer_ingestapps customer_ingestapps
COPY ingest_manager ingest_manager
RUN python -m venv /opt/ingestion \
    && /opt/ingestion/bin/pip install --no-cache-dir --no-index --find-links wheels ".[server]"

FROM python:3.11-slim-bookworm
# what confines customers' code; see docs/sandbox.md
RUN apt-get update && apt-get install --yes --no-install-recommends bubblewrap && rm -rf /var/lib/apt/lists/*
RUN useradd --system --no-create-home --uid 10001 ingestion
COPY --from=build /opt/ingestion /opt/ingestion
WORKDIR /srv
COPY servers servers
ENV PATH=/opt/ingestion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER ingestion
