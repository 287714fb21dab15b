"""Measures hashsieve beside its peers and prints the tables. Started by the script `run`, which sets everything up.

Every engine stands ready in a process of its own kind and waits. In each round every picture is taken in turn, and every
engine hashes it for a moment, one after another, while all others wait; ratios are taken within a round, so that what
slows the machine for a while slows both sides. Before the first round each engine has had its warm-up and its count of
calls.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

# What PDQ's authors advise to match at least.
LEAST_QUALITY = 50
SCENE = "timed/dead_leaves-1"
LEVELS = ["hashsieve-scalar", "hashsieve-avx2", "hashsieve-avx512"]


@dataclass(frozen=True)
class Row:
    group: str
    what: str
    picture: str
    ours: str
    peers: tuple
    # Whether both compute the same kind of hash, bit for bit in one order.
    comparable: bool = True


def size_of(picture):
    """WIDTHxHEIGHT, of the name of a picture."""
    return picture.rsplit("-", 2)[1]


PDQHASH = ("pdqhash-python", "pdqhash-crate")
YUME = ("yume-pdq-avx512", "yume-pdq-avx2", "yume-pdq-scalar", "yume-pdq-portable")
LUMA_512 = f"{SCENE}-512x512-luma8.raw"
RGB_1080 = f"{SCENE}-1920x1080-rgb8.raw"
# Files for Pillow to write of pixels: JPEG with chroma at half size, as most of it is. The 4000x3000 pictures have little
# and much detail, and photographs are between them.
JPEGS = [
    "timed/dead_leaves-1-4000x3000-rgb8.jpg",
    "timed/one_over_f-1-4000x3000-rgb8.jpg",
    "timed/dead_leaves-1-512x512-rgb8.jpg",
]
ROWS = [
    Row("pixels", "rgb8 1920x1080", RGB_1080, "hashsieve", PDQHASH),
    Row("pixels", "rgb8 4000x3000", f"{SCENE}-4000x3000-rgb8.raw", "hashsieve", PDQHASH),
    Row("pixels", "rgb8 512x512", f"{SCENE}-512x512-rgb8.raw", "hashsieve", PDQHASH),
    Row("luma", "luma8 512x512", LUMA_512, "hashsieve", YUME + PDQHASH),
    Row("frame", "luma8 64x64", f"{SCENE}-64x64-luma8.raw", "hashsieve", PDQHASH),
    Row("levels", "rgb8 1920x1080", RGB_1080, "hashsieve-avx512", ("hashsieve-avx2", "hashsieve-scalar")),
    Row("levels", "luma8 512x512", LUMA_512, "hashsieve-avx512", ("hashsieve-avx2", "hashsieve-scalar")),
    *(
        Row("files", f"JPEG {size_of(picture)}", picture, ours, ("pillow-pdqhash",))
        for picture in JPEGS
        for ours in ("hashsieve-file", "hashsieve-file-luma")
    ),
    Row("files", "PNG 1920x1080", f"{SCENE}-1920x1080-rgb8.png", "hashsieve-file", ("pillow-pdqhash",)),
    *(
        # Each library makes the picture small in its own way, so that their bits differ.
        Row(
            "classic",
            f"{kind}, rgb8 1920x1080",
            RGB_1080,
            f"hashsieve-{kind}",
            (f"image_hasher-{kind}", f"imagehash-{kind}"),
            comparable=False,
        )
        for kind in ("phash", "dhash", "ahash")
    ),
]
# What nobody can have, whatever the machine.
NEVER = {"yume-pdq-portable": "yume-pdq 1.1.0 needs `core::simd::LaneCount`, which nightly compilers have no more"}
GROUPS = [*dict.fromkeys(row.group for row in ROWS), "dihedral", "folder", "memory", "exact"]


class Failed(Exception):
    """A question that was answered with an error."""


class Server:
    """A process that holds engines."""

    def __init__(self, command):
        single = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")}
        self.command = command
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **single}
        )
        self.engines = self.ask("engines").split()

    def ask(self, *words):
        question = " ".join(map(str, words))
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline().rstrip("\n")
        if not line:
            sys.exit(f"run.py: {self.command[0]} ended, with status {self.process.wait()}, at: {question}")
        state, _, answer = line.partition(" ")
        if state != "ok":
            raise Failed(answer)
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Engines:
    """Every engine there is, whatever process it is in."""

    def __init__(self, servers, absent):
        self.servers = servers
        self.absent = absent
        self.server_of = {}
        for server in servers:
            for engine in server.engines:
                self.server_of.setdefault(engine, server)

    def __contains__(self, engine):
        return engine in self.server_of

    def why_not(self, engine):
        for prefix, reason in self.absent.items():
            if engine.startswith(prefix):
                return reason
        return f"there is no {engine} on this machine or in this version"

    def time(self, engine, picture, count):
        return float(self.server_of[engine].ask("time", engine, picture, count))

    def hash(self, engine, picture):
        found, quality = self.server_of[engine].ask("hash", engine, picture).split()
        return found, None if quality == "-" else int(quality)

    def peak(self, engine, picture):
        return int(self.server_of[engine].ask("peak", engine, picture))


def say(text):
    print(text, file=sys.stderr, flush=True)


def spread(values):
    """Median and quartiles."""
    values = list(values)
    if len(values) == 1:
        values *= 2
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "lower_quartile": low, "upper_quartile": high}


def measure(engines, wanted, rounds, seconds):
    """Nanoseconds of one call, a list of one for each round, by engine and picture; or why there are none."""
    by_picture = {}
    for engine, picture in wanted:
        by_picture.setdefault(picture, [])
        if engine not in by_picture[picture]:
            by_picture[picture].append(engine)
    times, counts = {}, {}
    for picture, names in by_picture.items():
        say(f"warming up: {picture}")
        for engine in names:
            try:
                once = engines.time(engine, picture, 1)
            except Failed as error:
                times[engine, picture] = str(error)
                continue
            counts[engine, picture] = max(1, round(seconds * 1e9 / once))
            times[engine, picture] = []
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for picture, names in by_picture.items():
            # Each is first in every other round.
            for engine in names if number % 2 == 0 else reversed(names):
                if (engine, picture) in counts:
                    taken = engines.time(engine, picture, counts[engine, picture])
                    times[engine, picture].append(taken)
    return times


def ratios(above, below):
    return [a / b for a, b in zip(above, below, strict=True)]


def distances(engines, row, peer, folder):
    """Bits in which the peer's hash differs from ours, over all pictures of the row's kind that are worth matching."""
    pictures = [row.picture]
    if row.picture.endswith(".raw"):
        kind = row.picture.split("-", 2)[2]
        pictures += sorted(f"compared/{path.name}" for path in (folder / "compared").glob(f"*-{kind}"))
    found = []
    for picture in pictures:
        ours, quality = engines.hash(row.ours, picture)
        theirs, _ = engines.hash(peer, picture)
        if quality >= LEAST_QUALITY:
            found.append((int(ours, 16) ^ int(theirs, 16)).bit_count())
    return found


def compare(engines, rows, rounds, seconds, folder):
    """The table of ratios, a dictionary for each line."""
    wanted = [
        (engine, row.picture)
        for row in rows
        for peer in row.peers
        if row.ours in engines and peer in engines
        for engine in (row.ours, peer)
    ]
    times = measure(engines, wanted, rounds, seconds)
    lines = []
    for row in rows:
        for peer in row.peers:
            line = {"group": row.group, "what": row.what, "picture": row.picture, "ours": row.ours, "peer": peer}
            lines.append(line)
            missing = next((engine for engine in (row.ours, peer) if engine not in engines), None)
            if missing:
                line["not_measured"] = engines.why_not(missing)
                continue
            our_times, their_times = (times[engine, row.picture] for engine in (row.ours, peer))
            failed = next((times for times in (our_times, their_times) if isinstance(times, str)), None)
            if failed:
                line["not_measured"] = failed
                continue
            line["our_nanoseconds"] = our_times
            line["peer_nanoseconds"] = their_times
            line["ratio"] = spread(ratios(their_times, our_times))
            if row.comparable:
                line["distances"] = distances(engines, row, peer, folder)
    return lines


def dihedral(engines, rounds, seconds):
    times = measure(engines, [("hashsieve", RGB_1080), ("hashsieve-dihedral", RGB_1080)], rounds, seconds)
    extra = ratios(times["hashsieve-dihedral", RGB_1080], times["hashsieve", RGB_1080])
    extra = spread(100 * (ratio - 1) for ratio in extra)
    return [("extra time of all eight dihedral hashes, rgb8 1920x1080", extra, "%")]


def folder_of_files(program, folder, peers, rounds):
    """One thread against two, in the program, over a folder."""
    outputs = {jobs: peers / f"folder-{jobs}.hsh" for jobs in (1, 2)}
    times = {1: [], 2: []}
    for number in range(rounds + 1):
        say(f"folder, round {number} of {rounds}")
        for jobs in (1, 2) if number % 2 == 0 else (2, 1):
            command = [program, "hash", folder / "folder", "--jobs", str(jobs), "-q", "-o", outputs[jobs]]
            begin = time.perf_counter()
            subprocess.run(command, check=True)
            taken = time.perf_counter() - begin
            # The first round is the warm-up, of the files above all.
            if number > 0:
                times[jobs].append(taken)
    one, two = (sorted(path.read_text().splitlines()) for path in outputs.values())
    if one != two:
        sys.exit("run.py: one thread and two threads gave different hashes")
    what = f"folder of {len(one)} JPEG files, 512x512 to 1920x1080, `hashsieve hash`"
    return [
        (f"{what}: time with one thread / with two", spread(ratios(times[1], times[2])), "times"),
        (f"{what}: files a second with two threads", spread(len(two) / taken for taken in times[2]), ""),
    ]


def memory(engines):
    picture = f"{SCENE}-4000x3000-rgb8.raw"
    return [
        (f"memory beyond the picture, rgb8 4000x3000, `{engine}`", round(engines.peak(engine, picture) / 1e6), "MB")
        for engine in ("hashsieve", *PDQHASH)
    ]


def exactness(engines, folder):
    """Counts the pictures that have another hash here than elsewhere: figures, and whether there are too many.

    The PyPI package computes the luma of colour in f64 where the reference does it in f32. That may turn bits of pictures
    that are all but flat, so those are counted apart; the crate, which computes f32, is compared on all.
    """
    files = [*(folder / "compared").glob("*.raw"), *(folder / "timed").glob("*.raw")]
    pictures = sorted(f"{path.parent.name}/{path.name}" for path in files)
    figures, wrong = [], False
    for ours in (engine for engine in ("hashsieve", *LEVELS) if engine in engines):
        different = {}
        for picture in pictures:
            found, quality = engines.hash(ours, picture)
            if "luma8" in picture:
                kind = "PyPI pdqhash, grey"
            elif quality >= LEAST_QUALITY:
                kind = f"PyPI pdqhash, colour, quality {LEAST_QUALITY} and more"
            else:
                kind = f"PyPI pdqhash, colour, quality below {LEAST_QUALITY}"
            other = (found, quality) != engines.hash("pdqhash-python", picture)
            different.setdefault(kind, []).append(other)
            # The crate rounds quality in another way.
            other = found != engines.hash("pdqhash-crate", picture)[0]
            different.setdefault("crate pdqhash, all", []).append(other)
        for kind, found in sorted(different.items()):
            wrong |= any(found) and "below" not in kind
            figures.append((f"hashes of `{ours}` that differ from {kind}", f"{sum(found)} of {len(found)}", ""))
    return figures, wrong


def write_jpegs(folder):
    for picture in JPEGS:
        width, height = map(int, size_of(picture).split("x"))
        pixels = (folder / picture).with_suffix(".raw").read_bytes()
        image = Image.frombytes("RGB", (width, height), pixels)
        image.save(folder / picture, quality=85, subsampling="4:2:0")


def text_of(*command):
    try:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine():
    facts = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    flags = facts.get("flags", facts.get("Features", "")).split()
    vector = [flag for flag in ("neon", "asimd", "avx2", "fma", "avx512f", "avx512bw", "avx512vl") if flag in flags]
    return {
        "processor": facts.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vector_instructions": vector,
        "system": f"{platform.system()} {platform.machine()}",
    }


def locked_versions():
    """The versions in the harness's lock file of the crates that are measured."""
    versions, name = {}, None
    for line in (HERE / "harness/Cargo.lock").read_text().splitlines():
        key, _, value = line.partition(" = ")
        if key == "name":
            name = value.strip('"')
        elif key == "version" and name in ("hashsieve", "image_hasher", "pdqhash", "yume-pdq"):
            versions[f"{name} (crate)"] = value.strip('"')
    return versions


def versions():
    python = {f"{name} (PyPI)": version(name) for name in ("pdqhash", "Pillow", "ImageHash", "numpy", "scipy")}
    return {
        **locked_versions(),
        **python,
        "Python": platform.python_version(),
        "rustc": text_of("rustc", "--version").removeprefix("rustc "),
        "commit": text_of("git", "describe", "--always", "--dirty"),
    }


def duration(nanoseconds):
    median = statistics.median(nanoseconds)
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if median >= size:
            return f"{median / size:.3g} {unit}"
    return f"{median / 1e3:.3g} us"


def figure(value):
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def spread_text(found, unit=""):
    unit = f" {unit}" if unit else ""
    quartiles = f"{figure(found['lower_quartile'])} to {figure(found['upper_quartile'])}"
    return f"{figure(found['median'])}{unit} ({quartiles})"


def print_report(report):
    def names(facts):
        return ", ".join(f"{name} {value}" for name, value in facts.items())

    here = report["machine"]
    print(f"{report['begun']}, {here['processor']}, {here['cores']} cores, {here['system']},")
    print(f"vector instructions: {' '.join(here['vector_instructions']) or 'none known'}")
    print(f"{names(report['versions'])}")
    print(f"load average (1, 5, 15 minutes) before {report['load_before']} and after {report['load_after']}")
    print(f"{report['rounds']} rounds; medians, and quartiles in brackets\n")
    if report["rows"]:
        print("| measured | ours | time | other | time | other / ours | bits that differ: median, most (pictures) |")
        print("|---|---|---|---|---|---|---|")
    for line in report["rows"]:
        cells = [line["what"], f"`{line['ours']}`"]
        if "not_measured" in line:
            cells += ["", f"`{line['peer']}`", "", f"not measured: {line['not_measured']}", ""]
        else:
            cells += [duration(line["our_nanoseconds"]), f"`{line['peer']}`", duration(line["peer_nanoseconds"])]
            cells.append(spread_text(line["ratio"]))
            bits = line.get("distances", [])
            cells.append(f"{statistics.median(bits):g}, {max(bits)} ({len(bits)})" if bits else "")
        print(f"| {' | '.join(cells)} |")
    if report["figures"]:
        print("\n| measured | |\n|---|---|")
    for what, value, unit in report["figures"]:
        if isinstance(value, dict):
            text = spread_text(value, unit)
        else:
            text = f"{value} {unit}".rstrip()
        print(f"| {what} | {text} |")


def main():
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, help="how often everything is measured; 9 if not given")
    parser.add_argument("--quick", action="store_true", help="3 rounds, and a fifth of the time for each measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything that was measured")
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="GROUP", help=", ".join(GROUPS))
    # What `run` has set up.
    parser.add_argument("--peers", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--program", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--harness", type=Path, action="append", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--absent", action="append", default=[], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    rounds = arguments.rounds or (3 if arguments.quick else 9)
    if rounds < 1:
        parser.error("--rounds: at least one")
    seconds = 0.03 if arguments.quick else 0.15
    groups = arguments.only or GROUPS

    report = {
        "begun": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(),
        "versions": versions(),
        "rounds": rounds,
        "load_before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }
    folder = arguments.peers / "pictures"
    say("writing the pictures")
    subprocess.run([arguments.harness[0], "write", folder], check=True)
    write_jpegs(folder)
    commands = [[harness, "serve", folder] for harness in arguments.harness]
    servers = [Server(command) for command in [*commands, [sys.executable, HERE / "engines.py", folder]]]
    engines = Engines(servers, NEVER | dict(reason.split("=", 1) for reason in arguments.absent))

    rows = [row for row in ROWS if row.group in groups]
    report["rows"] = compare(engines, rows, rounds, seconds, folder)
    for line in report["rows"]:
        if line["group"] == "files":
            line["what"] += f", {(folder / line['picture']).stat().st_size / 1e6:.2g} MB"
    figures = report["figures"] = []
    if "dihedral" in groups:
        figures += dihedral(engines, rounds, seconds)
    if "folder" in groups:
        figures += folder_of_files(arguments.program, folder, arguments.peers, rounds)
    if "memory" in groups:
        figures += memory(engines)
    wrong = False
    if "exact" in groups:
        found, wrong = exactness(engines, folder)
        figures += found
    for server in servers:
        server.close()

    report["load_after"] = " ".join(f"{load:.2f}" for load in os.getloadavg())
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    print_report(report)
    if wrong:
        sys.exit("run.py: some hashes are not those of pdqhash")


if __name__ == "__main__":
    main()
