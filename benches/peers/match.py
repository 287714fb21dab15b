"""Measures searches beside other engines, in hashes that `hashsieve bench match --dump` wrote, and prints a table.

Started by the script `run` as `run --match N`. In each round every engine is asked the same queries, one after another in one
thread, while the others wait; ratios are taken within a round.
"""

import argparse
import os
import statistics
import subprocess
import time
from pathlib import Path

import faiss
import numpy as np
from usearch.index import Index as Usearch

from run import Server, figure, machine, say, spread, spread_text, versions

THRESHOLD = 31
BYTES = 32


def load(path):
    return np.fromfile(path, dtype=np.uint8).reshape(-1, BYTES)


class Faiss:
    """Flat finds all; MultiHash and HNSW are asked as their users do, and what they miss is told."""

    def __init__(self, index, hashes, together=1):
        self.index, self.together = index, together
        begin = time.perf_counter()
        index.add(hashes)
        self.build_seconds = time.perf_counter() - begin

    def ask(self, queries):
        found = 0
        for start in range(0, len(queries), self.together):
            # A radius of FAISS is a strict bound.
            limits, _, _ = self.index.range_search(queries[start : start + self.together], THRESHOLD + 1)
            found += int(limits[-1])
        return found


class Nearest:
    """An engine without a radius search: the nearest is asked for, and counts where it is near enough."""

    def __init__(self, add, search, hashes):
        self.search = search
        begin = time.perf_counter()
        add(hashes)
        self.build_seconds = time.perf_counter() - begin

    def ask(self, queries):
        return sum(int(self.search(query) <= THRESHOLD) for query in queries)


def hnsw(hashes):
    index = faiss.IndexBinaryHNSW(BYTES * 8, 16)
    return Nearest(index.add, lambda query: index.search(query[None], 1)[0][0, 0], hashes)


def usearch(hashes):
    index = Usearch(ndim=BYTES * 8, metric="hamming", dtype="b1")
    add = lambda hashes: index.add(np.arange(len(hashes)), hashes, threads=1)
    return Nearest(add, lambda query: index.search(query, 1, threads=1).distances[0], hashes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--harness", type=Path, required=True, action="append", help="ours first, then others")
    parser.add_argument("--absent", help="what could not be built, and why")
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--all", action="store_true", help="also what takes many minutes to build")
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    folder = arguments.peers / f"match-{arguments.n}"
    count = 1000
    command = [arguments.program, "-q", "bench", "match", "--n", str(arguments.n), "--queries", str(count)]
    # The program does not write over what an earlier run left.
    for name in ("db.bin", "queries.bin"):
        (folder / name).unlink(missing_ok=True)
    say("making hashes")
    subprocess.run([*command, "--dump", folder], check=True, stdout=subprocess.DEVNULL)
    hashes, queries = load(folder / "db.bin"), load(folder / "queries.bin")
    # The planted ones come first: every second query is one of these.
    order = [number // 2 + number % 2 * (count // 2) for number in range(count)]
    queries = queries[order]
    queries.tofile(folder / "queries.bin")
    servers = [Server([harness, "match", folder]) for harness in arguments.harness]
    ours = servers[0]

    say("building the other engines")
    engines = {"faiss IndexBinaryFlat": Faiss(faiss.IndexBinaryFlat(BYTES * 8), hashes)}
    engines["faiss IndexBinaryFlat, 64 queries together"] = Faiss(faiss.IndexBinaryFlat(BYTES * 8), hashes, 64)
    multi = faiss.IndexBinaryMultiHash(BYTES * 8, 16, 16)
    multi.nflip = 1
    if arguments.n <= 1_000_000 or arguments.all:
        engines["faiss IndexBinaryMultiHash(16, 16), nflip 1"] = Faiss(multi, hashes)
    if arguments.n <= 100_000 or arguments.all:
        engines["usearch, b1, nearest"] = usearch(hashes)
        engines["faiss IndexBinaryHNSW(16), nearest"] = hnsw(hashes)

    # So many queries take about half a second by a scan; matches are counted of these.
    some = int(min(count, max(64, 5e8 / arguments.n // 64 * 64)))
    times, found = {}, {}
    for number in range(arguments.rounds):
        say(f"round {number + 1} of {arguments.rounds}")
        # Each engine has its part of the caches back before its time is taken. Engines that do not scan are asked all
        # queries: what few of them read would stay in the caches.
        for server in servers:
            for name in server.engines:
                _, matches = server.ask("time", name, 0, some).split()
                taken, _ = server.ask("time", name, 0, some if "scan" in name else count).split()
                times.setdefault(name, []).append(float(taken))
                found[name] = int(matches)
        for name, engine in engines.items():
            engine.ask(queries[: some // 8])
            begin = time.perf_counter()
            found[name] = engine.ask(queries[:some])
            times.setdefault(name, []).append((time.perf_counter() - begin) * 1e9 / some)
    for server in servers:
        server.close()

    here = machine()
    facts = ", ".join(f"{name} {value}" for name, value in versions().items() if "hashsieve" in name or name == "rustc")
    print(f"{here['processor']}, {here['cores']} cores; {facts}, faiss {faiss.__version__}")
    print(f"load average {' '.join(f'{load:.2f}' for load in os.getloadavg())}; {arguments.rounds} rounds of {some} queries, half of")
    print(f"them planted, threshold {THRESHOLD}, {arguments.n} hashes; medians, and quartiles in brackets\n")
    print("| engine | a query | matches | times as long as `hashsieve` | as `hashsieve-mapped` |\n|---|---|---|---|---|")
    for name in times:
        cells = [f"`{name}`", f"{figure(statistics.median(times[name]) / 1e3)} us", str(found[name])]
        for base in ("hashsieve", "hashsieve-mapped"):
            ratios = [a / b for a, b in zip(times[name], times[base], strict=True)]
            cells.append(spread_text(spread(ratios)))
        print(f"| {' | '.join(cells)} |")
    if arguments.absent:
        name, why = arguments.absent.split("=", 1)
        print(f"\n{name} was not measured: {why}")
    wanted = found["faiss IndexBinaryFlat"]
    if any(found[name] != wanted for name in ours.engines):
        raise SystemExit("match.py: hashsieve did not find what FAISS's flat index finds")


if __name__ == "__main__":
    main()
