"""The install lines of the documents work: each installs the built wheel into a new environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.distribution import Wheel, documents, install_lines

DOCUMENTED = sorted({line.arguments for line in install_lines(*documents())})
WITH_EXTRAS = [arguments for arguments in DOCUMENTED if any(Requirement(argument).extras for argument in arguments)]
OUT_OF_REACH = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError", "ReadTimeoutError")
"""Messages of pip for a registry that cannot be reached, as opposed to one that lacks the version."""
IMPORT_ALL = """
import importlib, sys
failed = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed.append(f"{name}: {error}")
sys.exit("\\n".join(failed) or 0)
"""


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # The new environment cannot import this checkout or the packages of this environment.
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    arguments = [str(argument) for argument in command]
    return subprocess.run(arguments, env=kept | environment, capture_output=True, text=True, check=False)


def install(folder: Path, wheel: Wheel, *arguments: str) -> tuple[Path, set[str]]:
    """Installs into a new environment. Returns the environment's Python, and the packages installed with the wheel.

    If no registry can be reached, skips the test unless the variable CI is set.
    """
    python, report = folder / "environment" / "bin" / "python", folder / "report.json"
    assert run(sys.executable, "-m", "venv", "--without-pip", folder / "environment").returncode == 0
    # pip finds the wheel as if it were published, in addition to the registries that pip uses on this machine.
    links = f"{os.environ.get('PIP_FIND_LINKS', '')} {wheel.path.parent}".strip()
    done = run(
        *(sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "--no-input"),
        *("install", "--quiet", "--report", str(report), *arguments),
        PIP_FIND_LINKS=links,
    )
    if done.returncode != 0 and any(sign in done.stderr for sign in OUT_OF_REACH) and not os.environ.get("CI"):
        pytest.skip("No package registry is in reach, so nothing can be installed.")
    assert done.returncode == 0, done.stderr
    installed = {item["metadata"]["name"]: item for item in json.loads(report.read_text())["install"]}
    assert installed.pop(wheel.name)["download_info"]["url"] == wheel.path.as_uri()
    return python, {canonicalize_name(name) for name in installed}


@pytest.mark.timeout(600)  # pip downloads
def test_the_base_imports_every_module_of_the_client(wheel: Wheel, tmp_path: Path) -> None:
    python, installed = install(tmp_path, wheel, wheel.name)
    assert installed - {"typing-extensions"} == wheel.base, "more than it asks for; typing-extensions is gRPC's"
    done = run(python, "-P", "-c", IMPORT_ALL, *wheel.modules("care", "care_client"))
    assert done.returncode == 0, done.stderr


@pytest.mark.long
@pytest.mark.parametrize("arguments", WITH_EXTRAS, ids=" ".join)
def test_an_install_line_with_extras_installs_what_their_packages_import(
    arguments: tuple[str, ...], wheel: Wheel, tmp_path: Path
) -> None:
    python, _ = install(tmp_path, wheel, *arguments)
    extras = {extra for argument in arguments for extra in Requirement(argument).extras}
    # Each extra is named after its package, except that of the test kit, which is in the package of the workflows.
    packages = wheel.packages & {f"care_{'workflows' if extra == 'testing' else extra}" for extra in extras}
    assert packages
    modules = wheel.modules("care", "care_client", *packages)
    if "testing" in wheel.extras - extras:
        modules = [module for module in modules if "testing" not in module.split(".")]
    done = run(python, "-P", "-c", IMPORT_ALL, *modules)
    assert done.returncode == 0, done.stderr
