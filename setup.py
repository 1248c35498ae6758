"""Build driver: CMake builds the C libraries once, setuptools compiles the cffi and Cython modules and links them to it.

A wheel carries ``liboffhook.so.0`` and ``liboffhook_drivers.so.0`` beside the modules. An editable install links them out of
``build/release``, so that ``cmake --build build/release`` is all that an edit of C code needs.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import runpy
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from setuptools import Extension, find_packages, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext
from setuptools.command.editable_wheel import editable_wheel
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
FLOORS = ("orchestrator", "hwdrivers", "cext")  # where each import package lives
LIMITED_API = ("Py_LIMITED_API", "0x030B0000")  # one binary for 3.11 and newer
CORE_INCLUDE = ROOT / "core" / "include"
MEDIA = ROOT / "hwdrivers" / "offhook_drivers" / "media"
CODE_SUFFIXES = {".py", ".c", ".h", ".pyx", ".pxd", ".so", ".o", ".a", ".pyc"}

has_media = (MEDIA / "offhook_drivers.h").is_file() and any(MEDIA.glob("*.c"))


def data_files(package: Path) -> list[str]:
    """Everything a package reads at run time: all files below it but code, and migration scripts, which are code that is read as data."""
    found = []
    for path in sorted(package.rglob("*")):
        is_code = path.suffix in CODE_SUFFIXES or ".so." in path.name
        inside = path.relative_to(package)
        is_script = path.suffix == ".py" and not all((package / parent / "__init__.py").is_file() for parent in inside.parents)
        if path.is_file() and "__pycache__" not in inside.parts and (is_script or not is_code):
            found.append(inside.as_posix())
    return found


def floor_packages() -> tuple[list[str], dict[str, str], dict[str, list[str]]]:
    """Names, folders and data of the packages on every floor."""
    names: list[str] = []
    folders: dict[str, str] = {}
    data: dict[str, list[str]] = {}
    for floor in FLOORS:
        for name in find_packages(str(ROOT / floor)):
            names.append(name)
            top = name.partition(".")[0]
            folders[top] = f"{floor}/{top}"
            data[top] = data_files(ROOT / floor / top)
    return names, folders, data


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep two builds out of one folder; ``scripts/build`` takes the same lock."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cmake_build(folder: Path, with_tests: bool) -> None:
    """Configure and build the C libraries in *folder*."""
    cmake = shutil.which("cmake")
    if cmake is None:
        raise SystemExit("offhook: cmake 3.24 or newer is needed to build the C core (Debian: apt-get install cmake ninja-build)")
    cache = folder / "CMakeCache.txt"
    if cache.is_file() and f"CMAKE_HOME_DIRECTORY:INTERNAL={ROOT}\n" not in cache.read_text(encoding="utf-8", errors="replace"):
        shutil.rmtree(folder)  # made for another tree: an unpacked sdist, a moved checkout
    command = [cmake, "-S", str(ROOT), "-B", str(folder)]
    if not cache.is_file():
        command += ["-DCMAKE_BUILD_TYPE=Release", f"-DBUILD_TESTING={'ON' if with_tests else 'OFF'}"]
        command += ["-G", "Ninja"] if shutil.which("ninja") else []
    targets = ["offhook", *(["offhook_drivers"] if has_media else [])]
    for step in (command, [cmake, "--build", str(folder), "--target", *targets, "-j", str(os.cpu_count() or 1)]):
        if subprocess.run(step).returncode:
            raise SystemExit(f"offhook: the C libraries could not be built; what the compiler says stands above. Step: {' '.join(step)}")


def require_functions(library: Path, header: Path) -> None:
    """Refuse to build a module for functions that the library lacks: it could not be imported, and would replace one that can."""
    declared = re.findall(r"^OH_API [^;{]*?\b(oh_\w+)\(", header.read_text(encoding="utf-8"), flags=re.MULTILINE)
    exported = ctypes.CDLL(str(library))
    missing = [name for name in declared if not hasattr(exported, name)]
    if missing:
        raise SystemExit(f"offhook: {header.name} declares what {library.name} does not have: {', '.join(missing)}")


class BuildExt(build_ext):
    """Builds the C libraries, then the modules that link to them."""

    def run(self) -> None:
        self.folder = ROOT / "build" / ("release" if self.inplace else "pip")
        self.generated = self.folder / "generated"
        with only_one(self.folder):
            cmake_build(self.folder, with_tests=bool(self.inplace))
            require_functions(self.folder / "lib" / "liboffhook.so.0", CORE_INCLUDE / "offhook.h")
            self.generate()
            super().run()
            self.place_libraries()

    def generate(self) -> None:
        """Write the C source of every module."""
        from Cython.Build import cythonize

        self.generated.mkdir(parents=True, exist_ok=True)
        by_name = {extension.name: extension for extension in self.extensions}
        builder = runpy.run_path(str(ROOT / "cext" / "offhook_core" / "_build.py"))["builder"]
        core = builder("offhook_core._native", CORE_INCLUDE / "offhook.h")
        self.emit(core, by_name["offhook_core._native"])
        if has_media:
            drivers = builder("offhook_drivers._native", MEDIA / "offhook_drivers.h", include=core)
            self.emit(drivers, by_name["offhook_drivers._native"])
        timeslots = by_name["offhook_core.timeslots"]
        timeslots.sources = ["cext/offhook_core/timeslots.pyx"]
        made = cythonize([timeslots], build_dir=str(self.generated), language_level=3, quiet=True)
        timeslots.sources = made[0].sources
        for extension in self.extensions:
            extension.library_dirs = [str(self.folder / "lib")]

    def emit(self, ffi: Any, extension: Extension) -> None:
        source = self.generated / f"{extension.name}.c"
        ffi.emit_c_code(str(source))
        extension.sources = [str(source)]

    def place_libraries(self) -> None:
        """Put the shared libraries beside the modules: copies in a wheel, links into the build folder in the source tree."""
        places = {"liboffhook.so.0": "offhook_core", "liboffhook_drivers.so.0": "offhook_drivers"}
        for name, package in places.items():
            built = self.folder / "lib" / name
            if not built.exists():
                continue
            if self.inplace:
                folder = ROOT / self.distribution.package_dir[package]
                link = folder / name
                link.unlink(missing_ok=True)
                link.symlink_to(os.path.relpath(built, folder))
            else:
                self.mkpath(str(Path(self.build_lib, package)))
                shutil.copy2(built.resolve(), Path(self.build_lib, package, name))

    def get_source_files(self) -> list[str]:
        return []  # MANIFEST.in names the sources; what is generated stays out of the sdist


class Build(build):
    """Starts from an empty folder, so that a file removed from the tree is not carried into a wheel."""

    def run(self) -> None:
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()


class PathLines:
    """Editable install by one path line per floor, which type checkers follow too; setuptools would install an import hook."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, wheel: Any, files: list[str], mapping: dict[str, str]) -> None:
        lines = "".join(f"{ROOT / floor}\n" for floor in FLOORS)
        wheel.writestr(f"__editable__.{self.name}.pth", lines)

    def __enter__(self) -> PathLines:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class EditableWheel(editable_wheel):
    """Editable install without an import hook."""

    def _select_strategy(self, name: str, tag: str, build_lib: Any) -> PathLines:
        return PathLines(name)


class Sdist(sdist):
    """Source archive of what MANIFEST.in names, without anything built."""


def extension(name: str, libraries: list[str], include_dirs: list[Path], run_path: list[str]) -> Extension:
    return Extension(
        name,
        sources=[],  # known once they are generated
        depends=[str(header) for folder in include_dirs for header in folder.glob("*.h")],
        libraries=libraries,
        include_dirs=[str(folder) for folder in include_dirs],
        define_macros=[LIMITED_API],
        py_limited_api=True,
        extra_compile_args=[
            "-O2",
            "-g0",
            "-Werror=incompatible-pointer-types",
            "-Werror=int-conversion",
            "-Werror=implicit-function-declaration",
        ],
        extra_link_args=["-Wl,--enable-new-dtags", *(f"-Wl,-rpath,{path}" for path in run_path)],
    )


names, folders, data = floor_packages()
extensions = [
    extension("offhook_core._native", ["offhook"], [CORE_INCLUDE], ["$ORIGIN"]),
    extension("offhook_core.timeslots", ["offhook"], [CORE_INCLUDE], ["$ORIGIN"]),
]
if has_media:
    # In a wheel the packages lie side by side, in the source tree on their floors.
    run_path = ["$ORIGIN", "$ORIGIN/../offhook_core", "$ORIGIN/../../cext/offhook_core"]
    extensions.append(extension("offhook_drivers._native", ["offhook_drivers", "offhook"], [MEDIA, CORE_INCLUDE], run_path))

setup(
    packages=names,
    package_dir=folders,
    package_data=data,
    ext_modules=extensions,
    cmdclass={"build": Build, "build_ext": BuildExt, "editable_wheel": EditableWheel, "sdist": Sdist},
    options={"bdist_wheel": {"py_limited_api": "cp311"}, "build": {"build_base": "build/setuptools"}},
    setup_requires=[] if shutil.which("cmake") else ["cmake>=3.24"],
)
