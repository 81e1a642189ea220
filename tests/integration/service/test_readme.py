"""The README's example does what it says, as it stands."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.support.care import Care
from tests.support.tenant import Tenant

_README = Path(__file__).parents[3] / "README.md"


async def test_the_example_runs_as_it_stands(service: Care, tenant: Tenant, tmp_path: Path) -> None:
    found = re.search(r"<!-- example -->\n```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    # The address and the organization are this test's; nothing else is changed.
    source = found[1].replace("127.0.0.1:50051", service.address).replace("organizations/acme", tenant.name)
    script = tmp_path / "example.py"
    script.write_text(source, encoding="utf-8")
    token = service.token(sub="alice", org=tenant.id, roles=["agent"], name="Alice")
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, env={**os.environ, "CARE_TOKEN": token}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    refused, started, listed = output.decode().splitlines()
    assert process.returncode == 0
    assert refused == "UNASSIGNED"
    assert started.startswith(f"{tenant.name}/tickets/1 ")
    assert "'ResolveTicket'" in started
    assert "'StartTicket'" not in started
    assert listed == f"{tenant.name}/tickets/1 Cold soup"
