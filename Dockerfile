# One image for every role: `care serve`, `care work`, `care web`, and `care review-site` for development.
#
#     docker build --tag care .
#     docker run --rm care --help
#
# It runs under an account without rights, and on a read-only file system: only /data, for the review site, is written to.
# How to ask whether a role is healthy (`care health …`) depends on the role, so docker-compose.yml says it.

FROM python:3.11-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

# What seldom changes comes first. The libraries of the roles go into an environment without pip, which becomes the image's.
COPY requirements-image.lock ./
RUN python -m venv --without-pip /opt/care \
    && pip --python /opt/care/bin/python install --require-hashes --requirement requirements-image.lock

# The build backend stays in this stage; its hashes are in the lock of everything.
COPY requirements.lock ./
RUN awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' requirements.lock \
        > build.lock \
    && pip install --require-hashes --requirement build.lock

COPY pyproject.toml README.md LICENSE ./
COPY protos/python protos/python
COPY client client
COPY rules rules
COPY roles roles
COPY service service
COPY workflows workflows
COPY web web
COPY cli cli
COPY dev dev
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip --python /opt/care/bin/python install --no-deps dist/*.whl


FROM python:3.11-slim-bookworm

LABEL org.opencontainers.image.title="Care" \
      org.opencontainers.image.description="From a bad public review to a private, resolved conversation" \
      org.opencontainers.image.licenses="Apache-2.0"

ENV PATH=/opt/care/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1

# /data belongs to the account, and so does a new volume that is mounted there.
RUN groupadd --system --gid 10001 care \
    && useradd --system --uid 10001 --gid care --home-dir /data --no-create-home --shell /usr/sbin/nologin care \
    && install --directory --owner care --group care --mode 0750 /data
COPY --from=build /opt/care /opt/care

USER 10001:10001
WORKDIR /data
# gRPC, the customer's pages, the local review site, metrics.
EXPOSE 50051 8080 8090 9464
ENTRYPOINT ["care"]
CMD ["--help"]
