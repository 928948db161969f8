"""A list of some of the project's pictures on the server: a tab of its page, which Label Studio calls a view.

Reference: https://api.labelstud.io, "views"; what a filter may be: the server's data_manager/managers.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from annotate.api import Api
from annotate.failures import foreign
from annotate.project import Project, link

VIEWS = "/api/dm/views/"


def show(api: Api, project: Project, title: str, pictures: Iterable[str]) -> str:
    """Make or change the tab of that title so that it lists the named pictures; return its address.

    The others' tabs stay. Where there is none yet, one with all pictures is made first, as the page would do.
    """
    found = api.get(VIEWS, project=project.number)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise foreign(api.server.url)
    if not found:
        _saved(api, project, None, {"title": "Default"})
    ours = next((one["id"] for one in found if (one.get("data") or {}).get("title") == title), None)
    # Names hold letters, digits, - and _ only (`annotate.tasks`), so that each stands for itself.
    pattern = f"^({'|'.join(pictures)})$"
    named = {"filter": "filter:tasks:data.image_id", "operator": "regex", "type": "String", "value": pattern}
    number = _saved(api, project, ours, {"title": title, "filters": {"conjunction": "and", "items": [named]}})
    return f"{link(api, project)}?tab={number}"


def _saved(api: Api, project: Project, number: int | None, data: dict[str, Any]) -> int:
    content = {"project": project.number, "data": {"type": "list", "target": "tasks", **data}}
    reply = api.post(VIEWS, content) if number is None else api.patch(f"{VIEWS}{number}/", content)
    if not isinstance(reply, dict) or not isinstance(reply.get("id"), int):
        raise foreign(api.server.url)
    return int(reply["id"])
