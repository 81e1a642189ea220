"""Generates `protos/python/care/` from `protos/care/`: messages, gRPC stubs, and the type stubs of both.

    python protos/generate.py            write the generated files, and delete those without a .proto file
    python protos/generate.py --check    write nothing; exit with status 1 and name the files that differ
    python protos/generate.py --image F  write a descriptor image of the contract and its imports, for buf

The generated files are committed, so you need no generator to install or read the package. The versions of the two
generators are pinned exactly (pyproject.toml, extra `dev`), so the result is the same on every machine.
"""

from __future__ import annotations

import argparse
import filecmp
import subprocess
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet

PROTO_ROOT: Final = Path(__file__).resolve().parent
PYTHON_ROOT: Final = PROTO_ROOT / "python"
PACKAGE: Final = "care"
GENERATED: Final = ("*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*_pb2_grpc.pyi")


class GenerationError(Exception):
    """The generator could not run. The message says what to do."""


def sources(proto_root: Path) -> list[str]:
    """Returns the .proto files of the package, relative to `proto_root`, in a fixed order."""
    found = sorted(path.relative_to(proto_root).as_posix() for path in (proto_root / PACKAGE).rglob("*.proto"))
    if not found:
        raise GenerationError(f"no .proto file below {proto_root / PACKAGE}")
    return found


def include_paths(proto_root: Path) -> list[str]:
    """Returns protoc's import paths: `proto_root`, and the one of `google/api` and `google/rpc`."""
    common = find_spec("google.rpc")
    if common is None or not common.submodule_search_locations:
        raise GenerationError("googleapis-common-protos is missing: run `make setup`")
    common_root = Path(next(iter(common.submodule_search_locations))).parent.parent
    return [f"--proto_path={path}" for path in (proto_root, common_root)]


def plugin(name: str) -> str:
    """Returns protoc's option for a plugin. Always takes the plugin of this environment, not one on the PATH."""
    path = Path(sysconfig.get_path("scripts")) / f"protoc-gen-{name}"
    if not path.exists():
        raise GenerationError(f"{path.name} is not installed in this environment: run `make setup`")
    return f"--plugin=protoc-gen-{name}={path}"


def run_protoc(proto_root: Path, options: list[str], files: list[str]) -> None:
    """Runs protoc on `files`. protoc prints its errors itself."""
    command = [sys.executable, "-m", "grpc_tools.protoc", *include_paths(proto_root), *options, *files]
    if subprocess.run(command, check=False).returncode:
        raise GenerationError("protoc rejected the .proto files; see its errors above")


def write_image(proto_root: Path, image: Path, *, comments: bool = True) -> None:
    """Writes the descriptors of the package and its imports to the file `image`."""
    source_info = ["--include_source_info"] if comments else []
    run_protoc(proto_root, [f"--descriptor_set_out={image}", "--include_imports", *source_info], sources(proto_root))


def files_with_services(proto_root: Path, files: list[str], scratch: Path) -> list[str]:
    """Returns the `files` that define a service. For other files, gRPC's generator would write empty modules."""
    image = scratch / "image.binpb"
    write_image(proto_root, image, comments=False)
    descriptors = FileDescriptorSet.FromString(image.read_bytes())
    return sorted({file.name for file in descriptors.file if file.service} & set(files))


def generate(proto_root: Path, scratch: Path) -> Path:
    """Generates all files into a new folder below `scratch`. Returns that folder."""
    out = scratch / "python"
    out.mkdir()
    files = sources(proto_root)
    run_protoc(proto_root, [plugin("mypy"), f"--python_out={out}", f"--mypy_out=quiet:{out}"], files)
    if services := files_with_services(proto_root, files, scratch):
        grpc = [plugin("mypy_grpc"), f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}"]
        run_protoc(proto_root, grpc, services)
    return out


def generated_files(root: Path) -> set[Path]:
    """Returns the generated files below `root`, relative to it. `__init__.py` and `py.typed` are not generated."""
    return {path.relative_to(root) for pattern in GENERATED for path in (root / PACKAGE).rglob(pattern)}


def differences(fresh: Path, committed: Path) -> list[str]:
    """Returns one line for each file that differs between `committed` and `fresh`."""
    new, old = generated_files(fresh), generated_files(committed)
    changed = {path for path in new & old if not filecmp.cmp(fresh / path, committed / path, shallow=False)}
    lines = [(path, "is missing") for path in new - old]
    lines += [(path, "no longer has a .proto file") for path in old - new]
    lines += [(path, "differs") for path in changed]
    return [f"{path.as_posix()} {what}" for path, what in sorted(lines)]


def replace(fresh: Path, committed: Path) -> None:
    """Copies the generated files of `fresh` to `committed`, and deletes the others. Writes only files that differ."""
    new = generated_files(fresh)
    for path in generated_files(committed) - new:
        (committed / path).unlink()
    for path in sorted(new):
        target, content = committed / path, (fresh / path).read_bytes()
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def main(argv: list[str] | None = None) -> int:
    """Runs the command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="generate.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--proto-root", type=Path, default=PROTO_ROOT, help="folder that holds care/**/*.proto")
    parser.add_argument("--python-root", type=Path, default=PYTHON_ROOT, help="folder that holds the generated package")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="write nothing; exit 1 if a generated file is not current")
    mode.add_argument("--image", type=Path, metavar="FILE", help="write only a descriptor image, for buf")
    parser.add_argument("--no-comments", dest="comments", action="store_false", help="leave comments out of the image")
    options = parser.parse_args(argv)
    try:
        if options.image:
            write_image(options.proto_root, options.image, comments=options.comments)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            fresh = generate(options.proto_root, Path(folder))
            if not options.check:
                replace(fresh, options.python_root)
                return 0
            stale = differences(fresh, options.python_root)
    except GenerationError as error:
        print(f"generate.py: {error}", file=sys.stderr)
        return 2
    for line in stale:
        print(line, file=sys.stderr)
    if stale:
        print(
            "The generated code is out of date with protos/: run `make proto` and commit the result.", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
