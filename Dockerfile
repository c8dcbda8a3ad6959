# Parley as a container: the same `parley serve` as everywhere else.
FROM python:3.11-slim-bookworm

WORKDIR /app
# The locked packages first: they change less often than the code, so the layer is kept.
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

# Everything that must outlive the container is in /data: the store, the keys, the recordings.
RUN useradd --system --uid 10001 --home-dir /data --create-home parley
USER parley
WORKDIR /data
VOLUME /data

# Until a [[trunk]] says who may call, everybody who reaches the container may: see OPERATIONS.md.
ENV PARLEY_HTTP_LISTEN=0.0.0.0:8080 \
    PARLEY_SIP_LISTEN=udp:0.0.0.0:5060,tcp:0.0.0.0:5060 \
    PARLEY_SIP_OPEN=true
EXPOSE 8080/tcp 5060/udp 5060/tcp 5061/tcp 20000-20999/udp

HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-P", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]

ENTRYPOINT ["parley"]
CMD ["serve", "--data", "/data"]
