"""All labelled pictures on one sheet, with their boxes and classes: annotate/labels/sheet.png.

A red frame: annotators disagree. An orange one: they agree, and CIFAR-10 says something else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from annotate.judge import Judged
from annotate.records import Box
from data.progress import track

MOST = (
    400  # pictures: a sheet of 20 x 20 tiles is 3,200 x 4,320 pixels, about as much as one can look through
)
PICTURE = 144  # pixels of a tile's longer side: 4.5 times a CIFAR-10 picture
GAP = 16
TEXT = 14  # pixels a line
LINES = 4
FRAME = 3

INK, PALE, RED, ORANGE = "#222222", "#777777", "#d00000", "#f08000"
# matplotlib's ten colours, as in label_config.xml: ten classes that one can tell apart
COLOURS = (
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"),
    *("#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
)


def draw(pictures: Sequence[Judged], labels: Sequence[str]) -> Image.Image:
    """Draw up to `MOST` pictures, those with a frame first if there are more; says how many are left out."""
    shown = _worth_seeing(pictures)
    columns = max(math.ceil(math.sqrt(len(shown))), 1)
    width, height = PICTURE + GAP, PICTURE + LINES * TEXT + GAP
    rows = math.ceil(len(shown) / columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    colours = {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)}
    for place, picture in enumerate(track(shown, "drawing", len(shown), "pictures")):
        row, column = divmod(place, columns)
        sheet.paste(_tile(picture, colours), (GAP // 2 + column * width, GAP // 2 + row * height))
    return sheet


def _worth_seeing(pictures: Sequence[Judged]) -> list[Judged]:
    if len(pictures) <= MOST:
        return list(pictures)
    print(f"sheet.png shows {MOST} of {len(pictures)} pictures, those in dispute first")
    # A stable sort: within each kind the order by name stays.
    return sorted(pictures, key=lambda one: (_frame(one) is None, not one.annotations))[:MOST]


def _frame(picture: Judged) -> str | None:
    """Return the colour of a picture's frame, if it has one."""
    if picture.disputed:
        return RED
    return ORANGE if picture.agreed and picture.cifar10 not in {None, picture.agreed} else None


def _tile(picture: Judged, colours: dict[str, str]) -> Image.Image:
    tile = Image.new("RGB", (PICTURE + GAP, PICTURE + LINES * TEXT + GAP), "white")
    corner = GAP // 2
    image, scale = _picture(picture)
    boxes = [box for one in picture.annotations for box in one.boxes]
    _draw_boxes(image, boxes, scale, colours)
    tile.paste(image, (corner, corner))
    pen = ImageDraw.Draw(tile)
    frame = _frame(picture)
    if frame:
        edges = (
            corner - FRAME,
            corner - FRAME,
            corner + image.width + FRAME - 1,
            corner + image.height + FRAME - 1,
        )
        pen.rectangle(edges, outline=frame, width=FRAME)
    for line, (text, colour) in enumerate(_caption(picture)):
        position = (corner, corner + PICTURE + FRAME + 1 + line * TEXT)
        pen.text(position, text, fill=colour, font=ImageFont.load_default(TEXT - 2))
    return tile


def _picture(picture: Judged) -> tuple[Image.Image, float]:
    """Return a picture as large as its tile, and by how much it was enlarged; grey if there is none."""
    if picture.size is None:
        return Image.new("RGB", (PICTURE, PICTURE), "#dddddd"), 1.0
    with Image.open(Path(picture.task.image)) as image:
        scale = PICTURE / max(image.size)
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        # Small pictures keep their pixels, so that one sees what the annotator saw.
        way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        return image.convert("RGB").resize(size, way), scale


def _draw_boxes(image: Image.Image, boxes: Sequence[Box], scale: float, colours: dict[str, str]) -> None:
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(TEXT - 4)
    for box in boxes:
        colour = colours[box.label]
        corners = [
            (min(x * scale, image.width - 1), min(y * scale, image.height - 1)) for x, y in box.corners
        ]
        pen.line([*corners, corners[0]], fill=colour, width=2)
        at = (max(box.bounds.left * scale, 0) + 1, max(box.bounds.top * scale, 0) + 1)
        pen.rectangle(pen.textbbox(at, box.label, font=font), fill=colour)
        pen.text(at, box.label, fill="white", font=font)


def _caption(picture: Judged) -> list[tuple[str, str]]:
    """Return up to four lines with their colours; what CIFAR-10 says stays hidden until there is a label."""
    lines = [(picture.task.image_id, PALE)]
    if not picture.annotations:
        return [*lines, ("not labelled", PALE)]
    if picture.disputed:
        votes = Counter(one.label for one in picture.annotations if one.label).most_common(LINES - 2)
        lines += [(f"{count} x {label}", RED) for label, count in votes]
    else:
        lines.append((picture.agreed or "no class", INK))
    if picture.agreed and picture.cifar10 not in {None, picture.agreed}:
        lines.append((f"CIFAR-10: {picture.cifar10}", ORANGE))
    return lines[:LINES]
