"""Makes the pictures of this directory and what an independent decoder sees in them.

Synthetic only: gradients and noise computed below from a seed. Run it in this directory; it writes the pictures,
`golden.csv`, and `NAME.FRAME.raw` with the expected pixels of lossy files. See README.md.
"""

import csv
import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
W, H = 36, 26
ROWS = []


def noise(seed, shape):
    """Bytes from a 64-bit linear congruential generator (Knuth's MMIX constants)."""
    state, out = seed, np.empty(int(np.prod(shape)), np.uint16)
    for i in range(out.size):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = state >> 48
    return out.reshape(shape)


def picture(seed, channels, bits=8, width=W, height=H):
    """Gradients with some noise, of `bits` bits."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [(x * (3 + c) * 700 + y * (5 - c) * 900 + c * 9000) % 65536 for c in range(channels)]
    full = (np.stack(planes, -1) + noise(seed, (height, width, channels)) // 128) % 65536
    return (full >> (16 - bits)).astype(np.uint16 if bits == 16 else np.uint8)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def add(name, data, frames, bound=(0, 0.0)):
    """Writes a file and a row for each frame: (mode, array of uint8, height x width x channels)."""
    (HERE / name).write_bytes(data)
    for number, (mode, pixels) in enumerate(frames):
        pixels = np.ascontiguousarray(pixels, np.uint8)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        raw = pixels.tobytes()
        if bound[0]:
            (HERE / f"{name}.{number}.raw").write_bytes(raw)
        ROWS.append([name, sha(data), number, mode, pixels.shape[1], pixels.shape[0], sha(raw), bound[0], bound[1]])


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pillow(data, mode=None, frame=0):
    """What Pillow sees: `mode`, or grey as it is and all else as RGB."""
    image = Image.open(io.BytesIO(data))
    image.seek(frame)
    image.load()
    mode = mode or ("L" if image.mode in ("1", "L") else "RGB")
    return {"L": "luma8", "RGB": "rgb8", "RGBA": "rgba8", "LA": "luma_alpha8"}[mode], np.asarray(image.convert(mode))


# --- JPEG ---------------------------------------------------------------------------------------------------------

def jpegs():
    smooth = picture(1, 3)
    rgb = Image.fromarray(smooth)
    # Decoders round differently and upsample chroma differently: bounds are (largest difference, mean difference).
    plain, chroma = (2, 0.05), (32, 0.6)
    files = {
        "grey.jpg": (saved(rgb.convert("L"), "JPEG", quality=88), plain),
        "444.jpg": (saved(rgb, "JPEG", quality=88, subsampling=0), plain),
        "420.jpg": (saved(rgb, "JPEG", quality=88, subsampling=2), chroma),
        "422.jpg": (saved(rgb, "JPEG", quality=88, subsampling=1), chroma),
        "progressive.jpg": (saved(rgb, "JPEG", quality=88, subsampling=2, progressive=True), chroma),
        "progressive_grey.jpg": (saved(rgb.convert("L"), "JPEG", quality=88, progressive=True), plain),
        "restart.jpg": (saved(rgb, "JPEG", quality=88, subsampling=0, restart_marker_blocks=2), plain),
        "rgb.jpg": (saved(rgb, "JPEG", quality=88, keep_rgb=True), plain),
    }
    cmyk = saved(Image.fromarray(picture(2, 4), "CMYK"), "JPEG", quality=88)
    files["cmyk.jpg"] = (cmyk, plain)
    # The same samples read as YCCK: the last byte of the Adobe segment names the transform.
    at = cmyk.index(b"Adobe") + 11
    assert cmyk[at] == 0
    files["ycck.jpg"] = (cmyk[:at] + b"\2" + cmyk[at + 1:], plain)
    # Without that segment, ink is stored as ink.
    files["cmyk_plain.jpg"] = (cmyk[:at - 15] + cmyk[at + 1:], plain)
    for name, (data, bound) in files.items():
        add(name, data, [pillow(data)], bound)
    # Orientation: one stored picture, eight claims.
    small = Image.fromarray(picture(3, 1)[..., 0])
    for value in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        data = saved(small, "JPEG", quality=95, exif=exif)
        add(f"orientation_{value}.jpg", data, [pillow(data)], plain)


# --- PNG ----------------------------------------------------------------------------------------------------------

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_rows(samples, bits):
    """Filtered (type 0) rows of packed samples, big endian."""
    out = b""
    for row in samples:
        flat = row.reshape(-1)
        if bits == 16:
            packed = flat.astype(">u2").tobytes()
        elif bits == 8:
            packed = flat.astype(np.uint8).tobytes()
        else:
            digits = np.unpackbits(flat.astype(np.uint8)[:, None], axis=1)[:, 8 - bits:].reshape(-1)
            packed = np.packbits(digits).tobytes()
        out += b"\0" + packed
    return zlib.compress(out, 9)


def png(samples, colour, bits, extra=b"", behind=b"", width=W, height=H):
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", png_rows(samples, bits)) + behind
            + chunk(b"IEND", b""))


def high(samples):
    """The high byte of 16 bits."""
    return (samples >> 8).astype(np.uint8) if samples.dtype == np.uint16 else samples


def pngs():
    for bits in (1, 2, 4, 8, 16):
        grey = picture(10 + bits, 1, bits)
        wide = high(grey) if bits == 16 else (grey * (255 // (2**bits - 1))).astype(np.uint8)
        data = png(grey, 0, bits)
        if bits != 16:
            assert (pillow(data, "L")[1] == wide[..., 0]).all()
        add(f"grey{bits}.png", data, [("luma8", wide)])
    for bits in (8, 16):
        for colour, channels, mode, name in ((4, 2, "luma_alpha8", "grey_alpha"), (2, 3, "rgb8", "rgb"),
                                              (6, 4, "rgba8", "rgba")):
            samples = picture(20 + colour + bits, channels, bits)
            data = png(samples, colour, bits)
            assert bits == 16 or (pillow(data, {2: "LA", 3: "RGB", 4: "RGBA"}[channels])[1] == samples).all()
            add(f"{name}{bits}.png", data, [(mode, high(samples))])
    for bits in (1, 2, 4, 8):
        index = picture(30 + bits, 1, bits)
        colours = picture(40, 3, width=2**bits, height=1)[0]
        data = png(index, 3, bits, chunk(b"PLTE", colours.tobytes()))
        add(f"palette{bits}.png", data, [pillow(data, "RGB")])
        alpha = bytes(range(0, 256, 1 if bits == 8 else 256 // 2**bits))
        data = png(index, 3, bits, chunk(b"PLTE", colours.tobytes()) + chunk(b"tRNS", alpha))
        add(f"palette{bits}_alpha.png", data, [pillow(data, "RGBA")])
    rgb = picture(50, 3)
    r, g, b = (int(v) for v in rgb[3, 4])
    data = png(rgb, 2, 8, chunk(b"tRNS", struct.pack(">HHH", r, g, b)))
    clear = (rgb == rgb[3, 4]).all(-1, keepdims=True)
    add("rgb8_key.png", data, [("rgba8", np.concatenate([rgb, np.where(clear, 0, 255)], -1))])
    grey = picture(51, 1)
    data = png(grey, 0, 8, chunk(b"tRNS", struct.pack(">H", int(grey[0, 0, 0]))))
    add("grey8_key.png", data, [("luma_alpha8", np.concatenate([grey, np.where(grey == grey[0, 0], 0, 255)], -1))])
    adam7 = adam7_png(rgb)
    assert (pillow(adam7, "RGB")[1] == rgb).all()
    add("interlaced.png", adam7, [("rgb8", rgb)])
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2_000_000), 9))
    add("text_bomb.png", png(grey, 0, 8, text), [("luma8", grey)])


def adam7_png(rgb):
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b"".join(b"\0" + row.tobytes() for x, y, dx, dy in passes for row in rgb[y::dy, x::dx] if row.size)
    head = struct.pack(">IIBBBBB", W, H, 8, 2, 0, 0, 1)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


# --- Animations: one model of the canvas, three writers -------------------------------------------------------------

def over(canvas, part):
    """Exact over for 8-bit colours that are not premultiplied, rounded to nearest."""
    a, b = part[..., 3:].astype(np.int64) * 255, canvas[..., 3:].astype(np.int64) * (255 - part[..., 3:].astype(int))
    both = np.maximum(a + b, 1)
    colour = (part[..., :3].astype(np.int64) * a + canvas[..., :3] * b + both // 2) // both
    mixed = np.concatenate([colour, (a + b + 127) // 255], -1).astype(np.uint8)
    return np.where(part[..., 3:] == 0, canvas, mixed)


def canvases(frames, colour=(0, 0, 0), clear=lambda f: (0, 0, 0)):
    """Frames are dicts: x, y, pixels (RGBA), over, dispose (0 keep, 1 clear, 2 restore)."""
    canvas = np.zeros((H, W, 4), np.uint8)
    canvas[..., :3] = colour
    out = []
    for number, f in enumerate(frames):
        before = canvas.copy()
        x, y, part = f["x"], f["y"], f["pixels"]
        area = np.s_[y:y + part.shape[0], x:x + part.shape[1]]
        canvas[area] = over(canvas[area], part) if f["over"] and number else part
        out.append(("rgba8", canvas.copy()))
        if f["dispose"] == 1:
            canvas[area] = (*clear(f), 0)
        elif f["dispose"] == 2:
            canvas = before
    return out


def story(seed, sharp):
    """Five frames that use every disposal and blending."""
    def part(n, w, h):
        pixels = picture(seed + n, 4, width=w, height=h)
        if sharp:
            pixels[..., 3] = np.where(pixels[..., 3] > 90, 255, 0)
        return pixels
    return [
        {"x": 0, "y": 0, "pixels": part(0, W, H), "over": False, "dispose": 0},
        {"x": 4, "y": 6, "pixels": part(1, 20, 12), "over": True, "dispose": 1},
        {"x": 10, "y": 2, "pixels": part(2, 16, 20), "over": True, "dispose": 2},
        {"x": 0, "y": 0, "pixels": part(3, 12, 12), "over": False, "dispose": 0},
        {"x": 14, "y": 6, "pixels": part(4, 20, 20), "over": True, "dispose": 0},
    ]


def apng(frames, bits, still=None):
    """An APNG; `still` is a picture outside the animation."""
    head = struct.pack(">IIBBBBB", W, H, bits, 6, 0, 0, 0)
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"acTL", struct.pack(">II", len(frames), 0))
    number = 0
    if still is not None:
        out += chunk(b"IDAT", png_rows(still, bits))
    for k, f in enumerate(frames):
        h, w = f["pixels"].shape[:2]
        out += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, w, h, f["x"], f["y"], 1, 10, f["dispose"], f["over"]))
        number += 1
        # The low byte of 16 bits must play no part.
        samples = f["pixels"] if bits == 8 else f["pixels"].astype(np.uint16) * 256 + 255
        data = png_rows(samples, bits)
        if k == 0 and still is None:
            out += chunk(b"IDAT", data)
        else:
            out += chunk(b"fdAT", struct.pack(">I", number) + data)
            number += 1
    return out + chunk(b"IEND", b"")


def lzw(indices):
    """Codes of nine bits, with a clear code before the table grows past them."""
    codes = []
    for k, index in enumerate(indices):
        if k % 250 == 0:
            codes.append(256)
        codes.append(int(index))
    codes.append(257)
    bits = "".join(format(c, "09b")[::-1] for c in codes)
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))
    blocks = b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))
    return b"\x08" + blocks + b"\0"


def gif(frames, colours, background=0, screen=(W, H)):
    """Frames are dicts: x, y, index, transparent or None, dispose (GIF's own numbers), interlaced, palette."""
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, 0xF7, background, 0) + colours.tobytes()
    for f in frames:
        h, w = f["index"].shape
        clear = f["transparent"]
        out += struct.pack("<BBBBHBB", 0x21, 0xF9, 4, f["dispose"] << 2 | (clear is not None), 10, clear or 0, 0)
        own = f.get("palette")
        woven = f.get("interlaced", False)
        out += struct.pack("<BHHHHB", 0x2C, f["x"], f["y"], w, h, (0x87 if own is not None else 0) | 0x40 * woven)
        out += own.tobytes() if own is not None else b""
        rows = f["index"]
        if woven:
            rows = np.concatenate([rows[0::8], rows[4::8], rows[2::4], rows[1::2]])
        out += lzw(rows.reshape(-1))
    return out + b";"


def animations():
    frames = story(60, sharp=False)
    data = apng(frames, 8)
    add("animated.png", data, canvases(frames))
    assert (pillow(data, "RGBA")[1] == frames[0]["pixels"]).all()
    add("animated16.png", apng(frames, 16), canvases(frames))
    still = picture(59, 4)
    data = apng(frames, 8, still)
    add("animated_apart.png", data, [("rgba8", still)] + canvases(frames))
    assert (pillow(data, "RGBA")[1] == still).all()
    # With alpha of all or nothing Pillow's blending is the exact one.
    frames = story(70, sharp=True)
    data = apng(frames, 8)
    add("animated_sharp.png", data, canvases(frames))
    for k, (_, pixels) in enumerate(canvases(frames)):
        seen = pillow(data, "RGBA", k)[1]
        assert (seen[..., 3] == pixels[..., 3]).all() and (seen[pixels[..., 3] > 0] == pixels[pixels[..., 3] > 0]).all()
    gifs()
    webps()


def gifs():
    colours = picture(80, 3, width=256, height=1)[0]
    own = picture(81, 3, width=256, height=1)[0]

    def frame(n, x, y, w, h, transparent, dispose, **more):
        index = picture(82 + n, 1, width=w, height=h)[..., 0] // 8
        return {"x": x, "y": y, "index": index, "transparent": transparent, "dispose": dispose, **more}

    def shown(f):
        table = f.get("palette", colours)
        pixels = np.concatenate([table[f["index"]], np.full((*f["index"].shape, 1), 255, np.uint8)], -1)
        if f["transparent"] is not None:
            pixels[..., 3] = np.where(f["index"] == f["transparent"], 0, 255)
        return {"x": f["x"], "y": f["y"], "pixels": pixels, "over": True, "dispose": max(f["dispose"] - 1, 0),
                "clear": table[f["transparent"] if f["transparent"] is not None else 9]}

    plain = frame(0, 0, 0, W, H, None, 0)
    files = {
        "still.gif": [plain],
        "still_transparent.gif": [frame(1, 0, 0, W, H, 5, 0)],
        "interlaced.gif": [frame(2, 0, 0, W, H, None, 0, interlaced=True)],
        "small_frame.gif": [frame(3, 5, 6, 20, 10, None, 0)],
        "small_frame_transparent.gif": [frame(4, 5, 6, 20, 10, 7, 0)],
        "own_palette.gif": [frame(5, 0, 0, W, H, None, 0, palette=own)],
        "animated.gif": [
            frame(6, 0, 0, W, H, None, 1), frame(7, 4, 4, 20, 20, 9, 1), frame(8, 8, 2, 20, 20, 3, 2, palette=own),
            frame(9, 2, 9, 30, 11, 6, 3), frame(10, 0, 0, 12, 12, None, 1, interlaced=True),
        ],
    }
    for name, frames in files.items():
        data = gif(frames, colours, background=9)
        around = colours[frames[0]["transparent"] or 0]
        expected = canvases([shown(f) for f in frames], around, lambda f: f["clear"])
        add(name, data, expected)
        for k, (_, pixels) in enumerate(expected):
            assert (pillow(data, "RGB", k)[1] == pixels[..., :3]).all(), (name, k)
    repeated = [plain, plain, frame(11, 0, 0, W, H, None, 0), plain]
    expected = canvases([shown(f) for f in repeated], colours[0])
    add("repeated.gif", gif(repeated, colours), [expected[0], expected[2]])


def webps():
    rgb, rgba = Image.fromarray(picture(90, 3)), Image.fromarray(picture(91, 4), "RGBA")
    data = saved(rgb, "WEBP", lossless=True)
    add("lossless.webp", data, [("rgb8", picture(90, 3))])
    data = saved(rgba, "WEBP", lossless=True, exact=True)
    add("lossless_alpha.webp", data, [("rgba8", picture(91, 4))])
    data = saved(rgb, "WEBP", quality=85)
    add("lossy.webp", data, [pillow(data, "RGB")])
    data = saved(rgba, "WEBP", quality=85, exact=True)
    add("lossy_alpha.webp", data, [pillow(data, "RGBA")])
    data = saved(rgb, "WEBP", lossless=True, exif=b"Exif\0\0" + exif_block(6))
    add("orientation_6.webp", data, [("rgb8", picture(90, 3))])
    frames = story(92, sharp=True)
    for f in frames:
        f["x"] &= ~1
        f["y"] &= ~1
        f["dispose"] = f["dispose"] % 2
    add("animated.webp", animated_webp(frames), canvases(frames))
    data = animated_webp(frames)
    image = Image.open(io.BytesIO(data))
    for k, (_, pixels) in enumerate(canvases(frames)):
        image.seek(k)
        seen = np.asarray(image.convert("RGBA"))
        both = pixels[..., 3] > 0
        assert (seen[..., 3] == pixels[..., 3]).all() and (seen[both] == pixels[both]).all(), k


def riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def animated_webp(frames):
    def three(n):
        return struct.pack("<I", n)[:3]
    body = riff(b"VP8X", b"\x12\0\0\0" + three(W - 1) + three(H - 1)) + riff(b"ANIM", bytes(6))
    for f in frames:
        still = saved(Image.fromarray(f["pixels"], "RGBA"), "WEBP", lossless=True, exact=True)
        at = still.index(b"VP8L")
        size = struct.unpack("<I", still[at + 4:at + 8])[0]
        h, w = f["pixels"].shape[:2]
        flags = (0 if f["over"] else 2) | f["dispose"]
        body += riff(b"ANMF", three(f["x"] // 2) + three(f["y"] // 2) + three(w - 1) + three(h - 1) + three(100)
                     + bytes([flags]) + riff(b"VP8L", still[at + 8:at + 8 + size]))
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def exif_block(orientation):
    return b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)


# --- BMP ------------------------------------------------------------------------------------------------------------

def bmps():
    rgb = Image.fromarray(picture(100, 3))
    grey = Image.fromarray(picture(101, 1)[..., 0])
    for name, image in (("rgb24.bmp", rgb), ("grey8.bmp", grey), ("one_bit.bmp", grey.convert("1")),
                        ("palette8.bmp", rgb.quantize(200))):
        data = saved(image, "BMP")
        add(name, data, [pillow(data, "RGB")])
    colours = picture(102, 3, width=16, height=1)[0]
    index = picture(103, 1, 4)[..., 0]
    table = np.concatenate([colours[:, ::-1], np.zeros((16, 1), np.uint8)], 1).tobytes()
    rows = [np.packbits(np.unpackbits(r[:, None], axis=1)[:, 4:].reshape(-1)).tobytes() for r in index[::-1]]
    rows = b"".join(row + bytes(-len(row) % 4) for row in rows)
    data = bmp(rows, 4, table)
    assert (pillow(data, "RGB")[1] == colours[index]).all()
    add("palette4.bmp", data, [("rgb8", colours[index])])
    index = np.repeat(picture(104, 1, 8, width=W // 4)[..., 0] % 16, 4, 1)
    runs = b"".join(b"".join(bytes([4, v]) for v in row[::4]) + b"\0\0" for row in index[::-1]) + b"\0\1"
    data = bmp(runs, 8, table, compression=1)
    assert (pillow(data, "RGB")[1] == colours[index]).all()
    add("run_length8.bmp", data, [("rgb8", colours[index])])
    pixels = picture(105, 4)
    rows = np.concatenate([pixels[::-1, :, 2::-1], pixels[::-1, :, 3:]], -1)
    data = bmp(rows.tobytes(), 32)
    assert (pillow(data, "RGB")[1] == pixels[..., :3]).all()
    add("rgb32.bmp", data, [("rgb8", pixels[..., :3])])
    data = bmp(rows[::-1].tobytes(), 32, height=-H)
    add("rgb32_from_top.bmp", data, [("rgb8", pixels[..., :3])])
    # Five bits of each colour; widened as Pillow does.
    packed = (pixels[..., 0] >> 3).astype(np.uint16) << 10 | (pixels[..., 1] >> 3).astype(np.uint16) << 5 | pixels[..., 2] >> 3
    data = bmp(packed[::-1].astype("<u2").tobytes(), 16)
    # Five bits become eight by rounding here and by truncation there.
    add("rgb16.bmp", data, [pillow(data, "RGB")], (1, 0.6))
    packed = (pixels[..., 0] >> 3).astype(np.uint16) << 11 | (pixels[..., 1] >> 2).astype(np.uint16) << 5 | pixels[..., 2] >> 3
    data = bmp(packed[::-1].astype("<u2").tobytes(), 16, struct.pack("<III", 0xF800, 0x7E0, 0x1F), compression=3)
    add("bit_fields565.bmp", data, [pillow(data, "RGB")], (1, 0.6))
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    data = bmp(rows.tobytes(), 32, masks, compression=3, header=108)
    assert (pillow(data, "RGBA")[1] == pixels).all()
    add("rgba32_version4.bmp", data, [("rgba8", pixels)])
    body = b"".join(pixels[y, :, 2::-1].tobytes() for y in range(H - 1, -1, -1))
    data = b"BM" + struct.pack("<IHHIIHHHH", 26 + len(body), 0, 0, 26, 12, W, H, 1, 24) + body
    assert (pillow(data, "RGB")[1] == pixels[..., :3]).all()
    add("core_header.bmp", data, [("rgb8", pixels[..., :3])])


def bmp(rows, bits, table=b"", compression=0, height=H, header=40):
    """`table` is the palette, or the masks of bit fields, which the long headers contain."""
    table = table.ljust(header - 40, b"\0")
    start = 54 + len(table)
    colours = 0 if compression == 3 else len(table) // 4
    head = struct.pack("<IiiHHIIiiII", header, W, height, 1, bits, compression, len(rows), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + table + rows


# --- TIFF -----------------------------------------------------------------------------------------------------------

def tiff(pages, order="<", big=False):
    """Uncompressed pages of (tags, strips); tags map number to (type, values)."""
    word, size = ("Q", 8) if big else ("I", 4)
    out = (b"II" if order == "<" else b"MM") + struct.pack(order + ("HHHQ" if big else "HI"), *(
        (43, 8, 0, 16) if big else (42, 8)))
    for number, (tags, strips, tiled) in enumerate(pages):
        tags = dict(tags)
        offsets, counts = (324, 325) if tiled else (273, 279)
        tags[offsets], tags[counts] = (4, [0] * len(strips)), (4, [len(s) for s in strips])
        table = len(out) + (8 if big else 2) + len(tags) * (20 if big else 12) + size
        formats = {3: "H", 4: "I"}
        extra, places = b"", {}
        for tag, (kind, values) in sorted(tags.items()):
            length = struct.calcsize(order + formats[kind] * len(values))
            if length > size:
                places[tag] = table + len(extra)
                extra += bytes(length)
        at = table + len(extra)
        tags[offsets] = (4, [at + sum(len(s) for s in strips[:k]) for k in range(len(strips))])
        extra, body = b"", struct.pack(order + ("Q" if big else "H"), len(tags))
        for tag, (kind, values) in sorted(tags.items()):
            data = struct.pack(order + formats[kind] * len(values), *values)
            body += struct.pack(order + "HH" + word, tag, kind, len(values))
            if len(data) > size:
                body += struct.pack(order + word, places[tag])
                extra += data
            else:
                body += data.ljust(size, b"\0")
        end = at + sum(len(s) for s in strips)
        body += struct.pack(order + word, 0 if number + 1 == len(pages) else end)
        out += body + extra + b"".join(strips)
    return out


def page(samples, bits, photometric, order="<", rows=7, more=(), packed=None):
    height, width, channels = samples.shape
    dtype = order + "u2" if bits == 16 else np.uint8
    lines = packed or [row.astype(dtype).tobytes() for row in samples]
    strips = [b"".join(lines[k:k + rows]) for k in range(0, height, rows)]
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * channels), 259: (3, [1]),
            262: (3, [photometric]), 277: (3, [channels]), 278: (4, [rows])}
    if channels in (2, 4) and photometric != 5:
        tags[338] = (3, [2])
    tags.update(dict(more))
    return tags, strips, False


def tiffs():
    for order, ends in (("<", "le"), (">", "be")):
        for channels, photometric, mode, name in ((1, 1, "luma8", "grey"), (2, 1, "luma_alpha8", "grey_alpha"),
                                                   (3, 2, "rgb8", "rgb"), (4, 2, "rgba8", "rgba")):
            for bits in (8, 16):
                if channels == 2 and bits == 16:
                    continue
                samples = picture(110 + channels, channels, bits)
                data = tiff([page(samples, bits, photometric, order)], order)
                add(f"{name}{bits}_{ends}.tif", data, [(mode, high(samples))])
                if bits == 8:
                    assert (pillow(data, {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels])[1].reshape(samples.shape)
                            == samples).all()
    for bits in (1, 2, 4, 8):
        index = picture(120 + bits, 1, bits)
        lines = [np.packbits(np.unpackbits(r, axis=1)[:, 8 - bits:].reshape(-1)).tobytes() for r in index]
        grey = (index * (255 // (2**bits - 1))).astype(np.uint8)
        for photometric, name in ((1, "black"), (0, "white")):
            data = tiff([page(index, bits, photometric, packed=lines)])
            expected = grey if photometric else 255 - grey
            assert (pillow(data, "L")[1] == expected[..., 0]).all()
            add(f"{name}_is_zero{bits}.tif", data, [("luma8", expected)])
        if bits == 2:
            continue
        colours = picture(130, 3, 16, width=2**bits, height=1)[0]
        table = {320: (3, [int(v) for v in colours.T.reshape(-1)])}
        data = tiff([page(index, bits, 3, packed=lines, more=table)])
        expected = (colours >> 8).astype(np.uint8)[index[..., 0]]
        if bits in (1, 4, 8):
            assert (pillow(data, "RGB")[1] == expected).all()
        add(f"palette{bits}.tif", data, [("rgb8", expected)])
    # The decoder's CMYK truncates where Pillow rounds.
    data = tiff([page(picture(131, 4), 8, 5)])
    add("cmyk8.tif", data, [pillow(data, "RGB")], (1, 0.6))
    rgb = picture(132, 3)
    for name, options in (("lzw", {"compression": "tiff_lzw"}), ("deflate", {"compression": "tiff_adobe_deflate"}),
                          ("packbits", {"compression": "packbits"})):
        add(f"{name}.tif", saved(Image.fromarray(rgb), "TIFF", **options), [("rgb8", rgb)])
    palette = Image.fromarray(rgb).quantize(64)
    data = saved(palette, "TIFF", compression="tiff_lzw")
    add("palette8_lzw.tif", data, [pillow(data, "RGB")])
    add("big.tif", tiff([page(rgb, 8, 2)], big=True), [("rgb8", rgb)])
    add("big_palette.tif", tiff([page(index, 8, 3, more=table)], big=True), [("rgb8", expected)])
    planes = [rgb[..., c].tobytes() for c in range(3)]
    tags, _, _ = page(rgb, 8, 2, rows=H, more={284: (3, [2])})
    add("planar.tif", tiff([(tags, planes, False)]), [("rgb8", rgb)])
    padded = np.zeros((32, 48, 3), np.uint8)
    padded[:H, :W] = rgb
    tiles = [padded[y:y + 16, x:x + 16].tobytes() for y in (0, 16) for x in (0, 16, 32)]
    tags, _, _ = page(rgb, 8, 2, more={322: (3, [16]), 323: (3, [16])})
    del tags[278]
    data = tiff([(tags, tiles, True)])
    assert (pillow(data, "RGB")[1] == rgb).all()
    add("tiles.tif", data, [("rgb8", rgb)])
    small = picture(133, 1, width=17, height=9)
    data = tiff([page(rgb, 8, 2), page(small, 8, 1, more={274: (3, [6])}), page(index, 8, 3, more=table)])
    add("pages.tif", data, [("rgb8", rgb), ("luma8", small), ("rgb8", expected)])
    data = saved(Image.fromarray(rgb), "TIFF", compression="jpeg", quality=90, subsampling=0)
    add("jpeg_rgb.tif", data, [pillow(data)], (2, 0.05))
    # No golden row: this one must be refused.
    (HERE / "ycbcr.tif").write_bytes(tiff([page(rgb, 8, 6, more={530: (3, [1, 1])})]))


def main():
    for old in HERE.iterdir():
        if old.suffix in (".jpg", ".png", ".gif", ".webp", ".bmp", ".tif", ".raw"):
            old.unlink()
    jpegs()
    pngs()
    animations()
    bmps()
    tiffs()
    with open(HERE / "golden.csv", "w", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["file", "file_sha256", "frame", "format", "width", "height", "pixels_sha256", "max", "mean"])
        writer.writerows(ROWS)


main()
