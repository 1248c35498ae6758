"""The house: versions in step, what the library exports, what an install gives, the page about C, and the manners of ./run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import offhook
import offhook_core
import offhook_drivers._native

ROOT = Path(__file__).parents[1]
HEADER = ROOT / "core" / "include" / "offhook.h"
CORE_LIBRARY = Path(offhook_core.__file__).with_name("liboffhook.so.0").resolve()

HEARD = re.compile(r"^\d+ ms: busy, -1[0-9]\.\d dBm0$", flags=re.MULTILINE)

needs_compiler = pytest.mark.skipif(not shutil.which("cc") or not shutil.which("cmake"), reason="needs cc and cmake")


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return str(done.stdout)


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    cmake = re.search(r"project\(offhook VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())
    header = re.search(r"#define OH_VERSION\s+(\d+)", HEADER.read_text())
    assert cmake and cmake[1] == version
    major, minor, patch = map(int, version.split("."))
    assert header and int(header[1]) == major * 10000 + minor * 100 + patch


def test_every_folder_of_python_code_is_a_package() -> None:
    for floor in ("orchestrator/offhook", "hwdrivers/offhook_drivers", "cext/offhook_core"):
        for source in (ROOT / floor).rglob("*.py"):
            assert (source.parent / "__init__.py").is_file(), f"{source} would be missing from a wheel"


def test_one_copy_of_each_library_in_a_process() -> None:
    assert offhook_drivers._native.lib is not None
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "liboffhook" in line}
    names = sorted(Path(path).name.split(".so")[0] for path in loaded)
    assert names == ["liboffhook", "liboffhook_drivers"]


@pytest.mark.skipif(not shutil.which("nm"), reason="needs nm")
def test_the_library_exports_the_functions_of_the_header_and_nothing_else() -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    declared = set(re.findall(r"^OH_API .*?\b(oh_\w+)\(", text, flags=re.MULTILINE))
    exported = {line.split()[-1] for line in run("nm", "-D", "--defined-only", CORE_LIBRARY).splitlines()}
    assert {name for name in exported if not name.startswith("_")} == declared


@needs_compiler
def test_the_c_example_of_the_page_compiles_against_an_install_and_hears_busy(tmp_path: Path) -> None:
    build = ROOT / "build" / "release"
    if not (build / "CMakeCache.txt").is_file() or not (build / "lib" / "liboffhook.a").is_file():
        pytest.skip("build/release is not complete: cmake --build build/release")
    page = (ROOT / "docs" / "c-api.md").read_text()
    (example,) = re.findall(r"```c\n(#include.*?)```", page, flags=re.DOTALL)
    (tmp_path / "listener.c").write_text(example)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\nproject(listener C)\nfind_package(offhook 0.1 REQUIRED)\n"
        "add_executable(shared listener.c)\ntarget_link_libraries(shared offhook::offhook m)\n"
        "add_executable(static listener.c)\ntarget_link_libraries(static offhook::offhook_static m)\n"
    )
    prefix = tmp_path / "prefix"
    run("cmake", "--install", build, "--prefix", prefix)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    for program in ("shared", "static"):
        assert HEARD.search(run(tmp_path / "build" / program))
    (config,) = prefix.rglob("offhook.pc")
    assert "-loffhook" in config.read_text()
    if shutil.which("pkg-config"):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(config.parent), "LD_LIBRARY_PATH": str(config.parent.parent)}
        (line,) = re.findall(r"^cc -o listener .*$", page, flags=re.MULTILINE)
        run("sh", "-c", line, cwd=tmp_path, env=environment)
        assert HEARD.search(run(tmp_path / "listener", env=environment))


# -- ./run --------------------------------------------------------------------------------------------------------------------------


def test_run_without_a_command_explains_itself() -> None:
    assert "./run demo" in run(ROOT / "run")
    wrong = subprocess.run([ROOT / "run", "dance"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "./run test" in wrong.stdout


def test_run_names_the_missing_packages_and_installs_nothing_when_told_not_to(tmp_path: Path) -> None:
    """A path with little more than a shell: everything is missing."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "tr", "id", "sed"):
        (tools / name).symlink_to(shutil.which(name) or pytest.skip(f"no {name}"))
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy(ROOT / "run", tree)
    environment = {"PATH": str(tools), "OFFHOOK_APT": "no"}
    done = subprocess.run([tools / "sh", tree / "run", "demo"], capture_output=True, text=True, env=environment)
    assert done.returncode == 3
    for package in ("build-essential", "cmake", "ninja-build", "python3", "python3-venv", "python3-dev"):
        assert re.search(rf"apt-get install .*\b{package}\b", done.stderr)
    assert os.listdir(tree) == ["run"]  # noqa: PTH208


def test_python_is_new_enough_for_the_one_binary() -> None:
    """The modules are built for the stable interface of 3.11; an installed one is never of another kind."""
    assert sys.version_info >= (3, 11)
    for module in (offhook_core._native, offhook_core.timeslots, offhook_drivers._native):
        assert ".abi3" in Path(str(module.__file__)).name


def test_the_page_about_c_names_every_function() -> None:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    page = (ROOT / "docs" / "c-api.md").read_text()
    short = set(re.findall(r"[a-z]+(?:_[a-z]+)*", page))
    declared = re.findall(r"^OH_API .*?\b(oh_\w+)\(", text, flags=re.MULTILINE)
    assert [name for name in declared if name not in short and name.removeprefix("oh_core_") not in short] == []


def test_the_page_about_python_names_everything_public() -> None:
    page = set(re.findall(r"\w+", (ROOT / "docs" / "python-api.md").read_text()))
    public = {*offhook_core.__all__, *offhook.__all__}
    for kind in (offhook_core.Engine, offhook_core.CallAnalyzer, offhook_core.Library, offhook.Service):
        public |= {name for name in vars(kind) if not name.startswith("_")}
    assert sorted(public - page - {"pointer"}) == []
