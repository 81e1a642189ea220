"""Logs have one line per event, in UTC, and contain no personal data."""

import json
import logging
import subprocess
import sys
from datetime import datetime, timedelta

import pytest

# Logging is configured once per process, so each test runs its own process.
PROGRAM = """
import logging, sys
from care_roles import logs
log = logs.get_logger("care.test")
logs.configure(sys.argv[1])
log.info("posted", ticket="acme/17", attempt=2)
logging.getLogger("library").warning("from %s", "elsewhere")
log.debug("too much detail")
logging.getLogger("httpx").info("HTTP Request: GET http://care.example/f/secret-token")
logging.getLogger("uvicorn.access").info("GET /f/secret-token 200")
def fail():
    private = "zoe" + "@example.org"
    raise KeyError("no such row")
try:
    fail()
except KeyError:
    log.exception("failed")
    logging.getLogger("library").exception("failed too")
"""


def lines(style: str) -> str:
    done = subprocess.run([sys.executable, "-c", PROGRAM, style], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    return done.stderr


def test_json_has_one_object_a_line() -> None:
    first, second, *failures = [json.loads(line) for line in lines("json").splitlines()]
    assert datetime.fromisoformat(first.pop("timestamp")).utcoffset() == timedelta(0)
    assert first == {
        "event": "posted",
        "level": "info",
        "logger": "care.test",
        "ticket": "acme/17",
        "attempt": 2,
    }
    assert (second["event"], second["level"], second["logger"]) == ("from elsewhere", "warning", "library")
    assert [failure["event"] for failure in failures] == ["failed", "failed too"]
    assert all("KeyError: 'no such row'" in failure["exception"] for failure in failures)


def test_console_has_the_same_events() -> None:
    found = lines("console")
    assert all(word in found for word in ("posted", "ticket=acme/17", "from elsewhere", "KeyError: 'no such row'"))


@pytest.mark.parametrize("style", ["json", "console"])
def test_requests_and_local_variables_are_not_logged(style: str) -> None:
    found = lines(style)
    assert "secret-token" not in found
    assert "zoe@example.org" not in found
    assert "too much detail" not in found


def test_logs_work_without_configuration() -> None:
    program = "from care_roles import logs; logs.get_logger('x').info('hello')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "hello" in done.stdout + done.stderr
    assert logging.getLogger("httpx").level == logging.NOTSET  # importing the module configures no logger


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_line_that_cannot_be_written_fails_nothing(style: str) -> None:
    program = (
        "import os, sys; from care_roles import logs; log = logs.get_logger('care.test'); logs.configure(sys.argv[1]);"
        "reading, writing = os.pipe(); os.dup2(writing, 2); os.close(reading); os.close(writing);"
        "log.info('into a broken pipe'); log.error('again'); print('reached')"
    )
    # At its end, the interpreter flushes standard error, which fails. So the exit status is not checked.
    done = subprocess.run([sys.executable, "-c", program, style], stdout=subprocess.PIPE, text=True, check=False)
    assert done.stdout == "reached\n"


def test_a_text_that_utf_8_cannot_encode_is_escaped() -> None:
    program = "from care_roles import logs; logs.configure('json'); logs.get_logger('x').info('odd', text='\\ud800')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr)["text"] == "\ud800"
