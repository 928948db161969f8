"""Judge every label and write them in each format that the next step may ask for.

    python -m annotate labels

Reads annotate/project/export.json, tasks.json, images/ and label_config.xml, and data/sample/index.csv for CIFAR-10's
own classes, if it is there. Writes annotate/out/labels/ (labels.csv, boxes.csv, problems.csv, coco.json, yolo/,
voc/, contact_sheet.png) and annotate/metrics.json. The same files give the same bytes; no label is lost without a
line in problems.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotate.formats.coco import to_coco
from annotate.formats.voc import write_voc
from annotate.formats.yolo import write_yolo
from annotate.labelling import contact_sheet, tables
from annotate.labelling.consensus import LabelledImage, judge
from annotate.labelling.export_file import read_export
from annotate.labelling.metrics import measure
from annotate.labelling.records import Problem
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import LABELS, METRICS, read_tasks
from data.common.files import atomic, write_csv, write_json
from data.datasets import sample
from data.datasets.dataset import image_name


def cifar10_classes(folder: Path = sample.FOLDER) -> dict[str, str]:
    """Return CIFAR-10's class of every image of the sample's test part, by our name for the image."""
    if not folder.exists():
        return {}
    index = sample.read_index("test", folder)
    return {image_name(number): label for number, label in zip(index["index"], index["label"], strict=True)}


def write(folder: Path, images: Sequence[LabelledImage], problems: Sequence[Problem], scheme: Scheme) -> None:
    """Write all tables, formats and the sheet into a new folder, all of them or none."""
    with atomic(folder) as part:
        part.mkdir()
        write_csv(part / "labels.csv", tables.labels_table(images, scheme))
        write_csv(part / "boxes.csv", tables.boxes_table(images, scheme))
        write_csv(part / "problems.csv", tables.problems_table(problems))
        write_json(part / "coco.json", to_coco(images, scheme.box_labels))
        write_yolo(part / "yolo", images, scheme.box_labels)
        write_voc(part / "voc", images)
        contact_sheet.draw(images, scheme.box_labels).save(part / "sheet.png")


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics in two or three lines, with what to do next where something is left."""
    lines = [
        f"{metrics['labelled']} of {metrics['images']} images labelled, {metrics['skipped']} skipped, "
        f"{metrics['boxes']} boxes"
    ]
    if "accuracy" in metrics:
        kappa = f", Cohen's kappa {metrics['kappa']:.3f}" if "kappa" in metrics else ""
        right = f"{100 * metrics['accuracy']:.1f} % of {metrics['compared']}"
        lines.append(f"as CIFAR-10's own classes: {right}{kappa}")
    problems = ", ".join(f"{count} {kind}" for kind, count in metrics["problems"].items())
    lines.append(f"problems: {problems or 'none'}" + (f" ({LABELS}/problems.csv)" if problems else ""))
    return "\n".join(lines)


def main() -> None:
    """Judge the labels: annotate/out/labels/ and annotate/metrics.json."""
    scheme = read_scheme()
    images, problems = judge(read_tasks(), read_export(), scheme, cifar10_classes())
    metrics = measure(images, problems)
    write(LABELS, images, problems, scheme)
    write_json(METRICS, metrics)
    print(summary(metrics))
