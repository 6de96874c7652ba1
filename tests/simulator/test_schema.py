"""How parameters are read: yes and no, ids, numbers, null, and what NapCat says of them."""

from __future__ import annotations

from typing import Any

import pytest

from .callers import Caller, HttpCaller

ALICE, BOB, CAROL, GROUP = 20001, 20002, 20003, 30001
ODD = ["False", "True", 0, 1, "0", "1", 2, "yes", "no", "", "on", "off"]


def role(napcat: Caller, user: int) -> str:
    member = napcat.data("get_group_member_info", group_id=GROUP, user_id=user)
    return str(member["role"])


@pytest.mark.parametrize("value", [*ODD, True, "true"])
def test_a_whole_ban_mutes_unless_enable_is_false(napcat: Caller, value: Any) -> None:
    napcat.data("set_group_whole_ban", group_id=GROUP, enable=value)
    assert napcat.data("get_group_info", group_id=GROUP)["group_all_shut"] == -1


@pytest.mark.parametrize("value", [False, "false"])
def test_a_whole_ban_is_lifted_by_false_only(napcat: Caller, value: Any) -> None:
    napcat.data("set_group_whole_ban", group_id=GROUP)
    napcat.data("set_group_whole_ban", group_id=GROUP, enable=value)
    assert napcat.data("get_group_info", group_id=GROUP)["group_all_shut"] == 0
    assert not napcat.notes


@pytest.mark.parametrize("value", [*ODD, False, "false"])
def test_anything_but_true_takes_the_admin_away(napcat: Caller, value: Any) -> None:
    napcat.data("set_group_admin", group_id=GROUP, user_id=BOB, enable=value)
    assert role(napcat, BOB) == "member"


@pytest.mark.parametrize("value", [True, "true"])
def test_true_makes_an_admin(napcat: Caller, value: Any) -> None:
    napcat.data("set_group_admin", group_id=GROUP, user_id=CAROL, enable=value)
    assert role(napcat, CAROL) == "admin"


def test_a_missing_enable_takes_the_admin_away_and_is_told(napcat: Caller) -> None:
    napcat.data("set_group_admin", group_id=GROUP, user_id=BOB)
    assert role(napcat, BOB) == "member"
    assert "no enable" in napcat.notes[0]


@pytest.mark.parametrize("value", ["False", 0, "0", "no"])
def test_a_friend_is_accepted_unless_approve_is_false(napcat: Caller, value: Any) -> None:
    flag = napcat.simulator.friend_request(user=20009)["flag"]
    napcat.data("set_friend_add_request", flag=flag, approve=value)
    friends = napcat.data("get_friend_list")
    assert 20009 in [friend["user_id"] for friend in friends]
    assert "approve" in napcat.notes[0]
    assert "true" in napcat.notes[0]


def test_approve_false_in_a_query_of_requests_accepts(http: HttpCaller) -> None:
    flag = http.simulator.group_request(user=20009)["flag"]
    assert http.get(f"set_group_add_request?flag={flag}&approve=False")["status"] == "ok"
    members = http.data("get_group_member_list", group_id=GROUP)
    assert 20009 in [member["user_id"] for member in members]


@pytest.mark.parametrize("value", [1, "1", "True", "yes"])
def test_set_of_an_emoji_is_true_only_for_true(napcat: Caller, value: Any) -> None:
    said = napcat.simulator.send_group("hi")["message_id"]
    call = {"message_id": said, "emoji_id": "76"}
    napcat.data("set_msg_emoji_like", **call)
    assert napcat.data("get_msg", message_id=said)["emoji_likes_list"]
    napcat.data("set_msg_emoji_like", **call, set=value)
    assert napcat.data("get_msg", message_id=said)["emoji_likes_list"] == []


@pytest.mark.parametrize(
    ("value", "escaped"),
    [(True, True), ("true", True), ("True", False), ("1", False), (None, False), (0, False)],
)
def test_auto_escape_is_on_for_true_only(napcat: Caller, value: Any, escaped: bool) -> None:
    face = "[CQ:face,id=14]"
    sent = napcat.data("send_group_msg", group_id=GROUP, message=face, auto_escape=value)
    assert napcat.kinds(sent) == (["text"] if escaped else ["face"])


WHO = {"group_id": GROUP, "user_id": BOB}
NOTICE = {"group_id": GROUP, "content": "x"}


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("get_friend_list", {"no_cache": None}),
        ("get_group_list", {"no_cache": None}),
        ("get_group_member_list", {"group_id": GROUP, "no_cache": None}),
        ("get_group_member_info", {**WHO, "no_cache": None}),
        ("get_stranger_info", {"user_id": BOB, "no_cache": None}),
        ("get_group_msg_history", {"group_id": GROUP, "reverse_order": "yes"}),
        ("get_group_msg_history", {"group_id": GROUP, "reverseOrder": []}),
        ("get_friend_msg_history", {"user_id": ALICE, "disable_get_url": "on"}),
        ("get_friend_msg_history", {"user_id": ALICE, "parse_mult_msg": 2}),
        ("get_group_honor_info", {"group_id": GROUP, "type": "best"}),
        ("_send_group_notice", {**NOTICE, "pinned": None}),
        ("_send_group_notice", {**NOTICE, "type": [1]}),
        ("_send_group_notice", {**NOTICE, "confirm_required": {}}),
        ("set_group_kick_members", {**WHO, "reject_add_request": None}),
        ("set_qq_profile", {"nickname": "n", "sex": []}),
        ("set_group_whole_ban", {"group_id": GROUP, "enable": None}),
        ("set_group_whole_ban", {"group_id": [GROUP]}),
        ("set_group_ban", {**WHO, "duration": None}),
        ("get_group_info", {}),
        ("set_group_member_invite_policy", {"group_id": GROUP, "policy": "open"}),
        ("get_record", {"file": "x.amr"}),
        (".handle_quick_operation", {"context": {"time": 1}, "operation": {}}),
    ],
)
def test_what_napcats_check_refuses(napcat: Caller, action: str, params: Any) -> None:
    answer = napcat.call(action, **params)
    assert (answer["status"], answer["retcode"]) == ("failed", napcat.REFUSED), answer
    assert answer["data"] is None
    assert answer["echo"] == (None if napcat.REFUSED == 400 else "e")


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("set_group_kick_members", {**WHO}),
        ("set_group_ban", {**WHO, "duration": "60"}),
        ("set_group_ban", {**WHO, "duration": "soon"}),
        ("send_like", {"user_id": BOB, "times": "3"}),
        ("get_group_system_msg", {"count": "many"}),
        ("upload_file_stream", {"stream_id": "s", "total_chunks": "true"}),
        ("get_group_root_files", {"group_id": str(GROUP), "file_count": "5"}),
        ("get_group_list", {"no_cache": "maybe"}),
        ("_send_group_notice", {**NOTICE, "pinned": "1"}),
        ("get_group_honor_info", {"group_id": GROUP, "type": "performer"}),
        ("set_group_member_invite_policy", {"group_id": GROUP, "policy": "no_approval"}),
        ("set_group_member_permissions", {"group_id": GROUP, "allow_member_create_group": 1}),
        ("set_group_new_member_history_visibility", {"group_id": GROUP, "visible": "true"}),
        ("send_qzone_msg", {"content": "hi", "images": ["base64://eA=="]}),
        ("delete_qzone_msg", {"tid": 5}),
    ],
)
def test_what_napcats_check_takes(napcat: Caller, action: str, params: Any) -> None:
    answer = napcat.call(action, **params)
    assert answer["status"] == "ok", answer


def test_true_is_an_id_of_nobody(napcat: Caller) -> None:
    assert napcat.call("get_stranger_info", user_id=True)["retcode"] == napcat.FAILED


def test_a_group_request_takes_null_as_its_reason(napcat: Caller) -> None:
    flag = napcat.simulator.group_request(user=20009)["flag"]
    napcat.data("set_group_add_request", flag=flag, approve=False, reason=None)
    members = napcat.data("get_group_member_list", group_id=GROUP)
    assert 20009 not in [member["user_id"] for member in members]


@pytest.mark.parametrize("approve", [True, False])
def test_a_remark_is_set_after_a_refusal_too(napcat: Caller, approve: bool) -> None:
    flag = napcat.simulator.friend_request(user=20009)["flag"]
    napcat.data("set_friend_add_request", flag=flag, approve=approve, remark="from school")
    assert napcat.data("get_stranger_info", user_id=20009)["remark"] == "from school"


def test_no_duration_lifts_a_ban_and_is_told(napcat: Caller) -> None:
    napcat.data("set_group_ban", **WHO, duration=60)
    napcat.data("set_group_ban", **WHO)
    assert napcat.data("get_group_shut_list", group_id=GROUP) == []
    assert len(napcat.notes) == 1
    assert "no duration" in napcat.notes[0]


def test_napcats_words_come_first_and_the_hint_behind_them(napcat: Caller) -> None:
    missing = napcat.call("get_group_info")["message"]
    assert missing.startswith("Schema compilation error: Expected required property")
    assert "group_id" in missing
    wrong = napcat.call("get_group_info", group_id=None)
    assert wrong["message"].startswith("Schema compilation error: Expected string")
    assert wrong["wording"] == wrong["message"]


def test_unknown_actions_are_told_in_napcats_words(napcat: Caller) -> None:
    answer = napcat.call("get_mesg")
    word = "Api" if isinstance(napcat, HttpCaller) else "API"
    assert answer["retcode"] == napcat.UNKNOWN
    assert answer["message"].startswith(f"不支持的{word} get_mesg（")
    assert "did you mean get_msg?" in answer["message"]


def test_an_action_that_the_simulator_has_not_says_exactly_that(napcat: Caller) -> None:
    answer = napcat.call("get_ai_characters", group_id=GROUP)
    assert answer["retcode"] == napcat.FAILED
    assert "the simulator does not yet" in answer["message"]


@pytest.mark.parametrize("suffix", ["_async", "_rate_limited"])
def test_suffixes_of_asynchronous_calls_change_nothing(napcat: Caller, suffix: str) -> None:
    answer = napcat.call(f"get_login_info{suffix}")
    assert (answer["status"], answer["data"]["user_id"]) == ("ok", 10001)


def test_the_version_is_the_one_that_was_compared(napcat: Caller) -> None:
    assert napcat.data("get_version_info")["app_version"] == "4.18.19"
