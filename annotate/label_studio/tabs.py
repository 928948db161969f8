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
    regex = f"^({'|'.join(images)})$"
    by_name = {"filter": "filter:tasks:data.image_id", "operator": "regex", "type": "String", "value": regex}
    content = {"title": title, "filters": {"conjunction": "and", "items": [by_name]}}
    views = project.client.sdk.views
    with project.client.expected():
        present = views.list(project=project.number)
        for view in present:
            if (view.data or {}).get("title") == title:  # its columns may be somebody's choice
                view = views.update(str(view.id), project=project.number, data=view.data | content)
                break
        else:
            new = {"type": "list", "target": "tasks", "hiddenColumns": _hidden_columns(project)}
            if not present:
                views.create(project=project.number, data=new | {"title": "Default"})
            ordering = {"ordering": ["tasks:data.image_id"]}
            view = views.create(project=project.number, data=new | content | ordering)
        return f"{project.link()}?tab={int(view.id)}"


def _hidden_columns(project: Project) -> dict[str, list[str]]:
    """Return the columns that a tab hides by default; a tab that names none shows all of them."""
    reply = project.client.get("/api/dm/columns/", params={"project": project.number})
    return {
        place: [
            f"tasks:data.{column['id']}" if column.get("parent") == "data" else f"tasks:{column['id']}"
            for column in reply.json()["columns"]
            if not (column.get("visibility_defaults") or {}).get(place, True)
        ]
        for place in PLACES
    }
