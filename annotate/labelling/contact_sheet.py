"""All labelled images on one sheet, with their boxes and classes: annotate/out/labels/sheet.png.

A red frame: annotators disagree. An orange one: they agree, and CIFAR-10 says something else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageColor, ImageDraw, ImageFont

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Box
from data.common.progress import track

MOST = 400  # images: a sheet of 20 x 20 tiles is 3,200 x 4,480 pixels, about as much as one can look through
IMAGE = 144  # pixels of a tile's longer side: 4.5 times a CIFAR-10 image
GAP = 16
HEAD = 16  # pixels above an image, where the tag of a box fits that begins at its upper edge
TEXT = 14  # pixels a line
LINES = 4
FRAME = 3
TILE = (IMAGE + GAP, HEAD + IMAGE + LINES * TEXT + GAP // 2)

INK, PALE, RED, ORANGE = "#222222", "#777777", "#d00000", "#f08000"
# As in label_config.xml: ten classes that one can tell apart, none of them grey or brown as images are
# (most are of Trubetskoy's list, https://sashamaps.net/docs/resources/20-colors/).
COLOURS = (
    *("#4363d8", "#f58231", "#3cb44b", "#e6194b", "#911eb4"),
    *("#ffe119", "#bfef45", "#f032e6", "#42d4f4", "#ff8fab"),
)
DARK = "#101010"  # on either side of a box's line, so that it shows on every image


def draw(images: Sequence[LabelledImage], labels: Sequence[str]) -> Image.Image:
    """Draw up to `MOST` images, those with a frame first if there are more; says how many are left out."""
    shown = _worth_seeing(images)
    columns = max(math.ceil(math.sqrt(len(shown))), 1)
    width, height = TILE
    rows = math.ceil(len(shown) / columns)
    sheet = Image.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    colours = {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)}
    for place, image in enumerate(track(shown, "drawing", len(shown), "images")):
        row, column = divmod(place, columns)
        sheet.paste(_tile(image, colours), (GAP // 2 + column * width, GAP // 2 + row * height))
    return sheet


def _worth_seeing(images: Sequence[LabelledImage]) -> list[LabelledImage]:
    if len(images) <= MOST:
        return list(images)
    print(f"sheet.png shows {MOST} of {len(images)} images, those in dispute first")
    # A stable sort: within each kind the order by name stays.
    return sorted(images, key=lambda one: (_frame(one) is None, not one.annotations))[:MOST]


def _frame(image: LabelledImage) -> str | None:
    """Return the colour of an image's frame, if it has one."""
    if image.disputed:
        return RED
    return ORANGE if image.agreed and image.cifar10 not in {None, image.agreed} else None


def _tile(labelled: LabelledImage, colours: dict[str, str]) -> Image.Image:
    tile = Image.new("RGB", TILE, "white")
    left, top = GAP // 2, HEAD
    image, scale = _image(labelled)
    boxes = [box for one in labelled.annotations for box in one.boxes]
    _draw_boxes(image, boxes, scale, colours)
    tile.paste(image, (left, top))
    pen = ImageDraw.Draw(tile)
    frame = _frame(labelled)
    if frame:
        edges = (left - FRAME, top - FRAME, left + image.width + FRAME - 1, top + image.height + FRAME - 1)
        pen.rectangle(edges, outline=frame, width=FRAME)
    for box in boxes:
        at = (left + max(box.bounds.left * scale, 0), top + max(box.bounds.top * scale, 0))
        _draw_tag(pen, box.label, at, colours[box.label])
    for line, (text, colour) in enumerate(_caption(labelled)):
        position = (left, top + IMAGE + FRAME + 1 + line * TEXT)
        pen.text(position, text, fill=colour, font=ImageFont.load_default(TEXT - 2))
    return tile


def _draw_tag(pen: ImageDraw.ImageDraw, label: str, at: tuple[float, float], colour: str) -> None:
    """Write a box's label above its upper left corner, so that it covers nothing of what is in the box."""
    font = ImageFont.load_default(TEXT - 4)
    _, _, width, height = pen.textbbox((0, 0), label, font=font)
    x = max(min(at[0], TILE[0] - width - 3), 0)
    y = max(at[1] - height - 3, 0)
    pen.rectangle((x, y, x + width + 2, y + height + 1), fill=colour)
    red, green, blue = ImageColor.getrgb(colour)[:3]
    light = 0.299 * red + 0.587 * green + 0.114 * blue > 140  # of 255, ITU-R BT.601
    pen.text((x + 2, y), label, fill=DARK if light else "white", font=font)


def _image(labelled: LabelledImage) -> tuple[Image.Image, float]:
    """Return an image as large as its tile, and by how much it was enlarged; grey if there is none."""
    if labelled.size is None:
        return Image.new("RGB", (IMAGE, IMAGE), "#dddddd"), 1.0
    with Image.open(Path(labelled.task.image)) as image:
        scale = IMAGE / max(image.size)
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        # Small images keep their pixels, so that one sees what the annotator saw.
        way = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        return image.convert("RGB").resize(size, way), scale


def _draw_boxes(image: Image.Image, boxes: Sequence[Box], scale: float, colours: dict[str, str]) -> None:
    pen = ImageDraw.Draw(image)
    for box in boxes:
        corners = [
            (min(x * scale, image.width - 1), min(y * scale, image.height - 1)) for x, y in box.corners
        ]
        for colour, width in ((DARK, 4), (colours[box.label], 2)):
            pen.line([*corners, corners[0]], fill=colour, width=width)


def _caption(image: LabelledImage) -> list[tuple[str, str]]:
    """Return up to four lines with their colours; what CIFAR-10 says stays hidden until there is a label."""
    lines = [(image.task.image_id, PALE)]
    if not image.annotations:
        return [*lines, ("not labelled", PALE)]
    if image.disputed:
        votes = Counter(one.label for one in image.annotations if one.label).most_common(LINES - 2)
        lines += [(f"{count} x {label}", RED) for label, count in votes]
    else:
        lines.append((image.agreed or "no class", INK))
    if image.agreed and image.cifar10 not in {None, image.agreed}:
        lines.append((f"CIFAR-10: {image.cifar10}", ORANGE))
    return lines[:LINES]
