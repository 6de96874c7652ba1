"""What an event is called, whose it is, where it belongs, and which command it holds."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest

from onebot_simple import segment
from onebot_simple.event import (
    chat_of,
    command_of,
    conversation_of,
    event_line,
    is_by_account,
    name_of,
    speaker_key,
    user_of,
)

from .peers import connect_event, message

GUILD = {
    "post_type": "message",
    "message_type": "guild",
    "sub_type": "channel",
    "self_id": 10001,
    "guild_id": "50001",
    "channel_id": "60001",
    "user_id": "144115218000020001",
}


def poke(**more: Any) -> dict[str, Any]:
    return {
        "post_type": "notice",
        "notice_type": "notify",
        "sub_type": "poke",
        "self_id": 10001,
        **more,
    }


def key(user_id: Any) -> Any:
    event = {"post_type": "message", "message_type": "private", "self_id": 99, "user_id": user_id}
    return conversation_of(event), speaker_key(event)


@pytest.mark.parametrize("same", [(7, "7"), (10**17, str(10**17)), ("a", "a"), (7.0, 7)])
def test_a_number_and_its_digits_are_the_same_id(same: tuple[Any, Any]) -> None:
    assert key(same[0]) == key(same[1])


@pytest.mark.parametrize(
    "other", [True, "+7", " 7 ", "7_0", "７", "7.0", -7, None, [], {}, math.inf, math.nan]
)
def test_nothing_else_is(other: Any) -> None:
    assert key(other) not in (key(7), key(70), key(1))


def test_no_ids_make_the_search_for_a_conversation_slow() -> None:
    modulus = 2**61 - 1  # numbers that differ by it have the same hash
    began = time.thread_time()
    keys = {key(number * modulus) for number in range(1, 20_000)}
    keys |= {key(str(number * modulus)) for number in range(1, 20_000)}
    assert len(keys) == 19_999
    assert time.thread_time() - began < 2  # minutes, if they did


# -- whose it is, and where it belongs --


@pytest.mark.parametrize(
    ("event", "chat"),
    [
        (message(group_id=30001), ("group", "30001")),
        (message(), ("user", "20002")),
        (message(sub_type="group", group_id=0), ("user", "20002")),
        ({**message(), "sub_type": "group", "group_id": 284840486}, ("user", "20002")),
        (GUILD, ("guild", "50001", "60001")),
        (poke(user_id=20002, target_id=10001), ("user", "20002")),
        (poke(user_id=20002, target_id=10001, group_id=30001), ("group", "30001")),
        (poke(sub_type="profile_like", operator_id=20003), ("user", "20003")),
        (
            poke(notice_type="online_file_send", sub_type="receive", peer_id=20004),
            ("user", "20004"),
        ),
        # of what the account did itself, the other side
        (poke(user_id=10001, target_id=20002), ("user", "20002")),
        (poke(user_id=20002, sender_id=10001, target_id=20002), ("user", "20002")),
        (
            {**message(user_id=10001, target_id=20002), "post_type": "message_sent"},
            ("user", "20002"),
        ),
        (message(user_id=10001, target_id=20002), ("user", "20002")),
    ],
)
def test_an_event_belongs_to_its_group_else_to_the_user_at_the_other_end(
    event: Any, chat: tuple[str, ...]
) -> None:
    assert chat_of(event) == chat


def test_nobody_is_at_the_other_end_of_a_deed_of_the_account_that_names_nobody() -> None:
    assert user_of(message(user_id=10001)) is None
    assert user_of(connect_event()) is None


def test_all_of_a_group_is_one_conversation_and_meta_events_another() -> None:
    said = conversation_of(message(group_id=30001))
    assert said == conversation_of(
        {**message(user_id=7), "message_type": "group", "group_id": "30001"}
    )
    assert said == conversation_of({"post_type": "notice", "self_id": 10001, "group_id": 30001})
    assert said == conversation_of({"post_type": "request", "self_id": "10001", "group_id": 30001})
    assert said != conversation_of(connect_event())
    of_no_chat = {"post_type": "notice", "notice_type": "client_status", "self_id": 10001}
    assert conversation_of(of_no_chat) != conversation_of(connect_event())
    assert said != conversation_of(message(group_id=30001, self_id=10002))
    assert said != conversation_of(message(group_id=30002))


def test_two_channels_of_a_guild_are_two_chats() -> None:
    other = {**GUILD, "channel_id": "60002"}
    assert speaker_key(GUILD) != speaker_key(other)
    assert conversation_of(GUILD) != conversation_of(other)


@pytest.mark.parametrize(
    "event",
    [
        message(user_id=10001),
        {**message(group_id=30001), "user_id": "10001"},
        {**message(), "post_type": "message_sent"},
        poke(user_id=10001, target_id=20002, group_id=30001),
        poke(user_id=20002, sender_id=10001, target_id=20002),
    ],
)
def test_what_the_account_says_and_pokes_is_its_own_deed(event: Any) -> None:
    assert is_by_account(event, name_of(event))


@pytest.mark.parametrize(
    "event",
    [
        message(),
        poke(user_id=20002, target_id=10001),
        poke(user_id=10001, sender_id=20002, target_id=10001),
        {"post_type": "notice", "notice_type": "group_ban", "user_id": 10001, "self_id": 10001},
    ],
)
def test_what_others_do_to_the_account_is_theirs(event: Any) -> None:
    assert not is_by_account(event, name_of(event))


def test_what_the_account_said_is_called_message_sent_however_it_is_reported() -> None:
    assert name_of(message(user_id=10001)) == "message_sent.private.friend"
    assert name_of(message()) == "message.private.friend"


def test_in_a_guild_the_account_has_another_id_as_well() -> None:
    own = GUILD | {"user_id": "144115218", "self_tiny_id": "144115218"}
    assert name_of(own) == "message_sent.guild.channel"
    assert name_of(own | {"user_id": "144115219"}) == "message.guild.channel"
    said = {"message": "[CQ:at,qq=144115218] /hello"}
    assert command_of(own | said, ("/",)) == ("hello", "")


@pytest.mark.parametrize("own", [10001.0, "10001"])
def test_the_own_number_is_known_however_it_is_written(own: Any) -> None:
    assert name_of(message("hi", user_id=own)).startswith("message_sent.")


def test_each_anonymous_member_is_somebody_else_though_they_share_a_user_id() -> None:
    one, other = (
        message("hi", group_id=1, user_id=80000000, anonymous={"id": number, "name": "x"})
        for number in (1, 2)
    )
    assert speaker_key(one) != speaker_key(other)
    assert speaker_key(one) == speaker_key(dict(one))


# -- commands --


def at(qq: object) -> Any:
    return segment.at(str(qq))


@pytest.mark.parametrize(
    "before",
    [
        [],
        ["  \n\u3000"],
        ["\u200b\ufeff\u2060\u061c\ufff9\U000e0041"],
        [at(10001), " "],
        [at(10001), "\u200b", at(10001), " "],
        [segment.reply(5)],
        [segment.reply(5), at(20002), " "],
        [segment.reply(5), " ", at(20002), " "],
        [segment.reply(5), at(20002), " ", at(10001), " \u200d"],
        [at(10001), segment.reply(5), " "],
    ],
)
def test_what_nobody_sees_a_quotation_and_an_at_may_stand_before_a_command(before: Any) -> None:
    said = segment.to_list([*before, "/essence  a b "])
    assert command_of(message(said), ("/",)) == ("essence", "a b")


@pytest.mark.parametrize(
    "said",
    [
        ["hi /essence"],
        [at(20002), " /essence"],
        [at("all"), " /essence"],
        [segment.reply(5), at(20002), at(20003), "/essence"],
        [segment.image("a.png"), "/essence"],
        ["/ essence"],
        ["/"],
        ["/\u3000essence"],
        [],
    ],
)
def test_anything_else_before_the_word_makes_it_no_command(said: Any) -> None:
    assert command_of(message(segment.to_list(said)), ("/",)) is None


@pytest.mark.parametrize("space", [" ", "\n", "\u3000", "\t", "\u00a0"])
def test_any_white_space_ends_the_word_and_arguments_stay_as_typed(space: str) -> None:
    said = segment.to_list([f"/天气{space}北京　ＡＢ，／!"])
    assert command_of(message(said), ("/",)) == ("天气", "北京　ＡＢ，／!")


@pytest.mark.parametrize(
    ("said", "command"),
    [
        (["/", "天气 b"], ("天气", "b")),
        (["/天", "气 b"], ("天气", "b")),
        (["/天气", segment.image("a.png"), "北京"], ("天气", "北京")),
        (["/天气", at(20002), " 10"], ("天气", "10")),
        (["/天气", segment.image("a.png")], ("天气", "")),
        (["/天气 a", segment.image("a.png"), "b "], ("天气", "ab")),
    ],
)
def test_texts_that_follow_each_other_are_one_and_any_other_segment_ends_the_word(
    said: Any, command: tuple[str, str]
) -> None:
    assert command_of(message(segment.to_list(said)), ("/",)) == command


def test_no_number_of_empty_texts_makes_the_search_for_a_command_slow() -> None:
    said = segment.to_list([""] * 20_000 + ["/hello"])
    began = time.thread_time()
    assert command_of(message(said), ("/",)) == ("hello", "")
    assert time.thread_time() - began < 2


def test_a_full_width_sign_is_the_same_as_its_ascii_one() -> None:
    assert command_of(message("／hello"), ("/",)) == ("hello", "")
    assert command_of(message("！hello x"), ("!", "/")) == ("hello", "x")


def test_of_several_prefixes_the_longest_counts() -> None:
    assert command_of(message("//hello"), ("//", "/")) == ("hello", "")
    assert command_of(message("/hello"), ("//", "/", "")) == ("hello", "")
    assert command_of(message("hello"), ("/", "")) == ("hello", "")


def test_a_command_in_cq_text_is_found_too() -> None:
    said = message("x", message="[CQ:at,qq=10001] /add 1 &amp; 2")
    assert command_of(said, ("/",)) == ("add", "1 & 2")


# -- its line --


def test_a_line_names_the_chat_and_the_words_and_is_printable() -> None:
    event = message("hi", group_id=30001, raw_message="hi\\n\\x1b[31m")
    assert event_line(event) == (
        "message.group.normal group_id=30001 user_id=20002 Ann: hi\\n\\x1b[31m"
    )


@pytest.mark.parametrize("broken", [[], {}, None, 5, "x" * 10_000])
def test_a_line_bears_whatever_a_peer_sends(broken: Any) -> None:
    event = dict.fromkeys(("sender", "raw_message", "user_id", "group_id", "message"), broken)
    for post_type in ("message", "notice", "request", "meta_event", "other"):
        assert len(event_line({**event, "post_type": post_type})) < 1000
        conversation_of({**event, "post_type": post_type})
        speaker_key({**event, "post_type": post_type})
