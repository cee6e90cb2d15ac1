"""Runs the kernels on an emulated ARM CPU (qemu-user) and compares what they compute with what they compute here.

    python -m tests.emulated_arm [--directory DIR] [--logits] [--pytest TEST...]

Needs root and Debian or Ubuntu, for qemu, and Debian's Python for arm64 once (some 300 MB in DIR, three minutes).
Emulation shows that results are right; of speed it shows nothing. Without options: products, in each instruction set,
some minutes each. ``--logits`` adds a model's logits in each precision and cache type, ``--pytest`` runs tests instead.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import platformdirs

from tests.tiny_model import make_tiny_model

RELEASE = "bookworm"  # its Python is 3.11
PACKAGES = ["numpy", "numba", "safetensors", "tokenizers", "jinja2", "platformdirs"]
PACKAGES += ["huggingface_hub", "filelock", "gguf", "threadpoolctl"]
TESTING = ["pytest", "hypothesis"]
# glibc of the wheels that Debian's can load.
PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in (36, 34, 28, 27, 17)] + ["manylinux2014_aarch64", "any"]
# qemu does not tell LLVM what its CPU can do.
FEATURES = {
    "neon": "+neon,+fullfp16,+lse",
    "neon-dotprod": "+neon,+fullfp16,+lse,+dotprod",
    "neon-i8mm": "+neon,+fullfp16,+lse,+dotprod,+i8mm",
}


class Emulated:
    """Python for arm64 in ``directory``, set up when needed."""

    def __init__(self, directory: Path) -> None:
        self._root, self._site = directory / "root", directory / "site"
        self._caches = directory / "kernels"
        if not (directory / "complete").exists():
            directory.mkdir(parents=True, exist_ok=True)
            self._set_up(directory)
            (directory / "complete").touch()

    def _set_up(self, directory: Path) -> None:
        run("apt-get", "install", "-y", "-qq", "qemu-user-static", "debootstrap")
        options = ["--arch=arm64", "--variant=minbase", "--foreign", "--include=python3,libgomp1"]
        mirror = subprocess.check_output(["apt-get", "indextargets", "--format", "$(SITE)"], text=True).split()[0]
        run("debootstrap", *options, RELEASE, str(self._root), mirror)
        for package in sorted(self._root.glob("var/cache/apt/archives/*.deb")):
            run("dpkg", "-x", str(package), str(self._root))
        wheels = directory / "wheels"
        wanted = ["--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"]
        wanted += [f"--abi={abi}" for abi in ("cp311", "abi3", "none")]
        wanted += [f"--platform={platform}" for platform in PLATFORMS]
        run(sys.executable, "-m", "pip", "download", "-q", *wanted, "-d", str(wheels), *PACKAGES, *TESTING)
        for wheel in wheels.glob("*.whl"):
            run(sys.executable, "-m", "zipfile", "-e", str(wheel), str(self._site))

    def python(self, target: str, *arguments: str) -> str:
        """Run Python with the features of ``target``; return what it prints."""
        environment = os.environ | {
            "PYTHONHOME": str(self._root / "usr"),
            "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(self._site)]),
            "NUMBA_CPU_NAME": "neoverse-n1",
            "NUMBA_CPU_FEATURES": FEATURES[target],
            "NUMBA_CACHE_DIR": str(self._caches / target),
        }
        program = ["qemu-aarch64-static", "-cpu", "max", "-L", str(self._root), str(self._root / "usr/bin/python3.11")]
        return subprocess.run(
            [*program, *arguments], env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, default=platformdirs.user_cache_path("llm-tui") / "emulated-arm")
    parser.add_argument("--logits", action="store_true")
    parser.add_argument("--pytest", nargs="+", default=[])
    options = parser.parse_args()
    emulated = Emulated(options.directory.resolve())
    if options.pytest:
        print(emulated.python("neon-dotprod", "-m", "pytest", "-q", "-p", "no:cacheprovider", *options.pytest))
        return
    with tempfile.TemporaryDirectory() as directory:
        model = make_tiny_model(Path(directory) / "tiny", num_hidden_layers=2)
        jobs = [["product"], *([["logits", str(model)]] if options.logits else [])]
        equal = True
        for job in jobs:
            command = ["-m", "tests.inference.digest", *job]
            here, *expected = subprocess.check_output([sys.executable, *command], text=True).splitlines()
            for target in FEATURES:
                name, *found = emulated.python(target, *command).splitlines()
                equal &= (name, found) == (target, expected)
                print(
                    f"{job[0]}: {name} {'gives the bits of' if found == expected else 'DIFFERS from'} {here}",
                    flush=True,
                )
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
