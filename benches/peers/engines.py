"""Python's libraries, one call at a time.

    python engines.py DIR      answers the questions on standard input, one line each

The questions and answers are those of harness/src/main.rs, which is the place to read about them. Here, too, what is
done once for a picture is done before the clock runs; what must be done again for each picture is inside.
"""

import io
import sys
import time
import tracemalloc
from pathlib import Path

import imagehash
import numpy
import pdqhash
from PIL import Image

CHANNELS = {"luma8": 1, "rgb8": 3}


def pixels_of(path):
    """The pixels of a file named SCENE-SEED-WIDTHxHEIGHT-FORMAT.raw, as height x width x channels."""
    _, size, layout = path.stem.rsplit("-", 2)
    width, height = map(int, size.split("x"))
    return numpy.frombuffer(path.read_bytes(), numpy.uint8).reshape(height, width, CHANNELS[layout])


def told(vector, quality):
    """A vector of bits, first the most significant, and a quality."""
    return numpy.packbits(vector.astype(numpy.uint8)).tobytes().hex(), str(quality)


def pdq_of_pixels(path):
    pixels = pixels_of(path)
    # The package takes three channels only; equal ones give the grey value back exactly.
    rgb = numpy.ascontiguousarray(numpy.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels)
    return lambda: pdqhash.compute(rgb), told


def pdq_of_file(path):
    content = path.read_bytes()
    return lambda: pdqhash.compute(numpy.asarray(Image.open(io.BytesIO(content)).convert("RGB"))), told


def classic(function):
    def prepare(path):
        picture = Image.fromarray(pixels_of(path))
        return lambda: (function(picture), "-"), lambda found, quality: told(found.hash.flatten(), quality)

    return prepare


ENGINES = {
    "imagehash-ahash": classic(imagehash.average_hash),
    "imagehash-dhash": classic(imagehash.dhash),
    "imagehash-phash": classic(imagehash.phash),
    "pdqhash-python": pdq_of_pixels,
    "pillow-pdqhash": pdq_of_file,
}


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.picture = None
        self.calls = {}

    def prepare(self, engine, picture):
        if engine not in ENGINES:
            raise ValueError(f"no engine {engine}")
        return ENGINES[engine](self.folder / picture)

    def warm(self, engine, picture):
        if picture != self.picture:
            self.calls.clear()
            self.picture = picture
        if engine not in self.calls:
            call, tell = self.prepare(engine, picture)
            call()
            self.calls[engine] = call, tell
        return self.calls[engine]

    def answer(self, words):
        match words:
            case ["engines"]:
                return " ".join(sorted(ENGINES))
            case ["time", engine, picture, count]:
                call, _ = self.warm(engine, picture)
                begin = time.perf_counter_ns()
                for _ in range(int(count)):
                    call()
                return f"{(time.perf_counter_ns() - begin) / int(count):.1f}"
            case ["hash", engine, picture]:
                call, tell = self.warm(engine, picture)
                return " ".join(tell(*call()))
            case ["peak", engine, picture]:
                # numpy tells tracemalloc of its arrays.
                call, _ = self.prepare(engine, picture)
                tracemalloc.start()
                try:
                    call()
                    return str(tracemalloc.get_traced_memory()[1])
                finally:
                    tracemalloc.stop()
            case _:
                raise ValueError("not a question")


def main():
    server = Server(Path(sys.argv[1]))
    for line in sys.stdin:
        try:
            print("ok", server.answer(line.split()), flush=True)
        # Whatever a library raises is the answer; the next question may be a better one.
        except Exception as error:
            print("error", " ".join(f"{type(error).__name__}: {error}".split()), flush=True)


if __name__ == "__main__":
    main()
