"""The types of events and results: complete, true to what crosses the wire, and usable."""

from __future__ import annotations

import itertools
import typing
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from mypy import api as mypy
from typing_extensions import NotRequired, is_typeddict

from onebot_simple import HttpClient, WsClient, typed
from onebot_simple.actions import Actions
from onebot_simple.event import EVENT_NAMES, name_of
from onebot_simple.simulator import Simulator
from onebot_simple.simulator.registry import ACTIONS

from .peers import wait_until

Json = dict[str, Any]
ROOT = Path(__file__).parent.parent
GROUP, BOT, ALICE, BOB, CAROL = 30001, 10001, 20001, 20002, 20003

# nothing comes back, or only an "object" according to the documentation, or nobody documents it
ANY_ON_PURPOSE = set(
    """
    ocr_image _del_group_notice _send_group_notice _set_model_show _mark_all_as_read
    delete_group_file delete_group_folder delete_essence_msg set_essence_msg delete_friend
    delete_unidirectional_friend get_online_clients get_updates reload_event_filter
    mark_msg_as_read mark_group_msg_as_read mark_private_msg_as_read send_group_sign
    set_group_sign set_qq_profile create_guild_role delete_guild_role update_guild_role
    set_guild_member_role get_guild_roles get_guild_list get_guild_channel_list
    get_guild_member_list get_guild_member_profile get_guild_meta_by_guest get_guild_msg
    get_guild_service_profile get_topic_channel_feeds send_guild_channel_msg
    clean_stream_temp_file del_group_album_media set_group_album_media_like
    cancel_group_album_media_like do_group_album_comment get_group_album_media_list
    upload_image_to_qun_album set_group_todo complete_group_todo cancel_group_todo
    get_group_info_ex set_group_kick_members set_group_add_option set_group_robot_add_option
    set_group_search set_group_remark set_group_member_invite_policy
    set_group_member_permissions set_group_new_member_history_visibility get_group_shut_list
    set_doubt_friends_add_request get_doubt_friends_add_request set_friend_remark nc_get_rkey
    get_robot_uin_range set_msg_emoji_like ArkSharePeer send_ark_share create_collection
    get_collection_list set_self_longnick set_qq_avatar set_online_status set_input_status
    nc_get_packet_status forward_friend_single_msg forward_group_single_msg
    fetch_custom_face_detail add_custom_face delete_custom_face set_custom_face_desc group_poke
    friend_poke send_poke bot_exit click_inline_keyboard_button create_flash_task send_flash_msg
    get_flash_file_list get_flash_file_url get_share_link get_fileset_info download_fileset
    get_online_file_msg send_online_file send_online_folder receive_online_file
    refuse_online_file cancel_online_file delete_qzone_msg
    """.split()
)
STREAMS = {name for name in ACTIONS if name.endswith("_stream") and name != "upload_file_stream"}
OVERLOADED = {"download_file"}


# -- what a type says -----------------------------------------------------------------------------


def hints_of(described: Any) -> Json:
    names = {"NotRequired": NotRequired, "typed": typed}
    return typing.get_type_hints(described, localns=names, include_extras=True)


def result_of(action: str) -> Any:
    return hints_of(getattr(Actions, action.lstrip("._")))["return"]


def problems(value: Any, hint: Any, at: str = "it") -> list[str]:
    """Where a value is not what its type says."""
    kind: Any = get_origin(hint)
    args = get_args(hint)
    if hint is Any:
        return []
    if kind in (Union, UnionType):
        tried = [problems(value, one, at) for one in args]
        return [] if [] in tried else min(tried, key=len)
    if kind is Literal:
        return [] if value in args else [f"{at} is {value!r}, not one of {args}"]
    if is_typeddict(hint):
        return [*_problems_of_keys(value, hint, at)]
    if kind is list:
        items = enumerate(value) if isinstance(value, list) else [(0, None)]
        return [found for i, item in items for found in problems(item, args[0], f"{at}[{i}]")]
    plain = type(None) if hint is None else kind or hint
    if not isinstance(value, plain) or (plain is int and isinstance(value, bool)):
        return [f"{at} is {value!r}, not {plain.__name__}"]
    return []


def _problems_of_keys(value: Any, hint: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at} is {value!r}, not {hint.__name__}"
        return
    hints = hints_of(hint)
    for key, wanted in hints.items():
        kind: Any = get_origin(wanted)
        if key in value:
            inner = get_args(wanted)[0] if kind is NotRequired else wanted
            yield from problems(value[key], inner, f"{at}[{key!r}]")
        elif kind is not NotRequired and hint.__total__:
            yield f"{at} has no {key!r}, which {hint.__name__} requires"
    for key in value.keys() - hints.keys():
        yield f"{at} has {key!r}, which {hint.__name__} does not know"


def event_types() -> list[Any]:
    return [*get_args(typed.AnyEvent)]


def names_for(event_type: Any) -> list[str]:
    """The full names of the events that a type describes."""
    hints = hints_of(event_type)
    post_type = get_args(hints["post_type"])[0]
    kind = "message_type" if post_type == "message_sent" else f"{post_type}_type"
    fields = [hints[key] for key in ("post_type", kind, "sub_type") if key in hints]
    return [".".join(words) for words in itertools.product(*map(get_args, fields))]


TYPE_FOR = {name: one for one in event_types() for name in names_for(one)}


# -- complete -------------------------------------------------------------------------------------


def test_every_event_has_exactly_one_type() -> None:
    leaves = [n for n in EVENT_NAMES if not any(o.startswith(n + ".") for o in EVENT_NAMES)]
    described = [name for one in event_types() for name in names_for(one)]
    assert sorted(described) == sorted(leaves)


def test_every_action_says_what_it_returns_or_is_any_on_purpose() -> None:
    text = (Path(__file__).parent / "actions.txt").read_text(encoding="utf-8")
    actions = [line.split()[0] for line in text.splitlines() if line and line[0] not in "#,"]
    assert {a for a in actions if result_of(a) is Any} == ANY_ON_PURPOSE | OVERLOADED


def test_every_type_describes_something() -> None:
    seen: set[Any] = set()

    def look(hint: Any) -> None:
        if hint not in seen:
            seen.add(hint)
            for inner in hints_of(hint).values() if is_typeddict(hint) else get_args(hint):
                look(inner)

    look(typed.AnyEvent)
    for name in dir(Actions):
        if not name.startswith("_"):
            look(hints_of(getattr(Actions, name)).get("return"))
    named = {one for n, one in vars(typed).items() if is_typeddict(one) and n[0] != "_"}
    assert named - seen == {typed.DownloadedFile}  # of an overload


# -- true -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("message_format", ["array", "string"])
def test_events_are_what_their_types_say(message_format: str) -> None:
    came: list[Json] = []
    qq = Simulator(message_format=message_format, report_self_message=True, heart_interval=100)
    with qq:
        bot = WsClient(qq.ws_url)
        bot.on("message", "message_sent", "notice", "request", "meta_event")(came.append)
        with bot:
            everything_that_happens(qq, bot)
            wait_until(lambda: {name_of(event) for event in came} >= EVENTS_OF_THE_SIMULATOR, 20)
    assert {name_of(event) for event in came} == EVENTS_OF_THE_SIMULATOR
    for event in came:
        name = name_of(event)
        assert problems(event, TYPE_FOR[name], name) == []


EVENTS_OF_THE_SIMULATOR = set(
    """
    meta_event.lifecycle.connect meta_event.heartbeat
    message.private.friend message.private.group message.group.normal
    message_sent.private.friend message_sent.private.group message_sent.group.normal
    notice.group_upload notice.group_admin.set notice.group_admin.unset
    notice.group_decrease.leave notice.group_decrease.kick notice.group_decrease.disband
    notice.group_increase.approve notice.group_increase.invite notice.group_ban.ban
    notice.group_ban.lift_ban notice.friend_add notice.group_recall notice.friend_recall
    notice.notify.poke notice.notify.title notice.notify.group_name notice.group_card
    notice.essence.add notice.group_msg_emoji_like request.friend request.group.add
    request.group.invite
    """.split()
)


def everything_that_happens(qq: Simulator, bot: WsClient) -> None:
    spoken = qq.send_group([{"type": "face", "data": {"id": "1"}}, "hi"], at_bot=True)["message_id"]
    bot.set_msg_emoji_like(message_id=spoken, emoji_id="76")
    bot.set_essence_msg(message_id=spoken)
    qq.recall(spoken)
    qq.recall(qq.send_private("hi")["message_id"])
    qq.send_private("a stranger", user=BOB)
    for user in (ALICE, BOB):
        bot.send_private_msg(user, "hello")
    qq.poke()
    qq.poke(group=None, user=ALICE)
    qq.join()
    qq.leave(20004)
    bot.set_friend_add_request(qq.friend_request()["flag"])
    bot.set_group_add_request(qq.group_request()["flag"], "add")
    bot.set_group_add_request(qq.group_request(sub_type="invite", group=30002)["flag"], "invite")
    bot.upload_group_file(GROUP, b"content", "a.txt")
    bot.set_group_admin(GROUP, ALICE)
    bot.set_group_admin(GROUP, ALICE, enable=False)
    bot.set_group_ban(GROUP, CAROL)
    bot.set_group_ban(GROUP, CAROL, duration=0)
    bot.set_group_whole_ban(GROUP)
    bot.set_group_card(GROUP, CAROL, card="C")
    bot.set_group_name(GROUP, "new")
    bot.set_group_special_title(GROUP, CAROL, special_title="queen")
    bot.set_group_kick(GROUP, CAROL)
    qq.remove_group(GROUP)


def calls(qq: Simulator) -> Iterator[tuple[str, Json]]:
    """A call of every action that the simulator carries out, in an order in which it works."""
    picture = {"type": "image", "data": {"file": "base64://aGk="}}
    qq.send_group([picture], user=BOB)
    said = qq.send_group("hi", user=BOB)["message_id"]
    private = qq.send_private("hi")["message_id"]
    group, user, message = {"group_id": GROUP}, {"user_id": ALICE}, {"message": "hi"}
    one, carol = {"message_id": said}, {"group_id": GROUP, "user_id": CAROL}
    node = {"type": "node", "data": {"user_id": BOB, "nickname": "B", "content": "inside"}}
    image = next(name for name in qq.world.files)
    for name in "get_login_info get_status get_version_info can_send_image can_send_record".split():
        yield name, {}
    for name in "get_csrf_token clean_cache clean_stream_temp_file set_restart".split():
        yield name, {}
    for name in "get_friend_list get_friends_with_category get_group_list".split():
        yield name, {}
    for name in "get_unidirectional_friend_list get_online_clients _mark_all_as_read".split():
        yield name, {}
    yield "nc_get_packet_status", {}
    yield "get_cookies", {"domain": "qun.qq.com"}
    yield "get_credentials", {"domain": "qun.qq.com"}
    yield "set_qq_profile", {"nickname": "Robot"}
    yield "set_self_longnick", {"longNick": "hi"}
    yield "get_stranger_info", user
    yield "send_like", user
    yield "send_msg", {**user, **message}
    yield "send_private_msg", {**user, **message}
    yield "send_group_msg", {**group, **message}
    yield "send_forward_msg", {**group, "messages": [node]}
    yield "send_group_forward_msg", {**group, "messages": [node]}
    yield "send_private_forward_msg", {**user, "messages": [node]}
    yield "get_forward_msg", {"id": next(iter(qq.world.forwards))}
    yield "forward_friend_single_msg", {**user, **one}
    yield "forward_group_single_msg", {**group, **one}
    yield "get_msg", one
    yield "get_msg", {"message_id": private}
    yield "get_group_msg_history", group
    yield "get_friend_msg_history", user
    for name in "mark_msg_as_read mark_group_msg_as_read mark_private_msg_as_read".split():
        yield name, user if "private" in name else group
    yield "set_msg_emoji_like", {**one, "emoji_id": "76"}
    yield "fetch_emoji_like", {**one, "emojiId": "76", "emojiType": "1"}
    yield "get_emoji_likes", {**one, "emoji_id": "76"}
    yield "set_essence_msg", one
    yield "get_essence_msg_list", group
    yield "delete_essence_msg", one
    for name in "send_poke group_poke friend_poke".split():
        yield name, user if "friend" in name else {**group, **user}
    for name in "get_group_info get_group_detail_info get_group_member_list".split():
        yield name, group
    yield "get_group_member_info", carol
    yield "get_group_honor_info", {**group, "type": "all"}
    yield "get_group_at_all_remain", group
    for name in "get_image get_file".split():
        yield name, {"file": image}
    yield "get_record", {"file": image, "out_format": "mp3"}
    yield "upload_group_file", {**group, "file": "base64://aGk=", "name": "a.txt"}
    yield "upload_private_file", {**user, "file": "base64://aGk=", "name": "a.txt"}
    file_id = next(iter(qq.world.groups[GROUP].files))
    yield "create_group_file_folder", {**group, "folder_name": "f"}
    folder = {"folder_id": next(iter(qq.world.groups[GROUP].folders))}
    yield "get_group_root_files", group
    yield "get_group_files_by_folder", {**group, **folder}
    yield "get_group_file_system_info", group
    yield "get_group_file_url", {**group, "file_id": file_id}
    yield "get_private_file_url", {"file_id": image}
    yield "delete_group_file", {**group, "file_id": file_id}
    yield "delete_group_folder", {**group, **folder}
    chunk = {"stream_id": "s", "total_chunks": 1, "chunk_index": 0, "chunk_data": "aGk="}
    yield "upload_file_stream", {**chunk, "expected_sha256": HASH_OF_HI}
    yield "upload_file_stream", {"stream_id": "s", "verify_only": True}
    yield "upload_file_stream", {"stream_id": "s", "is_complete": True}
    yield "set_friend_add_request", {"flag": qq.friend_request()["flag"]}
    qq.group_request(sub_type="invite", group=30002)
    yield "get_group_system_msg", {}
    yield "set_group_add_request", {"flag": qq.group_request()["flag"], "sub_type": "add"}
    yield "set_friend_remark", {**user, "remark": "A"}
    yield "set_group_remark", {**group, "remark": "L"}
    yield "set_group_sign", group
    yield "send_group_sign", group
    yield "_send_group_notice", {**group, "content": "hear"}
    yield "_get_group_notice", group
    notice = next(iter(qq.world.groups[GROUP].notices))
    yield "_del_group_notice", {**group, "notice_id": notice}
    yield "set_group_card", {**carol, "card": "C"}
    yield "set_group_special_title", {**carol, "special_title": "queen"}
    yield "set_group_admin", {**carol, "enable": False}
    yield "set_group_ban", {**carol, "duration": 60}
    yield "get_group_shut_list", group
    yield "set_group_whole_ban", {**group, "enable": False}
    yield "set_group_name", {**group, "group_name": "new"}
    yield "set_group_member_invite_policy", {**group, "policy": "no_approval"}
    yield "set_group_member_permissions", {**group, "allow_member_upload_album": True}
    yield "set_group_new_member_history_visibility", {**group, "visible": True}
    yield "send_qzone_msg", {"content": "hi"}
    yield "delete_qzone_msg", {"tid": "simulated-1"}
    yield "delete_msg", one
    context = {"post_type": "message", "message_type": "private", "time": 1, "self_id": BOT, **user}
    yield ".handle_quick_operation", {"context": context, "operation": {"reply": "hi"}}
    yield "set_group_kick", carol
    yield "set_group_kick_members", {**group, "user_id": [BOB]}
    yield "delete_friend", user
    yield "set_group_leave", group


HASH_OF_HI = "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"


def test_results_are_what_their_types_say(tmp_path: Path) -> None:
    called = set()
    with Simulator() as qq, HttpClient(qq.http_url) as client:
        for action, params in calls(qq):
            called.add(action)
            result = client.call_action(action, **params)
            assert problems(result, result_of(action), action) == []
        (tmp_path / "a").write_bytes(b"hi")
        assert problems(client.upload_file(tmp_path / "a"), typed.UploadedFile) == []
    assert called == set(ACTIONS) - STREAMS - {"bot_exit"}


@pytest.mark.parametrize(
    ("value", "hint", "said"),
    [
        ({"yes": 1}, typed.CanSend, "it['yes'] is 1, not bool"),
        ({}, typed.CanSend, "it has no 'yes', which CanSend requires"),
        ({"yes": True, "no": 1}, typed.CanSend, "it has 'no', which CanSend does not know"),
        ([{"yes": None}], list[typed.CanSend], "it[0]['yes'] is None, not bool"),
        ([], typed.CanSend, "it is [], not CanSend"),
        ({"id": True, "name": "", "flag": ""}, typed.Anonymous, "it['id'] is True, not int"),
        ("x", Literal["a", "b"], "it is 'x', not one of ('a', 'b')"),
        (None, list[str], "it[0] is None, not str"),
        (5, str | None, "it is 5, not str"),
        (5, None, "it is 5, not NoneType"),
    ],
)
def test_the_check_itself_finds_what_is_wrong(value: Any, hint: Any, said: str) -> None:
    assert problems(value, hint) == [said]


# -- usable ---------------------------------------------------------------------------------------

RIGHT = """
from onebot_simple import segment
from onebot_simple.bot import Bot
from onebot_simple.typed import AnyEvent, FriendRequest, GroupIncrease, GroupMessage, Message

def use(bot: Bot) -> None:
    @bot.on_message
    def chat(event: Message) -> str:
        bot.send(event, segment.plain_text(event), at_sender=True)
        for part in segment.to_list(event):
            bot.send(event, part)
        bot.send(event, event["message"])
        bot.set_friend_add_request("1")
        name = bot.ask(event, "?")
        if event["message_type"] == "group":
            return f"{name} {event['group_id'] + 1} {event['sender'].get('card')}"
        return event["raw_message"]

    @bot.on("notice.group_increase")
    def welcome(event: GroupIncrease) -> None:
        member = bot.get_group_member_info(event["group_id"], event["user_id"])
        bot.send(event, f"{member['nickname']} {member.get('title', '')}")

    @bot.on("request.friend")
    def befriend(event: FriendRequest) -> None:
        bot.approve(event) if "hi" in event["comment"] else bot.reject(event)

    @bot.on_group_message
    def forgive(event: GroupMessage) -> None:
        bot.wait_for(lambda other: other["user_id"] == event["user_id"])
        bot.set_group_anonymous_ban(event["group_id"], anonymous=event.get("anonymous"))
        bot.get_mini_app_ark("t", "d", "https://p", "https://j", type="bili")
        bot.handle_quick_operation(event, {"reply": "hi"})

def any_of_them(event: AnyEvent) -> int:
    return event["time"]
"""
WRONG = """
from onebot_simple.bot import Bot
from onebot_simple.typed import GroupMessage, Message, Notice

def use(bot: Bot, group: GroupMessage, chat: Message, notice: Notice) -> None:
    group["grop_id"]
    chat["anonymous"]
    if notice["notice_type"] == "group_ban":
        notice["card_new"]
    bot.get_login_info()["nick"]
    bot.get_group_list()["group_id"]
    bot.get_msg(1)["message_id"].upper()
    bot.set_group_ban(1, 2, 600)
    bot.get_mini_app_ark("t", "d", "https://p", "https://j", appId="1")
    if chat["message_type"] == "channel":
        pass
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What mypy says of both, by their names."""
    folder = tmp_path_factory.mktemp("typed")
    for name, code in (("right", RIGHT), ("wrong", WRONG)):
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    options = ["--config-file", str(ROOT / "setup.cfg"), "--no-error-summary"]
    cache = tmp_path_factory.getbasetemp().parent / "mypy_cache"  # kept: ten times as fast then
    options += ["--cache-dir", str(cache)]
    said, failed, _ = mypy.run([*options, *(str(folder / f"{n}.py") for n in ("right", "wrong"))])
    assert not failed, failed
    lines = said.splitlines()
    return {name: [line for line in lines if f"{name}.py" in line] for name in ("right", "wrong")}


def test_a_typed_bot_passes_the_strictest_check(complaints: dict[str, list[str]]) -> None:
    assert complaints["right"] == []


@pytest.mark.parametrize("line", [6, 7, 9, 10, 11, 12, 13, 14, 15])
def test_a_wrong_key_is_found(complaints: dict[str, list[str]], line: int) -> None:
    assert any(f"wrong.py:{line}: error" in said for said in complaints["wrong"])
