"""The site as a process stops on request, keeps its data when it is killed, and says why it cannot start."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from care_dev.data.reviews import dump_reviews
from care_dev.listening import CannotStart
from care_dev.review_site.main import run
from tests.integration.review_site.reviews import review

PROGRAM = """
import logging, sys
from pathlib import Path
from care_dev.review_site.main import run
logging.basicConfig(level=logging.INFO, format="%(message)s")
run("127.0.0.1:0", Path(sys.argv[1]))
print("returned", flush=True)
"""


@contextmanager
def running(database: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Runs the site as a process on a free port. Yields the process and the URL."""
    command = [sys.executable, "-c", PROGRAM, str(database)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        try:
            url = next(word for line in process.stderr for word in line.split() if word.startswith("http://"))
            yield process, url
        finally:
            process.kill()


def test_a_killed_site_has_everything_after_its_restart(tmp_path: Path) -> None:
    database = tmp_path / "new" / "reviews.db"
    with running(database) as (process, url), httpx.Client(base_url=url, trust_env=False) as http:
        http.put("/v1/acme/reviews", content=dump_reviews([review("r1")])).raise_for_status()
        http.put("/v1/acme/reviews/r1/reply", json={"comment": "one"}, headers={"Idempotency-Key": "k"})
        http.put("/v1/behavior", json={"mode": "refuse_links"}).raise_for_status()
        process.kill()
        process.wait()
    with running(database) as (process, url), httpx.Client(base_url=url, trust_env=False) as http:
        repeated = http.put("/v1/acme/reviews/r1/reply", json={"comment": "one"}, headers={"Idempotency-Key": "k"})
        assert repeated.status_code == 200
        assert http.get("/v1/acme/reviews/r1/history").json()["putCount"] == 1
        assert http.put("/v1/acme/reviews/r1/reply", json={"comment": "http://a.b"}).status_code == 400


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_site_stops_on_request_and_closes_its_file(tmp_path: Path, asked: signal.Signals) -> None:
    with running(tmp_path / "reviews.db") as (process, url):
        assert httpx.get(url, trust_env=False).status_code == 200
        process.send_signal(asked)
        output, errors = process.communicate()
        assert (process.returncode, output) == (0, "returned\n")
        assert "GET /" not in errors
    assert [file.name for file in tmp_path.iterdir()] == ["reviews.db"]  # SQLite removes its log on a clean close


@pytest.mark.parametrize("address", ["", "8090", ":8090", "localhost", "localhost:http", "localhost:65536"])
def test_an_invalid_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(CannotStart, match="must be host:port"):
        run(address, tmp_path / "reviews.db")


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotStart, match=f"Cannot listen on {address}: .*Choose another"):
            run(address, tmp_path / "reviews.db")


def test_a_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a database, but long enough to be taken for one " * 20)
    with pytest.raises(CannotStart, match=r"Cannot open .*notes\.txt as a SQLite file"):
        run("127.0.0.1:0", other)


def test_writes_are_in_the_file(tmp_path: Path) -> None:
    with running(tmp_path / "reviews.db") as (_, url), httpx.Client(base_url=url, trust_env=False) as http:
        http.put("/v1/acme/reviews", content=dump_reviews([review("r1")])).raise_for_status()
        with closing(sqlite3.connect(tmp_path / "reviews.db")) as other:
            assert other.execute("SELECT external_id FROM review").fetchall() == [("r1",)]
