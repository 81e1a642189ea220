"""The supervisor with real child processes: restarts, order, failures, and no orphans when it is killed."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import anyio
import pytest

from care_dev.stack.errors import StackError
from care_dev.stack.health import NotHealthyError
from care_dev.stack.processes import Part, Supervisor
from tests.integration.stack.conditions import Recorder, is_alive, program, until

WRITES_PID_AND_WAITS = """
import os, pathlib, signal, sys
path = pathlib.Path(sys.argv[1])
new = path.with_suffix(".new")
new.write_text(str(os.getpid()))
new.rename(path)
signal.pause()
"""

REPORTS_ITS_END = """
import pathlib, signal, sys
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def end(*_):
    with (folder / "ends").open("a") as ends:
        ends.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
(folder / name).touch()
signal.pause()
"""

IGNORES_SIGTERM = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
while True:
    signal.pause()
"""

SUPERVISES = """
import sys
from pathlib import Path
import anyio
from care_dev.stack.processes import Part, Supervisor

async def main(folder: Path) -> None:
    async def healthy() -> None:
        while not (folder / "pid").exists():
            await anyio.sleep(0.01)
    program = [sys.executable, "-c", sys.argv[2], str(folder / "pid")]
    async with Supervisor(folder / "logs") as supervisor:
        await supervisor.start(Part(name="child", title="Child", command=program, healthy=healthy))
        print("healthy", flush=True)
        await anyio.sleep_forever()

anyio.run(main, Path(sys.argv[1]))
"""


def script(name: str, code: str, ready: Path, *arguments: str, grace: float = 10.0) -> Part:
    """Returns a part that runs Python code and is healthy as soon as the file `ready` exists."""

    async def healthy() -> None:
        await until(ready.exists)

    return Part(
        name=name,
        title=name.capitalize(),
        command=[sys.executable, "-c", code, *arguments],
        healthy=healthy,
        grace=grace,
    )


async def test_a_killed_part_is_started_again(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    recorder = Recorder()
    async with Supervisor(tmp_path / "logs", recorder) as supervisor:
        await supervisor.start(script("child", WRITES_PID_AND_WAITS, file, str(file)))
        first = int(file.read_text())
        assert first == recorder.pids["child"]

        os.kill(first, signal.SIGKILL)
        await recorder.healthy_again("child")
        await until(lambda: int(file.read_text()) != first)
        second = int(file.read_text())
        assert second == recorder.pids["child"]
        assert is_alive(second)

    assert not is_alive(second)
    assert recorder.endings == ["Child: killed by SIGKILL"]


async def test_parts_stop_in_the_reverse_of_the_order_in_which_they_started(tmp_path: Path) -> None:
    async with Supervisor(tmp_path / "logs") as supervisor:
        for name in ("first", "second", "third"):
            await supervisor.start(script(name, REPORTS_ITS_END, tmp_path / name, str(tmp_path), name))
    assert (tmp_path / "ends").read_text().split() == ["third", "second", "first"]


async def test_the_order_is_kept_when_everything_is_cancelled(tmp_path: Path) -> None:
    with anyio.CancelScope() as scope:
        async with Supervisor(tmp_path / "logs") as supervisor:
            for name in ("first", "second", "third"):
                await supervisor.start(script(name, REPORTS_ITS_END, tmp_path / name, str(tmp_path), name))
            scope.cancel()
            await anyio.sleep_forever()
    assert (tmp_path / "ends").read_text().split() == ["third", "second", "first"]


async def test_a_part_that_does_not_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    recorder = Recorder()
    async with Supervisor(tmp_path / "logs", recorder) as supervisor:
        await supervisor.start(script("deaf", IGNORES_SIGTERM, ready, str(ready), grace=0.1))
        assert is_alive(recorder.pids["deaf"])
    assert not is_alive(recorder.pids["deaf"])


async def test_a_part_that_ends_before_it_is_healthy_is_reported_with_its_last_line(tmp_path: Path) -> None:
    good = script("good", REPORTS_ITS_END, tmp_path / "good", str(tmp_path), "good")
    bad = script("bad", "import sys; sys.exit('no license: \\x41sk for one')", tmp_path / "never")
    recorder = Recorder()
    async with Supervisor(tmp_path / "logs", recorder) as supervisor:
        await supervisor.start(good)
        with pytest.raises(StackError) as failed:
            await supervisor.start(bad)
    headline, *tail = str(failed.value).splitlines()
    assert headline.startswith("Bad did not become ready: exit status 1")
    assert str(tmp_path / "logs" / "bad.log") in headline
    assert [line.strip() for line in tail] == ["no license: Ask for one"]
    assert not is_alive(recorder.pids["good"])


async def test_a_part_that_runs_but_is_not_healthy_in_time_is_reported_and_stopped(tmp_path: Path) -> None:
    async def healthy() -> None:
        await until((tmp_path / "pid").exists)
        raise NotHealthyError("it does not answer")

    program = [sys.executable, "-c", WRITES_PID_AND_WAITS, str(tmp_path / "pid")]
    async with Supervisor(tmp_path / "logs") as supervisor:
        with pytest.raises(StackError, match="Sick did not become ready: it does not answer"):
            await supervisor.start(Part(name="sick", title="Sick", command=program, healthy=healthy))
        assert not is_alive(int((tmp_path / "pid").read_text()))


async def test_a_failure_ends_the_wait_for_the_parts_started_with_it(tmp_path: Path) -> None:
    slow = script("slow", WRITES_PID_AND_WAITS, tmp_path / "never", str(tmp_path / "pid"))
    bad = script("bad", "raise SystemExit(3)", tmp_path / "never")
    async with Supervisor(tmp_path / "logs") as supervisor:
        with pytest.raises(StackError, match="Bad did not become ready: exit status 3"):
            await supervisor.start(slow, bad)


async def test_a_part_does_not_receive_ctrl_c_and_writes_to_its_log(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"import sys; print('out', flush=True); print('err', file=sys.stderr, flush=True)\n{IGNORES_SIGTERM}"
    recorder = Recorder()
    async with Supervisor(tmp_path / "logs", recorder) as supervisor:
        await supervisor.start(script("child", code, ready, str(ready), grace=0.1))
        assert os.getpgid(recorder.pids["child"]) != os.getpgrp()
    assert (tmp_path / "logs" / "child.log").read_text().splitlines() == ["out", "err"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
async def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    async with program(sys.executable, "-c", SUPERVISES, str(tmp_path), WRITES_PID_AND_WAITS) as supervisor:
        child = int((tmp_path / "pid").read_text())
        assert is_alive(child)
        supervisor.kill()
        await until(lambda: not is_alive(child))
