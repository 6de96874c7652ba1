"""Names that a test writes, checked early: a misspelt one would otherwise wait in vain."""

from __future__ import annotations

import difflib
from typing import Any

from .action_names import NAPCAT_ACTIONS, base_name

# of the standard, go-cqhttp and other implementations; a bot may call them, NapCat refuses them
OTHER_ACTIONS = frozenset(
    """
.get_word_slices .join_friend_emoji_chain .join_group_emoji_chain .send_packet
_delete_group_notice batch_delete_group_member create_group_album create_guild_role
delete_group_album delete_group_file_folder delete_guild_role delete_unidirectional_friend
download_flash_file fetch_mface_key get_config get_event get_flash_file_download_urls
get_flash_file_info get_group_album_list get_group_requests get_guild_channel_list
get_guild_member_list get_guild_member_profile get_guild_meta_by_guest get_guild_msg
get_guild_roles get_music_ark get_profile_like_count get_profile_like_me get_qq_avatar
get_recommend_face get_supported_actions get_topic_channel_feeds get_updates llonebot_debug
qidian_get_account_info reload_event_filter rename_group_file_folder reshare_flash_file
scan_qrcode send_group_bot_callback send_guild_channel_msg send_pb set_config set_friend_category
set_group_anonymous set_group_anonymous_ban set_group_bot_status set_group_file_forever
set_group_msg_mask set_group_reaction set_guild_member_role unset_msg_emoji_like update_guild_role
upload_flash_file upload_group_album upload_image voice_msg_to_text
""".split()
)
SEGMENTS = frozenset(
    """
text at face image record video file share contact location music reply forward node json xml
markdown mface rps dice shake poke anonymous miniapp onlinefile flashtransfer
""".split()
)


def checked_action(name: Any) -> str:
    """The name, if anybody knows such an action."""
    known = NAPCAT_ACTIONS | OTHER_ACTIONS
    if isinstance(name, str) and base_name(name) in known:
        return name
    raise ValueError(_unknown("动作", "action", name, known))


def checked_segment(segment: Any) -> dict[str, Any]:
    """The segment, if it is one: {"type": a known name, "data": a dict}."""
    if (
        not isinstance(segment, dict)
        or not isinstance(segment.get("type"), str)
        or not isinstance(segment.get("data"), dict)
    ):
        raise TypeError(
            f'消息段要写成 {{"type": ..., "data": {{...}}}}，不能是 {segment!r}。'
            f' A segment is {{"type": ..., "data": {{...}}}}, not {segment!r}.'
        )
    if segment["type"] not in SEGMENTS:
        raise ValueError(_unknown("消息段", "segment", segment["type"], SEGMENTS))
    return segment


def checked_number(value: Any, name: str) -> int:
    """The id of a person, a group or a message."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(
            f"{name} 要是整数，不能是 {value!r}。 {name} must be an int, not {value!r}."
        )
    if not -(2**53) < value < 2**53 or (value <= 0 and name != "message_id"):
        raise ValueError(f"{name} 不能是 {value}。 {name} cannot be {value}.")
    return value


def checked_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} 要是文字，不能是 {value!r}。 {name} must be a str, not {value!r}.")
    return value


def checked_count(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(
            f"{name} 要是整数，不能是 {value!r}。 {name} must be an int, not {value!r}."
        )
    if value < 1:
        raise ValueError(f"{name} 至少是 1，不能是 {value}。 {name} is at least 1, not {value}.")
    return value


def checked_seconds(value: Any, name: str) -> float:
    """A span of time; 0 is one, too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(
            f"{name} 是秒数，不能是 {value!r}。 {name} is a number of seconds, not {value!r}."
        )
    if not 0 <= value < 1e6:
        raise ValueError(f"{name} 不能是 {value} 秒。 {name} cannot be {value} seconds.")
    return value


def _unknown(what: str, english: str, name: Any, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(str(name)[:100], known, n=1)
    meant = f"是不是想写 {close[0]!r}？" if close else ""
    did_you_mean = f", did you mean {close[0]!r}?" if close else "."
    return f"没有叫 {name!r} 的{what}。{meant} Unknown {english} {name!r}{did_you_mean}"
