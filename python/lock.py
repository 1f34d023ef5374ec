"""Writes requirements.lock from requirements.in: one resolution of pip per system and Python version, merged, with hashes.

Usage: python lock.py [python3.11 python3.12 …]   (the interpreters lend their pip; markers are theirs, wheels are the target's)
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
MANYLINUX = ["manylinux2014_x86_64"] + [f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 26, 27, 28, 31, 34, 35, 39)]
# Newer systems take newer wheels, so both ends are asked for. Extra packages: what markers would add on that system.
TARGETS = [
    ("linux", "x86_64", MANYLINUX, []),
    ("linux", "x86_64", MANYLINUX[:6], []),
    ("darwin", "arm64", ["macosx_11_0_arm64"], ["appnope"]),
    ("darwin", "arm64", ["macosx_15_0_arm64"], ["appnope"]),
    ("darwin", "x86_64", ["macosx_12_0_x86_64"], ["appnope"]),
    ("darwin", "x86_64", ["macosx_15_0_x86_64"], ["appnope"]),
    ("win32", "AMD64", ["win_amd64"], ["colorama", "tzdata"]),
]


def resolve(pip_python, version, platforms, extra, constraints):
    """The packages pip would install there: name → (version, hash)."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "report.json")
        command = [pip_python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--target", folder, "--only-binary", ":all:",
                   "--python-version", version, "--report", str(report), "-r", str(HERE / "requirements.in"), *extra]
        if constraints:
            pathlib.Path(folder, "constraints.txt").write_text("".join(f"{name}=={pin}\n" for name, pin in constraints.items()))
            command += ["-c", str(pathlib.Path(folder, "constraints.txt"))]
        for platform in platforms:
            command += ["--platform", platform]
        subprocess.run(command, check=True)
        installed = json.loads(report.read_text())["install"]
    return {item["metadata"]["name"].lower().replace("_", "-"):
            (item["metadata"]["version"], item["download_info"]["archive_info"]["hashes"]["sha256"]) for item in installed}


def marker(places):
    """The environment marker of a set of (version, system, machine); empty when it is everywhere."""
    everywhere = {(version, system, machine) for version in VERSIONS for system, machine, _platforms, _extra in TARGETS}
    if places == everywhere:
        return ""
    for index, field in ((1, "sys_platform"), (0, "python_version")):
        values = sorted({place[index] for place in places})
        if places == {place for place in everywhere if place[index] in values}:
            return " ; " + " or ".join(f'{field} == "{value}"' for value in values)
    return " ; " + " or ".join(f'(python_version == "{v}" and sys_platform == "{s}" and platform_machine == "{m}")' for v, s, m in sorted(places))


def main(interpreters):
    found = {}
    for position, version in enumerate(VERSIONS):
        pip_python = interpreters[min(position, len(interpreters) - 1)] if interpreters else sys.executable
        for system, machine, platforms, extra in TARGETS:
            print(f"{system} {machine} {platforms[0]} Python {version}", file=sys.stderr)
            for name, (pin, digest) in resolve(pip_python, version, platforms, extra, None).items():
                entry = found.setdefault((name, pin), {"places": set(), "hashes": set()})
                entry["places"].add((version, system, machine))
                entry["hashes"].add(digest)
    lines = ["# Made by lock.py from requirements.in. Wheels only, every file by its hash."]
    for (name, pin), entry in sorted(found.items()):
        hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in sorted(entry["hashes"]))
        lines.append(f"{name}=={pin}{marker(entry['places'])} \\\n{hashes}")
    (HERE / "requirements.lock").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
