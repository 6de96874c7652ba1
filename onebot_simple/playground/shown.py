"""How the world looks on the page: messages, people, groups, requests, the files of messages."""

from __future__ import annotations

from typing import Any

from ..segment import to_list
from ..simulator.messages import find_file
from ..simulator.world import BOT, Event, Message, Request, World

TYPES = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"ID3": "audio/mpeg",
    b"\xff\xfb": "audio/mpeg",
    b"OggS": "audio/ogg",
    b"\x1aE\xdf\xa3": "video/webm",
}


def message_item(world: World, message: Message) -> dict[str, Any]:
    in_group = message.group_id is not None
    return {
        "kind": "message",
        "chat": f"g{message.group_id}" if in_group else f"p{message.peer_id}",
        "message_id": message.message_id,
        "user_id": message.user_id,
        "segments": [_shown(world, segment) for segment in message.segments],
    }


def event_item(world: World, event: Event) -> dict[str, Any] | None:
    """An event in its chat; None for one that belongs to no chat."""
    kind = event["post_type"]
    if kind in ("notice", "request"):
        return {"kind": kind, "chat": chat_of(world, event), "event": event}
    if kind != "message":
        return None
    if message := world.messages.get(event["message_id"]):
        return message_item(world, message)
    # one that the world does not know: pushed by hand, or replayed
    return {
        "kind": kind,
        "chat": chat_of(world, event),
        "message_id": event["message_id"],
        "user_id": event["user_id"],
        "segments": _shown_segments(world, event),
    }


def _shown_segments(world: World, event: Event) -> list[dict[str, Any]]:
    return [_shown(world, segment) for segment in to_list(event)]


def _shown(world: World, segment: dict[str, Any]) -> dict[str, Any]:
    """What the page cannot know comes along: where it finds a file, what a forward holds."""
    data = segment["data"]
    if segment["type"] in ("image", "record", "video", "file"):
        # the simulator's own URL ends in the id; a name may belong to several files
        last = str(data.get("url", "")).rpartition("/")[2]
        file = find_file(world, last) or find_file(world, data.get("file"))
        if file and file.content:
            link = f"/file/{file.file_id.strip('/')}"
            kind = (shown_type(file.content) or "").partition("/")[0]
            return {**segment, "shown": link, "as": kind, "size": len(file.content)}
    if segment["type"] == "forward" and isinstance(data.get("id"), str):
        nodes = world.forwards.get(data["id"], [])
        return {**segment, "nodes": [_node(world, node) for node in nodes]}
    return segment


def _node(world: World, node: Event) -> dict[str, Any]:
    """A message inside a forward; the simulator keeps it as an event."""
    return {"name": node["sender"]["nickname"], "segments": _shown_segments(world, node)}


def shown_type(content: bytes) -> str | None:
    """What a browser can show, seen from the first bytes; None for anything else."""
    if content.startswith(b"RIFF"):
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(content[8:12])
    if content[4:8] == b"ftyp":
        return "video/mp4"
    return next((kind for magic, kind in TYPES.items() if content.startswith(magic)), None)


def chat_of(world: World, event: Event) -> str:
    """The chat that an event belongs to, as "g30001" or "p20001"."""
    if event.get("group_id") and event.get("message_type") != "private":
        return f"g{event['group_id']}"
    message_id = event.get("message_id")
    about = world.messages.get(message_id) if isinstance(message_id, int) else None
    if about:
        return f"p{about.peer_id}"
    who = event.get("user_id")
    return f"p{event.get('target_id') if who == BOT else who}"


def people_and_groups(world: World) -> dict[str, Any]:
    with world.lock:
        people = [
            {"id": person.user_id, "name": person.nickname, "friend": person.is_friend}
            for person in world.people.values()
        ]
        groups = [
            {
                "id": group.group_id,
                "name": group.group_name,
                "former": list(group.former),
                "members": [
                    {
                        "id": m.user_id,
                        "card": m.card,
                        "role": m.role,
                        "title": m.title,
                        "muted": m.muted_until,
                    }
                    for m in group.members.values()
                ],
            }
            for group in world.groups.values()
        ]
    return {"people": people, "groups": groups}


def settled_requests(world: World) -> dict[str, str]:
    """What became of each request that the bot has settled: approved or refused, by its flag."""
    with world.lock:
        return {
            flag: "approved" if _came_true(world, request) else "refused"
            for flag, request in world.requests.items()
            if request.settled
        }


def _came_true(world: World, request: Request) -> bool:
    if request.kind == "friend":
        return request.user_id in world.people and world.people[request.user_id].is_friend
    group = world.groups.get(request.group_id)
    return group is not None and (BOT if request.sub_type == "invite" else request.user_id) in (
        group.members
    )
