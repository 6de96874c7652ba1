"""People and groups can be changed, with the rights that QQ asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import signature
from random import Random
from typing import Any

import pytest

from onebot_simple.simulator import Failure, Simulator

GROUP, BOT, ALICE, BOB, CAROL = 30001, 10001, 20001, 20002, 20003


@pytest.fixture
def qq() -> Iterator[Simulator]:
    with Simulator() as one:
        yield one


@pytest.fixture
def events(qq: Simulator) -> list[dict[str, Any]]:
    """Every event that happens."""
    happened: list[dict[str, Any]] = []
    qq.world.listeners.append(happened.append)
    return happened


def role(qq: Simulator, user: int, group: int = GROUP) -> str:
    return qq.world.groups[group].members[user].role


def test_each_deed_returns_the_event_it_caused(qq: Simulator) -> None:
    said = qq.send_group("hi", user=CAROL)
    assert (said["message_type"], said["user_id"], said["raw_message"]) == ("group", CAROL, "hi")
    assert qq.send_private("hi")["user_id"] == ALICE
    assert qq.poke()["target_id"] == BOT
    assert qq.recall(said["message_id"])["notice_type"] == "group_recall"
    assert qq.join(20004)["notice_type"] == "group_increase"
    assert qq.leave(20004)["sub_type"] == "leave"
    assert qq.mute(CAROL, 60, operator=BOB)["operator_id"] == BOB
    assert qq.kick(CAROL, operator=BOB)["sub_type"] == "kick"
    assert qq.friend_request()["request_type"] == "friend"
    assert qq.group_request()["sub_type"] == "add"
    assert qq.emit({"post_type": "notice", "notice_type": "mine"})["notice_type"] == "mine"


def test_people_and_groups_can_be_added_changed_and_removed(
    qq: Simulator, events: list[dict[str, Any]]
) -> None:
    qq.add_person(20010, "Dora", friend=True)
    assert qq.send_private("hi", user=20010)["sender"]["nickname"] == "Dora"
    qq.set_person(20010, "Dolly")
    assert qq.send_private("hi", user=20010)["sender"]["nickname"] == "Dolly"
    qq.add_group(30002, "Class", [20010, 20011])
    assert (role(qq, BOT, 30002), role(qq, 20010, 30002)) == ("owner", "member")
    qq.set_group(30002, "Course")
    assert (events[-1]["sub_type"], events[-1]["name_new"]) == ("group_name", "Course")
    assert qq.send_group("hi", user=20011, group=30002)["group_name"] == "Course"
    qq.add_group(30003, "Theirs", {ALICE: "owner", BOT: "admin"})
    assert (role(qq, BOT, 30003), role(qq, ALICE, 30003)) == ("admin", "owner")
    qq.remove_person(20010)
    assert (events[-1]["notice_type"], events[-1]["group_id"]) == ("group_decrease", 30002)
    qq.remove_group(30003)
    assert (events[-1]["sub_type"], events[-1]["user_id"]) == ("disband", BOT)


def test_roles_cards_titles_and_mutes_are_seen_in_what_people_say(
    qq: Simulator, events: list[dict[str, Any]]
) -> None:
    qq.set_role(CAROL, "admin")
    assert (events[-1]["notice_type"], events[-1]["sub_type"]) == ("group_admin", "set")
    qq.set_card(CAROL, "C.")
    assert (events[-1]["card_new"], events[-1]["card_old"]) == ("C.", "")
    qq.set_title(CAROL, "Dr")
    assert events[-1]["title"] == "Dr"
    sender = qq.send_group("hi", user=CAROL)["sender"]
    assert (sender["role"], sender["card"]) == ("admin", "C.")
    qq.mute_all()
    qq.send_group("admins may speak", user=CAROL)
    with pytest.raises(Failure, match="muted"):
        qq.send_group("nobody else", user=ALICE)
    qq.mute_all(False)
    qq.send_group("everybody again", user=ALICE)


def test_a_new_owner_makes_the_old_one_a_plain_member(qq: Simulator) -> None:
    qq.set_role(ALICE, "owner")
    assert (role(qq, ALICE), role(qq, BOT)) == ("owner", "member")


def test_bob_may_do_what_an_admin_may(qq: Simulator) -> None:
    of_carol, of_alice = qq.send_group("a", user=CAROL), qq.send_group("b", user=ALICE)
    assert qq.recall(of_carol["message_id"], operator=BOB)["operator_id"] == BOB
    qq.set_role(ALICE, "admin")
    with pytest.raises(Failure, match="may not recall"):
        qq.recall(of_alice["message_id"], operator=BOB)
    qq.recall(of_alice["message_id"])


@pytest.mark.parametrize(
    "deed",
    [
        lambda qq, mine: qq.recall(mine, operator=CAROL),
        lambda qq, mine: qq.kick(ALICE, operator=CAROL),
        lambda qq, mine: qq.mute(ALICE, 60, operator=CAROL),
        lambda qq, mine: qq.mute_all(operator=CAROL),
        lambda qq, mine: qq.set_card(ALICE, "x", operator=CAROL),
        lambda qq, mine: qq.set_title(ALICE, "x", operator=BOB),
        lambda qq, mine: qq.set_role(ALICE, "admin", operator=BOB),
        lambda qq, mine: qq.kick(BOT, operator=BOB),
        lambda qq, mine: qq.mute(BOT),
        lambda qq, mine: qq.recall(qq.send_private("x")["message_id"], operator=BOB),
    ],
)
def test_who_has_no_right_is_told_so_and_nothing_happens(
    qq: Simulator, events: list[dict[str, Any]], deed: Callable[[Simulator, int], None]
) -> None:
    mine = qq.send_group("of Alice", user=ALICE)["message_id"]
    del events[:]
    with pytest.raises(Failure):
        deed(qq, mine)
    assert [event for event in events if event["post_type"] == "notice"] == []


def test_who_left_can_do_nothing_and_can_be_brought_back_as_before(
    qq: Simulator, events: list[dict[str, Any]]
) -> None:
    of_carol = qq.send_group("hi", user=CAROL)["message_id"]
    of_bob = qq.send_group("hi", user=BOB)["message_id"]
    qq.set_card(BOB, "Bobby")
    qq.leave(BOB)
    deeds: list[Callable[[], object]] = [
        lambda: qq.recall(of_carol, operator=BOB),
        lambda: qq.recall(of_bob),
        lambda: qq.mute(CAROL, operator=BOB),
        lambda: qq.kick(CAROL, operator=BOB),
        lambda: qq.send_group("still here?", user=BOB),
        lambda: qq.poke(BOB),
    ]
    for deed in deeds:
        with pytest.raises(Failure, match=r"bring_back\(20002\)"):
            deed()
    qq.bring_back(BOB)
    assert (events[-1]["notice_type"], events[-1]["user_id"]) == ("group_increase", BOB)
    sender = qq.send_group("I am back", user=BOB)["sender"]
    assert (sender["role"], sender["card"]) == ("admin", "Bobby")
    with pytest.raises(Failure, match="already"):
        qq.bring_back(BOB)
    with pytest.raises(Failure, match="never left"):
        qq.bring_back(29999)


def test_who_comes_back_is_not_muted_and_takes_the_group_from_nobody(qq: Simulator) -> None:
    qq.mute(CAROL, 600)
    qq.leave(CAROL)
    qq.bring_back(CAROL)
    qq.send_group("I can speak", user=CAROL)
    qq.set_role(ALICE, "owner")
    qq.remove_person(ALICE)
    qq.add_person(ALICE, "Alice")
    with pytest.raises(Failure, match="never left"):
        qq.bring_back(ALICE)
    qq.set_role(BOB, "owner")
    qq.world.groups[GROUP].let_go(BOB)
    qq.set_role(CAROL, "owner")
    qq.bring_back(BOB)
    assert (role(qq, BOB), role(qq, CAROL)) == ("member", "owner")


def test_where_no_operator_is_named_a_person_does_it_if_one_may(qq: Simulator) -> None:
    assert qq.mute(CAROL)["operator_id"] == BOB
    assert qq.mute(BOB)["operator_id"] == BOT


def test_when_all_have_left_there_is_a_sentence(qq: Simulator) -> None:
    for user in (ALICE, BOB, CAROL):
        qq.leave(user)
    with pytest.raises(Failure, match="has left|not in group"):
        qq.send_group("anybody?", user=BOB)
    qq.set_role(BOT, "owner")
    qq.world.groups[GROUP].let_go(BOT)
    with pytest.raises(Failure, match="Nobody is left"):
        qq.send_group("anybody?", user=BOB)
    for user in (BOT, BOB):
        qq.bring_back(user)
    qq.send_group("here we are", user=BOB)


def test_the_bot_itself_can_be_removed_and_come_back(
    qq: Simulator, events: list[dict[str, Any]]
) -> None:
    qq.set_role(ALICE, "owner")
    assert qq.kick(BOT, operator=ALICE)["sub_type"] == "kick_me"
    with pytest.raises(Failure, match=r"bring_back\(10001\)"):
        qq.send_group("gone?", user=BOB)
    qq.bring_back(BOT)
    assert (events[-1]["sub_type"], events[-1]["user_id"]) == ("invite", BOT)
    qq.send_group("welcome", user=BOB)


def test_an_owner_stays_until_there_is_another(qq: Simulator) -> None:
    qq.set_role(ALICE, "owner")
    with pytest.raises(Failure, match="owner"):
        qq.leave(ALICE)
    with pytest.raises(Failure, match="owner"):
        qq.set_role(ALICE, "member")
    qq.set_role(BOT, "owner")
    qq.leave(ALICE)


def test_reset_is_the_start_again_but_no_id_comes_twice(qq: Simulator) -> None:
    before = qq.send_group("hi")["message_id"]
    qq.leave(BOB)
    qq.set_card(CAROL, "C.")
    qq.add_group(30002, "Class", [ALICE])
    qq.reset()
    assert (role(qq, BOB), set(qq.world.groups)) == ("admin", {GROUP})
    after = qq.send_group("hi", user=CAROL)
    assert after["sender"]["card"] == ""
    assert after["message_id"] != before


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda qq: qq.send_group("hi", user="Bob"), "user (is|must be) an int"),
        (lambda qq: qq.send_group("hi", user=True), "user (is|must be) an int"),
        (lambda qq: qq.send_group("hi", user=29999), "not in group"),
        (lambda qq: qq.send_group("hi", group=30009), "no group 30009"),
        (lambda qq: qq.send_group([]), "empty"),
        (lambda qq: qq.send_group([{"type": "imgae", "data": {}}]), "did you mean 'image'"),
        (lambda qq: qq.send_group({"type": "image"}), "A segment is"),
        (lambda qq: qq.send_group(5), "A segment is"),
        (lambda qq: qq.recall(5), "no message 5"),
        (lambda qq: qq.recall("5"), "message_id (is|must be) an int"),
        (lambda qq: qq.mute(CAROL, -1), "at least 0"),
        (lambda qq: qq.set_role(CAROL, "boss"), "owner, admin or member"),
        (lambda qq: qq.set_role(CAROL, []), "owner, admin or member"),
        (lambda qq: qq.add_group(30002, "Class", ALICE), "a list of user ids"),
        (lambda qq: qq.add_group(30002, "Class", {ALICE: "boss"}), "owner, admin or member"),
        (lambda qq: qq.join(20004, 5), "nickname must be a str"),
        (lambda qq: qq.friend_request(comment=None), "comment must be a str"),
        (lambda qq: qq.set_card(CAROL, None), "must be a str"),
        (lambda qq: qq.add_person(ALICE, "Again"), "set_person"),
        (lambda qq: qq.set_person(29999, "Nobody"), "add_person"),
        (lambda qq: qq.remove_person(BOT), "cannot be removed"),
        (lambda qq: qq.add_group(GROUP, "Again"), "set_group"),
        (lambda qq: qq.add_group(30002, "Two", {ALICE: "owner", BOB: "owner"}), "one owner"),
        (lambda qq: qq.add_group(30002, "None", {BOT: "admin"}), "one owner"),
        (lambda qq: qq.remove_group(30009), "no group 30009"),
        (lambda qq: qq.join(BOB), "already"),
        (lambda qq: qq.group_request(BOB), "already"),
        (lambda qq: qq.group_request(sub_type="ask"), "add or invite"),
        (lambda qq: qq.emit({"notice_type": "x"}), "post_type"),
        (lambda qq: qq.emit({"post_type": "notice", "x": object()}), "JSON"),
    ],
)
def test_what_is_not_valid_gets_a_sentence_in_both_languages(
    qq: Simulator, events: list[dict[str, Any]], deed: Callable[[Simulator], None], words: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        deed(qq)
    assert any("一" <= letter <= "鿿" for letter in str(caught.value))
    assert events == []


NONSENSE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    5,
    ALICE,
    BOT,
    GROUP,
    30002,
    "x",
    "",
    [],
    {},
    1.5,
    2**60,
    b"x",
)
DEEDS = """
    send_group send_private poke recall join leave kick mute mute_all friend_request group_request
    emit replay_lines add_person set_person remove_person add_group set_group remove_group set_role
    set_card set_title bring_back answer fail delay swallow refuse_token heartbeat send_raw
"""


@pytest.mark.parametrize("name", DEEDS.split())
def test_any_nonsense_is_done_or_gets_a_sentence(qq: Simulator, name: str) -> None:
    deed, chance = getattr(qq, name), Random(name)
    takes = [one for one in signature(deed).parameters.values() if one.kind < one.VAR_POSITIONAL]
    least = sum(one.default is one.empty for one in takes)
    for _ in range(200):
        values = chance.choices(NONSENSE, k=chance.randint(least, len(takes)))
        try:
            deed(*values)
        except (ValueError, TypeError) as error:
            assert any("一" <= letter <= "鿿" for letter in str(error)), (values, error)
