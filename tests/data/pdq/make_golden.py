"""Hashes the golden pictures with the PyPI package `pdqhash` and writes golden.csv beside this file.

    python make_golden.py FOLDER

FOLDER is what `examples/golden_pictures.rs` wrote. README.md tells the columns, and why this is run only to add
pictures.
"""

import csv
import hashlib
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pdqhash

HERE = Path(__file__).resolve().parent
DIHEDRAL = [
    "original",
    "rotate90",
    "rotate180",
    "rotate270",
    "flip_x",
    "flip_y",
    "flip_plus1",
    "flip_minus1",
]
COLUMNS = ["id", "pixels_sha256", "pdq", "quality", *DIHEDRAL, "dct_sha256"]


def read_netpbm(path):
    """The samples of a binary PGM or PPM file with the four-field header that the example writes."""
    magic, size, limit, samples = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    channels = {b"P5": 1, b"P6": 3}[magic]
    assert limit == b"255" and len(samples) == width * height * channels, path
    return np.frombuffer(samples, dtype=np.uint8).reshape(height, width, channels), samples


def to_hex(bits):
    """The package's vector of 256 bits, bit 255 first, as 64 digits."""
    return np.packbits(bits.astype(np.uint8)).tobytes().hex()


def dct_sha256(values):
    """Of the 16x16 block, row by row, as little-endian f32. The package returns it backwards, last value first."""
    return hashlib.sha256(values[::-1].astype("<f4").tobytes()).hexdigest()


def main(folder):
    rows = []
    with open(HERE / "pictures.csv", newline="", encoding="ascii") as pictures:
        for picture in csv.DictReader(pictures):
            suffix = {"luma8": ".pgm", "rgb8": ".ppm"}[picture["format"]]
            pixels, samples = read_netpbm(Path(folder) / (picture["id"] + suffix))
            height, width, channels = pixels.shape
            assert (width, height) == (int(picture["width"]), int(picture["height"])), picture["id"]
            # The package takes three channels only; equal ones give the grey value back exactly.
            rgb = np.ascontiguousarray(np.repeat(pixels, 3, axis=2) if channels == 1 else pixels)
            bits, quality = pdqhash.compute(rgb)
            turned, turned_quality = pdqhash.compute_dihedral(rgb)
            if (width, height) != (64, 64):
                # At 64x64 only `compute` takes the shortcut past the filter.
                assert turned_quality == quality and (turned[0] == bits).all(), picture["id"]
            dct = ""
            # `compute_float` does not check the least size of 5x5 and would hash what the filter never wrote.
            if min(width, height) >= 5:
                values, dct_quality = pdqhash.compute_float(rgb)
                assert dct_quality == quality and len(values) == 256, picture["id"]
                dct = dct_sha256(values)
            rows.append(
                [picture["id"], hashlib.sha256(samples).hexdigest(), to_hex(bits), quality]
                + [to_hex(vector) for vector in turned]
                + [dct]
            )
    with open(HERE / "golden.csv", "w", newline="", encoding="ascii") as golden:
        golden.write(f"# pdqhash {version('pdqhash')} (PyPI), numpy {version('numpy')}, ")
        golden.write(f"Python {platform.python_version()}, {platform.machine()}\n")
        golden.write("# cargo run --release --no-default-features --features synthetic ")
        golden.write("--example golden_pictures -- FOLDER\n")
        golden.write("# python tests/data/pdq/make_golden.py FOLDER\n")
        writer = csv.writer(golden, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
