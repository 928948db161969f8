"""Check every label, and write the labels in each format that a next step may need.

    python -m annotate labels

Reads annotate/project/ (export.json, tasks.json, label_config.xml), annotate/out/images/, and
data/sample/index.csv for CIFAR-10's own classes, if it is there. Writes annotate/out/labels/ (labels.csv,
boxes.csv, problems.csv, coco.json, yolo/, voc/, contact_sheet.png) and annotate/metrics.json. The same files
give the same bytes, and problems.csv names every label that is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotate.formats import coco, voc, yolo
from annotate.labelling import contact_sheet, tables
from annotate.labelling.consensus import LabelledImage, labelled_images
from annotate.labelling.export_file import read_export
from annotate.labelling.metrics import measure
from annotate.labelling.records import Problem
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import LABELS, METRICS, read_tasks
from data.common.files import atomic, write_csv, write_json
from data.datasets import embedded
from data.datasets.dataset import image_name


def cifar10_classes(folder: Path = embedded.FOLDER) -> dict[str, str]:
    """Return CIFAR-10's class of every test image of the sample, by the image's name."""
    if not folder.exists():
        return {}
    index = embedded.read_index("test", folder)
    return {image_name(number): label for number, label in zip(index["index"], index["label"], strict=True)}


def write(folder: Path, images: Sequence[LabelledImage], problems: Sequence[Problem], scheme: Scheme) -> None:
    """Write the tables, the formats and the contact sheet into a new folder, all of them or none."""
    with atomic(folder) as part:
        part.mkdir()
        write_csv(part / "labels.csv", tables.labels_table(images, scheme))
        write_csv(part / "boxes.csv", tables.boxes_table(images, scheme))
        write_csv(part / "problems.csv", tables.problems_table(problems))
        coco.write(part / "coco.json", images, scheme.box_labels)
        yolo.write(part / "yolo", images, scheme.box_labels)
        voc.write(part / "voc", images)
        contact_sheet.draw(images, scheme.box_labels).save(part / contact_sheet.NAME)


def summary(metrics: dict[str, Any]) -> str:
    """Return the metrics in two or three lines."""
    lines = [
        f"{metrics['labelled']} of {metrics['images']} images labelled, {metrics['skipped']} skipped, "
        f"{metrics['boxes']} boxes"
    ]
    if "accuracy" in metrics:
        kappa = f", Cohen's kappa {metrics['kappa']:.3f}" if "kappa" in metrics else ""
        share = f"{100 * metrics['accuracy']:.1f} % of {metrics['compared']}"
        lines.append(f"agreement with CIFAR-10's classes: {share}{kappa}")
    problems = ", ".join(f"{count} {kind}" for kind, count in metrics["problems"].items())
    lines.append(f"problems: {problems} ({LABELS}/problems.csv)" if problems else "problems: none")
    return "\n".join(lines)


def main() -> None:
    """Check the labels: annotate/out/labels/ and annotate/metrics.json."""
    scheme = read_scheme()
    images, problems = labelled_images(read_tasks(), read_export(), scheme, cifar10_classes())
    metrics = measure(images, problems)
    write(LABELS, images, problems, scheme)
    write_json(METRICS, metrics)
    print(summary(metrics))
