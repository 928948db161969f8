"""All labelled images as tiles with their boxes and classes: annotate/out/labels/contact_sheet.png.

A red frame: annotators disagree. An orange frame: they agree, and CIFAR-10 has another class.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from PIL import Image, ImageColor, ImageDraw, ImageFont

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Box
from data.common.progress import track

NAME = "contact_sheet.png"
MOST = 400  # images: 20 x 20 tiles are 3,200 x 4,480 pixels, about as much as a person can look through
IMAGE = 144  # pixels of a tile's longer side: 4.5 times a CIFAR-10 image
GAP = 16
HEAD = 16  # pixels above an image, for the tag of a box that begins at its upper edge
TEXT = 14  # pixels a line
LINES = 4
FRAME = 3
TILE = (IMAGE + GAP, HEAD + IMAGE + LINES * TEXT + GAP // 2)

INK, PALE, RED, ORANGE = "#222222", "#777777", "#d00000", "#f08000"
# As in label_config.xml: ten colours that can be told apart, none of them grey or brown as images are
# (most are of Trubetskoy's list, https://sashamaps.net/docs/resources/20-colors/).
COLOURS = (
    *("#4363d8", "#f58231", "#3cb44b", "#e6194b", "#911eb4"),
    *("#ffe119", "#bfef45", "#f032e6", "#42d4f4", "#ff8fab"),
)
DARK = "#101010"  # on either side of a box's line, so that it shows on every image


def draw(images: Sequence[LabelledImage], labels: Sequence[str]) -> Image.Image:
    """Draw up to `MOST` images; of more, those with a frame first, and a line says how many are shown."""
    shown = _selected(images)
    columns = max(math.ceil(math.sqrt(len(shown))), 1)
    width, height = TILE
    sheet_size = (columns * width + GAP, math.ceil(len(shown) / columns) * height + GAP)
    sheet = Image.new("RGB", sheet_size, "white")
    colours = {label: COLOURS[position % len(COLOURS)] for position, label in enumerate(labels)}
    for position, image in enumerate(track(shown, "drawing", len(shown), "images")):
        row, column = divmod(position, columns)
        sheet.paste(_tile(image, colours), (GAP // 2 + column * width, GAP // 2 + row * height))
    return sheet


def _selected(images: Sequence[LabelledImage]) -> Sequence[LabelledImage]:
    if len(images) <= MOST:
        return images
    print(f"{NAME} shows {MOST} of {len(images)} images, those in dispute first")
    # A stable sort keeps the order by name within each kind.
    return sorted(images, key=lambda image: (_frame(image) is None, not image.annotations))[:MOST]


def _frame(image: LabelledImage) -> str | None:
    """Return the colour of an image's frame, if it has one."""
    if image.disputed:
        return RED
    return ORANGE if image.agreed and image.cifar10 not in {None, image.agreed} else None


def _tile(labelled: LabelledImage, colours: dict[str, str]) -> Image.Image:
    tile = Image.new("RGB", TILE, "white")
    left, top = GAP // 2, HEAD
    image, scale = _enlarged(labelled)
    boxes = [box for annotation in labelled.annotations for box in annotation.boxes]
    _draw_boxes(image, boxes, scale, colours)
    tile.paste(image, (left, top))
    pen = ImageDraw.Draw(tile)
    frame = _frame(labelled)
    if frame:
        edges = (left - FRAME, top - FRAME, left + image.width + FRAME - 1, top + image.height + FRAME - 1)
        pen.rectangle(edges, outline=frame, width=FRAME)
    for box in boxes:
        corner = (left + box.bounds.left * scale, top + box.bounds.top * scale)
        _draw_tag(pen, box.label, corner, colours[box.label])
    for line, (text, colour) in enumerate(_caption(labelled)):
        position = (left, top + IMAGE + FRAME + 1 + line * TEXT)
        pen.text(position, text, fill=colour, font=ImageFont.load_default(TEXT - 2))
    return tile


def _enlarged(labelled: LabelledImage) -> tuple[Image.Image, float]:
    """Return an image as large as its tile, and the scale; grey if the file is missing."""
    if labelled.size is None:
        return Image.new("RGB", (IMAGE, IMAGE), "#dddddd"), 1.0
    with Image.open(labelled.task.image) as image:
        scale = IMAGE / max(image.size)
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
        # Small images keep their pixels, as the annotator saw them.
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        return image.convert("RGB").resize(size, method), scale


def _draw_boxes(image: Image.Image, boxes: Sequence[Box], scale: float, colours: dict[str, str]) -> None:
    pen = ImageDraw.Draw(image)
    right, bottom = image.width - 1, image.height - 1
    for box in boxes:
        corners = [(min(x * scale, right), min(y * scale, bottom)) for x, y in box.corners]
        for colour, width in ((DARK, 4), (colours[box.label], 2)):
            pen.line([*corners, corners[0]], fill=colour, width=width)


def _draw_tag(pen: ImageDraw.ImageDraw, label: str, corner: tuple[float, float], colour: str) -> None:
    """Write a box's label above its upper left corner, so that it covers nothing in the box."""
    font = ImageFont.load_default(TEXT - 4)
    _, _, width, height = pen.textbbox((0, 0), label, font=font)
    x = max(min(corner[0], TILE[0] - width - 3), 0)
    y = max(corner[1] - height - 3, 0)
    pen.rectangle((x, y, x + width + 2, y + height + 1), fill=colour)
    red, green, blue = ImageColor.getrgb(colour)[:3]
    light = 0.299 * red + 0.587 * green + 0.114 * blue > 140  # of 255, ITU-R BT.601
    pen.text((x + 2, y), label, fill=DARK if light else "white", font=font)


def _caption(image: LabelledImage) -> list[tuple[str, str]]:
    """Return up to four lines with their colours; CIFAR-10's class stays hidden until there is a label."""
    lines = [(image.task.image_id, PALE)]
    if not image.annotations:
        return [*lines, ("not labelled", PALE)]
    if image.disputed:
        votes = Counter(each.label for each in image.annotations if each.label).most_common(LINES - 2)
        lines += [(f"{count} x {label}", RED) for label, count in votes]
    else:
        lines.append((image.agreed or "no class", INK))
    if image.agreed and image.cifar10 not in {None, image.agreed}:
        lines.append((f"CIFAR-10: {image.cifar10}", ORANGE))
    return lines[:LINES]
