"""A list of some of the project's images on the server: a tab of its page, which Label Studio calls a view.

Reference: https://api.labelstud.io, "views"; what a filter may be: the server's data_manager/managers.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from annotate.label_studio.client import Api
from annotate.label_studio.errors import foreign
from annotate.label_studio.project import Project, link

VIEWS, COLUMNS = "/api/dm/views/", "/api/dm/columns/"
PLACES = ("explore", "labeling")  # the page's table, and its narrow form beside an open image


def show(api: Api, project: Project, title: str, images: Iterable[str]) -> str:
    """Make or change the tab of that title so that it lists the named images; return its address.

    A new one has them in the order of their names, and the columns that a tab has where nobody chose any. The
    others' tabs stay. Where there is none yet, one with all images is made first, as the page would do.
    """
    found = api.get(VIEWS, project=project.number)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise foreign(api.server.url)
    if not found:
        _saved(api, project, None, {"title": "Default", "hiddenColumns": _hidden(api, project)})
    ours = next((one for one in found if (one.get("data") or {}).get("title") == title), None)
    # Names hold letters, digits, - and _ only (`annotate.labelling.tasks`), so that each stands for itself.
    pattern = f"^({'|'.join(images)})$"
    named = {"filter": "filter:tasks:data.image_id", "operator": "regex", "type": "String", "value": pattern}
    wanted = {"title": title, "filters": {"conjunction": "and", "items": [named]}}
    if ours is None:
        new = {"ordering": ["tasks:data.image_id"], "hiddenColumns": _hidden(api, project)}
        number = _saved(api, project, None, wanted | new)
    else:  # with the columns and the order that somebody may have chosen
        number = _saved(api, project, ours["id"], ours["data"] | wanted)
    return f"{link(api, project)}?tab={number}"


def _hidden(api: Api, project: Project) -> dict[str, list[str]]:
    """Return the columns that a tab does not show unless asked to; one that names none shows all of them."""
    reply = api.get(COLUMNS, project=project.number)
    columns = reply.get("columns") if isinstance(reply, dict) else None
    if not isinstance(columns, list):
        raise foreign(api.server.url)
    return {
        place: [
            f"tasks:data.{column['id']}" if column.get("parent") == "data" else f"tasks:{column['id']}"
            for column in columns
            if not (column.get("visibility_defaults") or {}).get(place, True)
        ]
        for place in PLACES
    }


def _saved(api: Api, project: Project, number: int | None, data: dict[str, Any]) -> int:
    content = {"project": project.number, "data": {"type": "list", "target": "tasks", **data}}
    reply = api.post(VIEWS, content) if number is None else api.patch(f"{VIEWS}{number}/", content)
    if not isinstance(reply, dict) or not isinstance(reply.get("id"), int):
        raise foreign(api.server.url)
    return int(reply["id"])
