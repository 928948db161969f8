from __future__ import annotations

import pytest

from annotate.labelling.tables import BOXES, LABELS, PROBLEMS, boxes_table, labels_table, problems_table
from tests.annotate.builders import DEFAULT, PEOPLE, annotation, choice, labelled, rectangle

pytestmark = pytest.mark.usefixtures("room")


def test_a_row_for_each_annotator_and_box() -> None:
    first = annotation(choice("cat"), rectangle("cat", 50, 20, 40, 30, 30), seconds=2.5)
    second = annotation(choice("dog"), annotator="annotator-2", seconds=None)
    image, _ = labelled(first, second, cifar10="cat")
    assert labels_table([image], DEFAULT).to_csv(index=False).splitlines() == [
        "image,class,agreed,cifar10,annotator,seconds,boxes",
        "test-00042,cat,,cat,annotator-1,2.5,1",
        "test-00042,dog,,cat,annotator-2,,0",
    ]
    assert boxes_table([image], DEFAULT).to_csv(index=False).splitlines() == [
        "image,annotator,region,label,x,y,width,height,rotation",
        "test-00042,annotator-1,r2,cat,16.0,6.4,12.8,9.6,30.0",
    ]


def test_attributes_are_columns_and_keep_out_of_the_way_of_ours() -> None:
    stars = {**choice(name="label", region="r2"), "type": "rating", "value": {"rating": 4}}
    pose = choice("sitting", name="pose", region="r2")
    weather = annotation(rectangle("person", 0, 0, 50, 50), pose, stars, choice("rain", name="weather"))
    image, _ = labelled(weather, scheme=PEOPLE)
    boxes = boxes_table([image], PEOPLE)
    assert list(boxes.columns) == [*BOXES, "pose", "accessories", "label (answer)", "remark"]
    assert [boxes[name][0] for name in ("label", "pose", "label (answer)")] == ["person", "sitting", "4"]
    labels = labels_table([image], PEOPLE)
    assert list(labels.columns) == [*LABELS, "weather"]
    assert labels["weather"].tolist() == ["rain"]


def test_tables_without_rows_keep_their_columns() -> None:
    assert list(labels_table([], DEFAULT).columns) == list(LABELS)
    assert list(boxes_table([], DEFAULT).columns) == list(BOXES)
    assert list(problems_table([]).columns) == list(PROBLEMS)
