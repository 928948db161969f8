"""A list of some of the project's images on the server: a tab of its page, which Label Studio calls a view.

Reference: https://api.labelstud.io, "views"; what a filter may be: the server's data_manager/managers.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from annotate.label_studio.project import Project

PLACES = ("explore", "labeling")  # the page's table, and its narrow form beside an open image


def show(project: Project, title: str, images: Iterable[str]) -> str:
    """Make or change the tab of that title so that it lists the named images; return its address.

    A new tab is ordered by name and has the page's default columns; other tabs stay. Where there is none yet,
    one with all images is made first, as the page would do.
    """
    # Names hold letters, digits, - and _ only (`annotate.labelling.tasks`): none needs escaping.
    pattern = f"^({'|'.join(images)})$"
    by_name = {
        "filter": "filter:tasks:data.image_id",
        "operator": "regex",
        "type": "String",
        "value": pattern,
    }
    content = {
        "type": "list",
        "target": "tasks",
        "title": title,
        "filters": {"conjunction": "and", "items": [by_name]},
    }
    new = {"ordering": ["tasks:data.image_id"], "hiddenColumns": _hidden_columns(project)}
    views = project.client.sdk.views
    with project.client.expected():
        present = views.list(project=project.number)
        ours = next((view for view in present if (view.data or {}).get("title") == title), None)
        if not present:
            default = {"type": "list", "target": "tasks", "title": "Default"}
            views.create(project=project.number, data=default | {"hiddenColumns": new["hiddenColumns"]})
        if ours is None:
            view = views.create(project=project.number, data=content | new)
        else:  # with the columns and the order that somebody may have chosen
            view = views.update(str(ours.id), project=project.number, data=ours.data | content)
        return f"{project.link()}?tab={int(view.id)}"


def _hidden_columns(project: Project) -> dict[str, list[str]]:
    """Return the columns that a tab hides by default; a tab that names none shows all of them."""
    with project.client.expected():
        reply = project.client.get("/api/dm/columns/", params={"project": project.number})
        return {
            place: [
                f"tasks:data.{column['id']}" if column.get("parent") == "data" else f"tasks:{column['id']}"
                for column in reply.json()["columns"]
                if not (column.get("visibility_defaults") or {}).get(place, True)
            ]
            for place in PLACES
        }
