"""NapCat 和 go-cqhttp 在标准之外的动作，每个动作一个方法。

The actions of NapCat and go-cqhttp beyond the standard, a method each.

A method is named as its action, without a leading dot or underscore. Where an action has one
parameter in two spellings (reverse_order, reverseOrder), the method has one of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

from ..segment import Message
from .arguments import checked, one_of

if TYPE_CHECKING:
    from .. import typed

# mypy: disable-error-code="no-any-return"
# what a result holds is known from the documentation, not from call_action()

Id = int | str
Source = str | bytes | PathLike[str]


@checked
class ExtendedActions(ABC):
    """标准之外的动作；HttpClient 和每一种机器人都有。

    The actions beyond the standard; HttpClient and every kind of bot have them.

    "NapCat" and "go-cqhttp" say who has them. What is required comes first and needs no name; the
    rest is written by name. A parameter that is None is not sent.
    """

    @abstractmethod
    def call_action(self, action: str, /, **params: Any) -> Any:
        """按名字调用一个动作。

        Calls an action by its name.
        """

    @abstractmethod
    def stream_action(self, action: str, /, **params: Any) -> Iterator[dict[str, Any]]:
        """按名字调用一个流式动作。

        Calls a streaming action by its name.
        """

    # -- 消息 / messages ----------

    def mark_all_as_read(self) -> Any:
        """把所有聊天标为已读。

        Marks every chat as read.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("_mark_all_as_read")

    def get_group_msg_history(
        self,
        group_id: Id,
        *,
        message_seq: Id | None = None,
        count: int | None = None,
        reverse_order: bool | None = None,
        disable_get_url: bool | None = None,
        parse_mult_msg: bool | None = None,
        quick_reply: bool | None = None,
    ) -> typed.MessageHistory:
        """群聊的历史消息。

        Earlier messages of a group.

        message_seq: the message_id of the message to begin at; without it, the latest. count: how
        many, 20 in NapCat. reverse_order: the other direction in time. disable_get_url: without
        the links of pictures and files. parse_mult_msg: with the content of merged forwards.
        quick_reply: without looking up what replies quote.
        Returns {"messages"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "get_group_msg_history",
            group_id=group_id,
            message_seq=message_seq,
            count=count,
            reverse_order=reverse_order,
            disable_get_url=disable_get_url,
            parse_mult_msg=parse_mult_msg,
            quick_reply=quick_reply,
        )

    def get_friend_msg_history(
        self,
        user_id: Id,
        *,
        message_seq: Id | None = None,
        count: int | None = None,
        reverse_order: bool | None = None,
        disable_get_url: bool | None = None,
        parse_mult_msg: bool | None = None,
        quick_reply: bool | None = None,
    ) -> typed.MessageHistory:
        """私聊的历史消息。

        Earlier messages of a private chat.

        message_seq: the message_id of the message to begin at; without it, the latest. count: how
        many, 20 in NapCat. reverse_order: the other direction in time. disable_get_url: without
        the links of pictures and files. parse_mult_msg: with the content of merged forwards.
        quick_reply: without looking up what replies quote.
        Returns {"messages"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "get_friend_msg_history",
            user_id=user_id,
            message_seq=message_seq,
            count=count,
            reverse_order=reverse_order,
            disable_get_url=disable_get_url,
            parse_mult_msg=parse_mult_msg,
            quick_reply=quick_reply,
        )

    def mark_msg_as_read(
        self, *, group_id: Id | None = None, user_id: Id | None = None, message_id: Id | None = None
    ) -> Any:
        """把一条消息或一个聊天标为已读。

        Marks a message or a chat as read.

        Give one of message_id, group_id, user_id.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        one_of("mark_msg_as_read", message_id=message_id, group_id=group_id, user_id=user_id)
        return self.call_action(
            "mark_msg_as_read", group_id=group_id, user_id=user_id, message_id=message_id
        )

    def mark_group_msg_as_read(
        self, *, group_id: Id | None = None, user_id: Id | None = None, message_id: Id | None = None
    ) -> Any:
        """把一个群标为已读。

        Marks the chat of a group as read.

        Give group_id or message_id.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("mark_group_msg_as_read", message_id=message_id, group_id=group_id)
        return self.call_action(
            "mark_group_msg_as_read", group_id=group_id, user_id=user_id, message_id=message_id
        )

    def mark_private_msg_as_read(
        self, *, group_id: Id | None = None, user_id: Id | None = None, message_id: Id | None = None
    ) -> Any:
        """把一个私聊标为已读。

        Marks a private chat as read.

        Give user_id or message_id.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("mark_private_msg_as_read", message_id=message_id, user_id=user_id)
        return self.call_action(
            "mark_private_msg_as_read", group_id=group_id, user_id=user_id, message_id=message_id
        )

    def send_forward_msg(
        self,
        messages: list[dict[str, Any]],
        *,
        group_id: Id | None = None,
        user_id: Id | None = None,
        message_type: Literal["private", "group"] | None = None,
        source: str | None = None,
        news: list[dict[str, Any]] | None = None,
        summary: str | None = None,
        prompt: str | None = None,
        timeout: int | None = None,
    ) -> typed.SentMessage:
        """发合并转发，给人或给群。

        Sends a merged forward to a user or a group.

        Give group_id or user_id; message_type ("private" or "group") decides when both are given.
        messages: nodes, see ``segment.node()`` and ``segment.node_custom()``. source, news
        ([{"text": str}, ...]), summary, prompt: the words on the card. timeout: milliseconds.
        Returns {"message_id"}, and "res_id", "forward_id" where it has them. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        one_of("send_forward_msg", user_id=user_id, group_id=group_id)
        return self.call_action(
            "send_forward_msg",
            messages=messages,
            group_id=group_id,
            user_id=user_id,
            message_type=message_type,
            source=source,
            news=news,
            summary=summary,
            prompt=prompt,
            timeout=timeout,
        )

    def send_group_forward_msg(
        self,
        group_id: Id,
        messages: list[dict[str, Any]],
        *,
        source: str | None = None,
        news: list[dict[str, Any]] | None = None,
        summary: str | None = None,
        prompt: str | None = None,
        timeout: int | None = None,
    ) -> typed.SentMessage:
        """向群发合并转发。

        Sends a merged forward to a group.

        messages: nodes, see ``segment.node()`` and ``segment.node_custom()``. source, news
        ([{"text": str}, ...]), summary, prompt: the words on the card. timeout: milliseconds.
        Returns {"message_id"}, and "res_id", "forward_id" where it has them. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "send_group_forward_msg",
            group_id=group_id,
            messages=messages,
            source=source,
            news=news,
            summary=summary,
            prompt=prompt,
            timeout=timeout,
        )

    def send_private_forward_msg(
        self,
        user_id: Id,
        messages: list[dict[str, Any]],
        *,
        group_id: Id | None = None,
        source: str | None = None,
        news: list[dict[str, Any]] | None = None,
        summary: str | None = None,
        prompt: str | None = None,
        timeout: int | None = None,
    ) -> typed.SentMessage:
        """向一个人发合并转发。

        Sends a merged forward to a user.

        group_id: the group through which a stranger is reached (NapCat). messages: nodes, see
        ``segment.node()`` and ``segment.node_custom()``. source, news ([{"text": str}, ...]),
        summary, prompt: the words on the card. timeout: milliseconds.
        Returns {"message_id"}, and "res_id", "forward_id" where it has them. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "send_private_forward_msg",
            user_id=user_id,
            messages=messages,
            group_id=group_id,
            source=source,
            news=news,
            summary=summary,
            prompt=prompt,
            timeout=timeout,
        )

    def fetch_emoji_like(
        self,
        message_id: Id,
        emojiId: Id,
        emojiType: Id,
        *,
        count: int | None = None,
        cookie: str | None = None,
    ) -> typed.EmojiLikes:
        """谁用某个表情回应了一条消息。

        Who reacted to a message with an emoji.

        emojiId, emojiType: the number and the kind of the emoji. count: how many people, 20 in
        NapCat. cookie: from the page before.
        Returns {"emojiLikesList", "cookie", "isLastPage", "isFirstPage", "result", "errMsg"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "fetch_emoji_like",
            message_id=message_id,
            emojiId=emojiId,
            emojiType=emojiType,
            count=count,
            cookie=cookie,
        )

    def get_emoji_likes(
        self,
        message_id: Id,
        emoji_id: Id,
        *,
        group_id: Id | None = None,
        emoji_type: str | None = None,
        count: int | None = None,
    ) -> typed.EmojiLikers:
        """一条消息的表情回应。

        The reactions to a message.

        emoji_id, emoji_type: the number and the kind of the emoji. count: how many people at most;
        0 is all.
        Returns {"emoji_like_list"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "get_emoji_likes",
            message_id=message_id,
            emoji_id=emoji_id,
            group_id=group_id,
            emoji_type=emoji_type,
            count=count,
        )

    def set_msg_emoji_like(self, message_id: Id, emoji_id: Id, *, set: bool | None = None) -> Any:
        """用表情回应一条消息，或者取消。

        Reacts to a message with an emoji, or takes that back.

        emoji_id: its number, such as 76. set: False takes it back.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_msg_emoji_like", message_id=message_id, emoji_id=emoji_id, set=set
        )

    def fetch_ptt_text(self, message_id: Id) -> typed.VoiceText:
        """语音转文字。

        The words of a voice message.

        Returns {"text"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("fetch_ptt_text", message_id=message_id)

    def get_recent_contact(self, *, count: int | None = None) -> list[typed.RecentContact]:
        """最近的聊天。

        The latest chats.

        count: how many, 10 in NapCat.
        Returns [{"peerUin", "peerName", "chatType", "lastestMsg", ...}]. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_recent_contact", count=count)

    def forward_friend_single_msg(
        self, message_id: Id, *, group_id: Id | None = None, user_id: Id | None = None
    ) -> Any:
        """把一条消息转发给一个人。

        Forwards a message to a user.

        user_id: to whom.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("forward_friend_single_msg", user_id=user_id, group_id=group_id)
        return self.call_action(
            "forward_friend_single_msg", message_id=message_id, group_id=group_id, user_id=user_id
        )

    def forward_group_single_msg(
        self, message_id: Id, *, group_id: Id | None = None, user_id: Id | None = None
    ) -> Any:
        """把一条消息转发到群。

        Forwards a message to a group.

        group_id: to which group.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("forward_group_single_msg", group_id=group_id, user_id=user_id)
        return self.call_action(
            "forward_group_single_msg", message_id=message_id, group_id=group_id, user_id=user_id
        )

    # -- 群 / groups ----------

    def del_group_notice(self, group_id: Id, notice_id: str) -> Any:
        """删除一条群公告。

        Deletes an announcement of a group.

        notice_id: from get_group_notice.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("_del_group_notice", group_id=group_id, notice_id=notice_id)

    def get_group_notice(self, group_id: Id) -> list[typed.GroupNotice]:
        """群公告列表。

        The announcements of a group.

        Returns [{"notice_id", "sender_id", "publish_time", "message"}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("_get_group_notice", group_id=group_id)

    def send_group_notice(
        self,
        group_id: Id,
        content: str,
        *,
        image: Source | None = None,
        pinned: int | None = None,
        type: int | None = None,
        confirm_required: int | None = None,
        is_show_edit_card: int | None = None,
        tip_window_type: int | None = None,
    ) -> Any:
        """发一条群公告。

        Posts an announcement in a group.

        image: a picture (str, pathlib.Path or bytes). pinned, confirm_required, is_show_edit_card,
        tip_window_type: 1 or 0. type: the kind of announcement, 1 in NapCat.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "_send_group_notice",
            group_id=group_id,
            content=content,
            image=image,
            pinned=pinned,
            type=type,
            confirm_required=confirm_required,
            is_show_edit_card=is_show_edit_card,
            tip_window_type=tip_window_type,
        )

    def delete_essence_msg(
        self,
        message_id: Id | None = None,
        *,
        group_id: Id | None = None,
        msg_seq: str | None = None,
        msg_random: str | None = None,
    ) -> Any:
        """取消一条精华消息。

        Takes a message out of the highlights of a group.

        message_id; or msg_seq, msg_random and group_id, from get_essence_msg_list.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        one_of("delete_essence_msg", message_id=message_id, msg_seq=msg_seq)
        return self.call_action(
            "delete_essence_msg",
            message_id=message_id,
            group_id=group_id,
            msg_seq=msg_seq,
            msg_random=msg_random,
        )

    def set_essence_msg(self, message_id: Id) -> Any:
        """把一条消息设为精华。

        Puts a message into the highlights of a group.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("set_essence_msg", message_id=message_id)

    def get_essence_msg_list(self, group_id: Id) -> list[typed.EssenceMessage]:
        """精华消息列表。

        The highlights of a group.

        Returns [{"message_id", "sender_id", "operator_id", "content", ...}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_essence_msg_list", group_id=group_id)

    def get_group_at_all_remain(self, group_id: Id) -> typed.AtAllRemain:
        """还能 @全体成员 几次。

        How often everybody may still be called with @.

        Returns {"can_at_all", "remain_at_all_count_for_group", "remain_at_all_count_for_uin"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_group_at_all_remain", group_id=group_id)

    def get_group_system_msg(self, *, count: int | None = None) -> typed.GroupSystemMessages:
        """还没处理的加群请求和邀请。

        Requests and invitations that wait for an answer.

        count: how many, 50 in NapCat.
        Returns {"invited_requests", "InvitedRequest", "join_requests"}. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_group_system_msg", count=count)

    def send_group_sign(self, group_id: Id) -> Any:
        """在群里打卡。

        Checks in to a group.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("send_group_sign", group_id=group_id)

    def set_group_sign(self, group_id: Id) -> Any:
        """在群里打卡（同 send_group_sign）。

        Checks in to a group, as send_group_sign does.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_group_sign", group_id=group_id)

    def set_group_portrait(
        self, group_id: Id, file: Source, *, cache: str | None = None
    ) -> typed.OperationResult:
        """换群头像。

        Changes the picture of a group.

        file: a str (URL, base64://..., a path on OneBot's machine), a pathlib.Path or bytes.
        cache: "1" uses a copy that go-cqhttp keeps.
        Returns {"result", "errMsg"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("set_group_portrait", group_id=group_id, file=file, cache=cache)

    def set_group_todo(
        self, group_id: Id, *, message_id: Id | None = None, message_seq: Id | None = None
    ) -> Any:
        """把一条消息设为群待办。

        Makes a message a to-do of the group.

        Give message_id or message_seq.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("set_group_todo", message_id=message_id, message_seq=message_seq)
        return self.call_action(
            "set_group_todo", group_id=group_id, message_id=message_id, message_seq=message_seq
        )

    def complete_group_todo(
        self, group_id: Id, *, message_id: Id | None = None, message_seq: Id | None = None
    ) -> Any:
        """完成一个群待办。

        Completes a to-do of the group.

        Give message_id or message_seq.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("complete_group_todo", message_id=message_id, message_seq=message_seq)
        return self.call_action(
            "complete_group_todo", group_id=group_id, message_id=message_id, message_seq=message_seq
        )

    def cancel_group_todo(
        self, group_id: Id, *, message_id: Id | None = None, message_seq: Id | None = None
    ) -> Any:
        """取消一个群待办。

        Withdraws a to-do of the group.

        Give message_id or message_seq.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("cancel_group_todo", message_id=message_id, message_seq=message_seq)
        return self.call_action(
            "cancel_group_todo", group_id=group_id, message_id=message_id, message_seq=message_seq
        )

    def get_group_detail_info(self, group_id: Id) -> typed.GroupInfo:
        """一个群的详细资料。

        Detailed data of a group.

        Returns {"group_id", "group_name", "member_count", "max_member_count", ...}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_group_detail_info", group_id=group_id)

    def get_group_info_ex(self, group_id: Id) -> Any:
        """一个群的更多资料。

        Further data of a group.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_group_info_ex", group_id=group_id)

    def set_group_kick_members(
        self, group_id: Id, user_id: list[Id], *, reject_add_request: bool | None = None
    ) -> Any:
        """一次踢出好几个人。

        Removes several members at once.

        user_id: a list of members. reject_add_request: also refuse all later requests to join.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_kick_members",
            group_id=group_id,
            user_id=user_id,
            reject_add_request=reject_add_request,
        )

    def set_group_add_option(
        self,
        group_id: Id,
        add_type: int,
        *,
        group_question: str | None = None,
        group_answer: str | None = None,
    ) -> Any:
        """设置怎样加群。

        Sets how people may join a group.

        add_type: a number of QQ. group_question, group_answer: what is asked, and the right
        answer.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_add_option",
            group_id=group_id,
            add_type=add_type,
            group_question=group_question,
            group_answer=group_answer,
        )

    def set_group_robot_add_option(
        self,
        group_id: Id,
        *,
        robot_member_switch: int | None = None,
        robot_member_examine: int | None = None,
    ) -> Any:
        """设置怎样往群里加机器人。

        Sets how bots may be added to a group.

        robot_member_switch, robot_member_examine: numbers of QQ.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_robot_add_option",
            group_id=group_id,
            robot_member_switch=robot_member_switch,
            robot_member_examine=robot_member_examine,
        )

    def set_group_search(
        self,
        group_id: Id,
        *,
        no_code_finger_open: int | None = None,
        no_finger_open: int | None = None,
    ) -> Any:
        """设置群能不能被搜到。

        Sets whether a group can be found.

        no_code_finger_open, no_finger_open: numbers of QQ.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_search",
            group_id=group_id,
            no_code_finger_open=no_code_finger_open,
            no_finger_open=no_finger_open,
        )

    def set_group_remark(self, group_id: Id, remark: str) -> Any:
        """给群写一个只有自己看到的备注。

        Sets a private note for a group.

        remark: the note; "" removes it.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_group_remark", group_id=group_id, remark=remark)

    def set_group_member_invite_policy(
        self,
        group_id: Id,
        policy: Literal["disabled", "require_approval", "no_approval", "no_approval_under_100"],
    ) -> Any:
        """设置群成员能不能邀请别人。

        Sets whether members may invite others.

        policy: "disabled", "require_approval", "no_approval" or "no_approval_under_100" (members).
        Since NapCat 4.18.14.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_group_member_invite_policy", group_id=group_id, policy=policy)

    def set_group_member_permissions(
        self,
        group_id: Id,
        *,
        allow_member_upload_album: bool | None = None,
        allow_member_temporary_session: bool | None = None,
        allow_member_create_group: bool | None = None,
    ) -> Any:
        """设置群成员可以做什么。

        Sets what members may do.

        Each True or False: uploading to albums, private chats with members, creating groups. What
        is not given stays as it is. Since NapCat 4.18.14.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_member_permissions",
            group_id=group_id,
            allow_member_upload_album=allow_member_upload_album,
            allow_member_temporary_session=allow_member_temporary_session,
            allow_member_create_group=allow_member_create_group,
        )

    def set_group_new_member_history_visibility(self, group_id: Id, visible: bool) -> Any:
        """设置新人能不能看到以前的消息。

        Sets whether newcomers see earlier messages.

        visible: True or False. Since NapCat 4.18.14.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_new_member_history_visibility", group_id=group_id, visible=visible
        )

    def get_group_shut_list(self, group_id: Id) -> Any:
        """群里被禁言的人。

        The muted members of a group.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_group_shut_list", group_id=group_id)

    def get_group_ignored_notifies(self) -> typed.GroupSystemMessages:
        """被忽略的群通知。

        The group notices that were ignored.

        Returns {"invited_requests", "InvitedRequest", "join_requests"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_group_ignored_notifies")

    def get_group_ignore_add_request(self) -> list[typed.PendingRequest]:
        """被过滤的加群请求。

        The requests to join that were filtered.

        Returns [{"request_id", "group_id", "message", ...}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_group_ignore_add_request")

    def get_group_signed_list(self, group_id: Id) -> list[typed.SignedIn]:
        """今天谁打卡了。

        Who checked in to the group today.

        Returns [{"user_id", "nick", "time", "rank"}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_group_signed_list", group_id=group_id)

    def group_poke(self, group_id: Id, user_id: Id, *, target_id: Id | None = None) -> Any:
        """在群里戳一个人。

        Pokes a member of a group.

        target_id: whom to poke, in place of user_id (NapCat).
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "group_poke", group_id=group_id, user_id=user_id, target_id=target_id
        )

    def send_group_ai_record(self, group_id: Id, character: str, text: str) -> typed.AiRecord:
        """向群发 AI 语音。

        Sends a text to a group in an AI voice.

        character: the character_id from get_ai_characters.
        Returns {"message_id"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "send_group_ai_record", group_id=group_id, character=character, text=text
        )

    # -- 好友 / friends ----------

    def delete_friend(
        self, user_id: Id, *, temp_block: bool | None = None, temp_both_del: bool | None = None
    ) -> Any:
        """删除一个好友。

        Removes a friend.

        temp_block: also block the person. temp_both_del: for both sides.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "delete_friend", user_id=user_id, temp_block=temp_block, temp_both_del=temp_both_del
        )

    def delete_unidirectional_friend(self, user_id: Id) -> Any:
        """删除一个单向好友。

        Removes a one-way friend.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("delete_unidirectional_friend", user_id=user_id)

    def get_unidirectional_friend_list(self) -> list[typed.UnidirectionalFriend]:
        """单向好友列表。

        The one-way friends.

        Returns [{"uin", "uid", "nick_name", "age", "source"}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_unidirectional_friend_list")

    def set_doubt_friends_add_request(self, flag: str, *, approve: bool | None = None) -> Any:
        """处理一个被过滤的好友请求。

        Answers a friend request that was filtered.

        flag: from get_doubt_friends_add_request. approve: True or False.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_doubt_friends_add_request", flag=flag, approve=approve)

    def get_doubt_friends_add_request(self, *, count: int | None = None) -> Any:
        """被过滤的好友请求。

        The friend requests that were filtered.

        count: how many, 50 in NapCat.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_doubt_friends_add_request", count=count)

    def set_friend_remark(self, user_id: Id, remark: str) -> Any:
        """给好友写备注。

        Sets a private note for a friend.

        remark: the note; "" removes it.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_friend_remark", user_id=user_id, remark=remark)

    def get_friends_with_category(self) -> list[typed.FriendCategory]:
        """按分组列出好友。

        The friends, by category.

        Returns [{"categoryId", "categoryName", "buddyList": [friends]}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_friends_with_category")

    def set_input_status(self, user_id: Id, event_type: int) -> Any:
        """对一个人显示“正在输入”。

        Shows a user that the bot is typing.

        event_type: 1 is typing, 0 is speaking.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_input_status", user_id=user_id, event_type=event_type)

    def nc_get_user_status(self, user_id: Id) -> typed.UserStatus:
        """一个人的在线状态。

        The online status of a user.

        Returns {"status", "ext_status"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("nc_get_user_status", user_id=user_id)

    def friend_poke(self, user_id: Id, *, target_id: Id | None = None) -> Any:
        """在私聊里戳一个人。

        Pokes a friend.

        target_id: whom to poke in this chat, in place of user_id (NapCat).
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("friend_poke", user_id=user_id, target_id=target_id)

    # -- 文件 / files ----------

    def create_group_file_folder(
        self, group_id: Id, name: str, *, parent_id: str | None = None
    ) -> typed.CreatedFolder:
        """在群文件里新建文件夹。

        Creates a folder in the files of a group.

        name: of the folder. parent_id: of the folder around it (go-cqhttp); "/" is the top.
        Returns {"result", "groupItem"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "create_group_file_folder", group_id=group_id, name=name, parent_id=parent_id
        )

    def delete_group_file(self, group_id: Id, file_id: str, *, busid: int | None = None) -> Any:
        """删除一个群文件。

        Deletes a file of a group.

        file_id: from get_group_root_files. busid: from there, too (go-cqhttp).
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "delete_group_file", group_id=group_id, file_id=file_id, busid=busid
        )

    def delete_group_folder(self, group_id: Id, folder_id: str) -> Any:
        """删除一个群文件夹。

        Deletes a folder of a group.

        folder_id: from get_group_root_files.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("delete_group_folder", group_id=group_id, folder_id=folder_id)

    def get_group_file_system_info(self, group_id: Id) -> typed.GroupFileSystem:
        """群文件的数量和空间。

        Number and space of the files of a group.

        Returns {"file_count", "limit_count", "used_space", "total_space"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_group_file_system_info", group_id=group_id)

    def get_group_file_url(
        self, group_id: Id, file_id: str, *, busid: int | None = None
    ) -> typed.FileUrl:
        """一个群文件的下载链接。

        The download link of a group file.

        file_id: from get_group_root_files. busid: from there, too (go-cqhttp).
        Returns {"url"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "get_group_file_url", group_id=group_id, file_id=file_id, busid=busid
        )

    def get_group_files_by_folder(
        self, group_id: Id, *, folder_id: str | None = None, file_count: int | None = None
    ) -> typed.GroupFiles:
        """群文件夹里的文件。

        The files in a folder of a group.

        folder_id: from get_group_root_files; without it, the top. file_count: how many, 50 in
        NapCat.
        Returns {"files", "folders"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "get_group_files_by_folder",
            group_id=group_id,
            folder_id=folder_id,
            file_count=file_count,
        )

    def get_group_root_files(
        self, group_id: Id, *, file_count: int | None = None
    ) -> typed.GroupFiles:
        """群文件的根目录。

        The files and folders at the top of a group.

        file_count: how many, 50 in NapCat.
        Returns {"files", "folders"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_group_root_files", group_id=group_id, file_count=file_count)

    def upload_group_file(
        self,
        group_id: Id,
        file: Source,
        name: str,
        *,
        folder: str | None = None,
        folder_id: str | None = None,
        upload_file: bool | None = None,
    ) -> typed.SentFile:
        """上传一个群文件。

        Uploads a file to a group.

        file: a str (URL, base64://..., a path on OneBot's machine), a pathlib.Path or bytes. name:
        what it is called there. folder, folder_id: where to put it; the top without.
        Returns {"file_id"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "upload_group_file",
            group_id=group_id,
            file=file,
            name=name,
            folder=folder,
            folder_id=folder_id,
            upload_file=upload_file,
        )

    def upload_private_file(
        self, user_id: Id, file: Source, name: str, *, upload_file: bool | None = None
    ) -> typed.SentFile:
        """给一个人发文件。

        Sends a file to a user.

        file: a str (URL, base64://..., a path on OneBot's machine), a pathlib.Path or bytes. name:
        what it is called there.
        Returns {"file_id"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "upload_private_file", user_id=user_id, file=file, name=name, upload_file=upload_file
        )

    def get_file(self, file: str | None = None, *, file_id: str | None = None) -> typed.FileInfo:
        """取一个收到的文件。

        Fetches a file that was received.

        file: from the data of the segment; file_id: instead.
        Returns {"file", "url", "file_size", "file_name", "base64"}. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat。
        """
        one_of("get_file", file=file, file_id=file_id)
        return self.call_action("get_file", file=file, file_id=file_id)

    def move_group_file(
        self,
        group_id: Id,
        file_id: str,
        current_parent_directory: str,
        target_parent_directory: str,
    ) -> typed.MovedFile:
        """移动一个群文件。

        Moves a file of a group.

        current_parent_directory, target_parent_directory: ids of folders; "/" is the top.
        Returns {"ok"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "move_group_file",
            group_id=group_id,
            file_id=file_id,
            current_parent_directory=current_parent_directory,
            target_parent_directory=target_parent_directory,
        )

    def rename_group_file(
        self, group_id: Id, file_id: str, current_parent_directory: str, new_name: str
    ) -> typed.MovedFile:
        """给群文件改名。

        Renames a file of a group.

        current_parent_directory: the id of its folder; "/" is the top.
        Returns {"ok"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "rename_group_file",
            group_id=group_id,
            file_id=file_id,
            current_parent_directory=current_parent_directory,
            new_name=new_name,
        )

    def trans_group_file(self, group_id: Id, file_id: str) -> typed.MovedFile:
        """转存一个群文件，让它不过期。

        Stores a file of a group for good.

        Returns {"ok"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("trans_group_file", group_id=group_id, file_id=file_id)

    def get_private_file_url(self, file_id: str) -> typed.FileUrl:
        """一个私聊文件的下载链接。

        The download link of a private file.

        file_id: from the data of the segment.
        Returns {"url"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_private_file_url", file_id=file_id)

    # -- 流式传输 / streams ----------

    def clean_stream_temp_file(self) -> Any:
        """清理流式传输的临时文件。

        Deletes the temporary files of streams.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("clean_stream_temp_file")

    def download_file_stream(
        self, file: str | None = None, *, file_id: str | None = None, chunk_size: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """分块下载一个文件。

        Downloads a file in pieces.

        file: from the data of the segment; file_id: instead. chunk_size: bytes, 65536 in NapCat.
        Yields the frames' data: file_info, file_chunk (base64) ..., file_complete. Errors:
        ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("download_file_stream", file=file, file_id=file_id)
        return self.stream_action(
            "download_file_stream", file=file, file_id=file_id, chunk_size=chunk_size
        )

    def download_file_record_stream(
        self,
        file: str | None = None,
        *,
        file_id: str | None = None,
        chunk_size: int | None = None,
        out_format: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """分块下载一段语音，可以转换格式。

        Downloads a voice message in pieces, converted if wanted.

        file: from the data of the segment; file_id: instead. chunk_size: bytes, 65536 in NapCat.
        out_format: mp3, amr, wma, m4a, spx, ogg, wav or flac.
        Yields the frames' data: file_info, file_chunk (base64) ..., file_complete. Errors:
        ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("download_file_record_stream", file=file, file_id=file_id)
        return self.stream_action(
            "download_file_record_stream",
            file=file,
            file_id=file_id,
            chunk_size=chunk_size,
            out_format=out_format,
        )

    def download_file_image_stream(
        self, file: str | None = None, *, file_id: str | None = None, chunk_size: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """分块下载一张图片。

        Downloads a picture in pieces.

        file: from the data of the segment; file_id: instead. chunk_size: bytes, 65536 in NapCat.
        Yields the frames' data: file_info, file_chunk (base64) ..., file_complete. Errors:
        ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("download_file_image_stream", file=file, file_id=file_id)
        return self.stream_action(
            "download_file_image_stream", file=file, file_id=file_id, chunk_size=chunk_size
        )

    def upload_file_stream(
        self,
        stream_id: str,
        *,
        chunk_data: str | None = None,
        chunk_index: int | None = None,
        total_chunks: int | None = None,
        file_size: int | None = None,
        expected_sha256: str | None = None,
        is_complete: bool | None = None,
        filename: str | None = None,
        reset: bool | None = None,
        verify_only: bool | None = None,
        file_retention: int | None = None,
    ) -> typed.UploadProgress:
        """上传一个文件的一块。

        Uploads one piece of a file.

        ``upload_file()`` does all of this. stream_id: chosen by the caller. chunk_data: base64;
        chunk_index: from 0. total_chunks, file_size (bytes), expected_sha256, filename: with the
        first piece. is_complete: all pieces are there. verify_only: only asks which are. reset:
        gives up. file_retention: milliseconds that the file is kept, 300000 in NapCat.
        Returns {"type", "stream_id", "status", "received_chunks", ...}. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "upload_file_stream",
            stream_id=stream_id,
            chunk_data=chunk_data,
            chunk_index=chunk_index,
            total_chunks=total_chunks,
            file_size=file_size,
            expected_sha256=expected_sha256,
            is_complete=is_complete,
            filename=filename,
            reset=reset,
            verify_only=verify_only,
            file_retention=file_retention,
        )

    def test_download_stream(self, *, error: bool | None = None) -> Iterator[dict[str, Any]]:
        """试一试流式动作：给出十帧。

        Tries streaming out: ten frames.

        error: True lets it fail in the end.
        Yields the frames' data: file_info, file_chunk (base64) ..., file_complete. Errors:
        ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.stream_action("test_download_stream", error=error)

    # -- 群相册 / group albums ----------

    def del_group_album_media(self, group_id: Id, album_id: str, lloc: str) -> Any:
        """删除群相册里的一项。

        Deletes an item of a group album.

        album_id: from get_qun_album_list. lloc: of the item, from get_group_album_media_list.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "del_group_album_media", group_id=group_id, album_id=album_id, lloc=lloc
        )

    def set_group_album_media_like(
        self, group_id: Id, album_id: str, batch_id: str, *, lloc: str | None = None
    ) -> Any:
        """给群相册里的一项点赞。

        Likes an item of a group album.

        album_id: from get_qun_album_list. batch_id, lloc: of the item, from
        get_group_album_media_list.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_group_album_media_like",
            group_id=group_id,
            album_id=album_id,
            batch_id=batch_id,
            lloc=lloc,
        )

    def cancel_group_album_media_like(
        self, group_id: Id, album_id: str, batch_id: str, *, lloc: str | None = None
    ) -> Any:
        """取消对群相册里一项的赞。

        Takes back the like of an item of a group album.

        album_id: from get_qun_album_list. batch_id, lloc: of the item, from
        get_group_album_media_list.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "cancel_group_album_media_like",
            group_id=group_id,
            album_id=album_id,
            batch_id=batch_id,
            lloc=lloc,
        )

    def do_group_album_comment(self, group_id: Id, album_id: str, lloc: str, content: str) -> Any:
        """评论群相册里的一项。

        Comments on an item of a group album.

        album_id: from get_qun_album_list. lloc: of the item, from get_group_album_media_list.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "do_group_album_comment",
            group_id=group_id,
            album_id=album_id,
            lloc=lloc,
            content=content,
        )

    def get_group_album_media_list(
        self, group_id: Id, album_id: str, *, attach_info: str | None = None
    ) -> Any:
        """一个群相册里有什么。

        The items of a group album.

        album_id: from get_qun_album_list. attach_info: from the page before.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "get_group_album_media_list",
            group_id=group_id,
            album_id=album_id,
            attach_info=attach_info,
        )

    def get_qun_album_list(
        self, group_id: Id, *, attach_info: str | None = None
    ) -> typed.AlbumList:
        """群相册列表。

        The albums of a group.

        attach_info: from the page before.
        Returns {"album_list", "attach_info", "has_more"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_qun_album_list", group_id=group_id, attach_info=attach_info)

    def upload_image_to_qun_album(
        self, group_id: Id, album_id: str, album_name: str, file: Source
    ) -> Any:
        """向群相册上传一张图片。

        Uploads a picture to a group album.

        album_id, album_name: from get_qun_album_list. file: a str (URL, base64://..., a path on
        OneBot's machine), a pathlib.Path or bytes.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "upload_image_to_qun_album",
            group_id=group_id,
            album_id=album_id,
            album_name=album_name,
            file=file,
        )

    # -- 闪传 / flash transfers ----------

    def create_flash_task(
        self, files: str | list[str], *, name: str | None = None, thumb_path: str | None = None
    ) -> Any:
        """新建一次闪传。

        Begins a flash transfer.

        files: a path or several, on OneBot's machine. name: of the transfer. thumb_path: a picture
        for it.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("create_flash_task", files=files, name=name, thumb_path=thumb_path)

    def send_flash_msg(
        self, fileset_id: str, *, group_id: Id | None = None, user_id: Id | None = None
    ) -> Any:
        """把闪传发给人或群。

        Sends a flash transfer to a user or a group.

        fileset_id: of the flash transfer. Give group_id or user_id.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("send_flash_msg", group_id=group_id, user_id=user_id)
        return self.call_action(
            "send_flash_msg", fileset_id=fileset_id, group_id=group_id, user_id=user_id
        )

    def get_flash_file_list(self, fileset_id: str) -> Any:
        """闪传里有哪些文件。

        The files of a flash transfer.

        fileset_id: of the flash transfer.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_flash_file_list", fileset_id=fileset_id)

    def get_flash_file_url(
        self, fileset_id: str, *, file_name: str | None = None, file_index: int | None = None
    ) -> Any:
        """闪传里一个文件的链接。

        The link of a file of a flash transfer.

        fileset_id: of the flash transfer. file_name or file_index (from 0): which file.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "get_flash_file_url", fileset_id=fileset_id, file_name=file_name, file_index=file_index
        )

    def get_share_link(self, fileset_id: str) -> Any:
        """闪传的分享链接。

        The share link of a flash transfer.

        fileset_id: of the flash transfer.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_share_link", fileset_id=fileset_id)

    def get_fileset_info(self, fileset_id: str) -> Any:
        """闪传的资料。

        The data of a flash transfer.

        fileset_id: of the flash transfer.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_fileset_info", fileset_id=fileset_id)

    def get_fileset_id(self, share_code: str) -> typed.FilesetId:
        """分享码对应的闪传编号。

        The id of the flash transfer that a share code stands for.

        share_code: of the link, or the whole link.
        Returns {"fileset_id"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_fileset_id", share_code=share_code)

    def download_fileset(self, fileset_id: str) -> Any:
        """下载一次闪传。

        Downloads a flash transfer.

        fileset_id: of the flash transfer.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("download_fileset", fileset_id=fileset_id)

    # -- 在线文件 / online files ----------

    def get_online_file_msg(self, user_id: Id) -> Any:
        """等待接收的在线文件。

        The online files that wait to be received.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_online_file_msg", user_id=user_id)

    def send_online_file(self, user_id: Id, file_path: str, *, file_name: str | None = None) -> Any:
        """给一个人直接传文件。

        Sends a file to a user directly.

        file_path: on OneBot's machine. file_name: what it is called there.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "send_online_file", user_id=user_id, file_path=file_path, file_name=file_name
        )

    def send_online_folder(
        self, user_id: Id, folder_path: str, *, folder_name: str | None = None
    ) -> Any:
        """给一个人直接传文件夹。

        Sends a folder to a user directly.

        folder_path: on OneBot's machine. folder_name: what it is called there.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "send_online_folder", user_id=user_id, folder_path=folder_path, folder_name=folder_name
        )

    def receive_online_file(self, user_id: Id, msg_id: str, element_id: str) -> Any:
        """接收一个在线文件。

        Accepts an online file.

        msg_id, element_id: from the segment onlinefile.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "receive_online_file", user_id=user_id, msg_id=msg_id, element_id=element_id
        )

    def refuse_online_file(self, user_id: Id, msg_id: str, element_id: str) -> Any:
        """拒绝一个在线文件。

        Declines an online file.

        msg_id, element_id: from the segment onlinefile.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "refuse_online_file", user_id=user_id, msg_id=msg_id, element_id=element_id
        )

    def cancel_online_file(self, user_id: Id, msg_id: str) -> Any:
        """取消发送在线文件。

        Cancels an online file.

        msg_id: of the message with the file.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("cancel_online_file", user_id=user_id, msg_id=msg_id)

    # -- 账号 / the account ----------

    def get_model_show(self, *, model: str | None = None) -> list[typed.ModelVariants]:
        """可以显示的机型。

        The phone models that can be shown.

        model: the phone.
        Returns [{"variants": {...}}]. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("_get_model_show", model=model)

    def set_model_show(self, model: str, model_show: str) -> Any:
        """设置显示的机型。

        Sets the phone model that is shown.

        model, model_show: from get_model_show.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("_set_model_show", model=model, model_show=model_show)

    def get_online_clients(self, *, no_cache: bool | None = None) -> Any:
        """账号还登录在哪些设备上。

        The other devices on which the account is logged in.

        no_cache: ask the server again (go-cqhttp).
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_online_clients", no_cache=no_cache)

    def qidian_get_account_info(self) -> typed.QidianAccount:
        """企点账号的资料。

        The data of a Qidian account.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("qidian_get_account_info")

    def set_qq_profile(
        self,
        nickname: str,
        *,
        personal_note: str | None = None,
        sex: Id | None = None,
        company: str | None = None,
        email: str | None = None,
        college: str | None = None,
    ) -> Any:
        """修改机器人自己的资料。

        Edits the bot's own profile.

        personal_note: the signature line. sex: a number of QQ. company, email, college: only
        go-cqhttp.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action(
            "set_qq_profile",
            nickname=nickname,
            personal_note=personal_note,
            sex=sex,
            company=company,
            email=email,
            college=college,
        )

    def get_rkey(self) -> list[typed.Rkey]:
        """下载媒体文件用的密钥。

        The keys with which media are downloaded.

        Returns [{"type", "rkey", "created_at", "ttl"}].
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_rkey")

    def nc_get_rkey(self) -> Any:
        """下载媒体文件用的密钥（旧名字）。

        The keys with which media are downloaded; an older name.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("nc_get_rkey")

    def get_rkey_server(self) -> typed.RkeyServer:
        """给密钥服务器用的数据。

        What a shared key server needs.

        Returns {"private_rkey", "group_rkey", "expired_time", "name"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_rkey_server")

    def get_clientkey(self) -> typed.ClientKey:
        """登录网页用的 clientkey（不要给别人看）。

        The account's client key; keep it to yourself.

        Returns {"clientkey"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_clientkey")

    def get_robot_uin_range(self) -> Any:
        """官方机器人的号码范围。

        The ranges of numbers that official bots have.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_robot_uin_range")

    def create_collection(self, rawData: str, brief: str) -> Any:
        """新建一条收藏。

        Adds something to the favourites.

        rawData: the content. brief: the title.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("create_collection", rawData=rawData, brief=brief)

    def get_collection_list(self, category: str, *, count: int | None = None) -> Any:
        """收藏列表。

        The favourites.

        category: "0" is all. count: how many, 50 in NapCat.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_collection_list", category=category, count=count)

    def set_self_longnick(self, longNick: str) -> Any:
        """设置个性签名。

        Sets the bot's signature line.

        longNick: the words.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_self_longnick", longNick=longNick)

    def set_qq_avatar(self, file: Source) -> Any:
        """换机器人的头像。

        Changes the bot's picture.

        file: a str (URL, base64://..., a path on OneBot's machine), a pathlib.Path or bytes.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("set_qq_avatar", file=file)

    def set_online_status(self, status: int, ext_status: int, battery_status: int) -> Any:
        """设置在线状态。

        Sets the online status.

        status, ext_status: from NapCat's table, such as 10 and 0 for online. battery_status:
        percent.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_online_status", status=status, ext_status=ext_status, battery_status=battery_status
        )

    def set_diy_online_status(
        self, face_id: Id, *, face_type: Id | None = None, wording: str | None = None
    ) -> str:
        """设置自定义在线状态。

        Sets an online status of one's own.

        face_id: the number of a QQ face. wording: the words beside it.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_diy_online_status", face_id=face_id, face_type=face_type, wording=wording
        )

    def get_profile_like(
        self, *, user_id: Id | None = None, start: int | None = None, count: int | None = None
    ) -> typed.ProfileLikes:
        """谁给名片点了赞。

        Who liked a profile.

        user_id: whose; without it, the bot's. start: how many to leave out. count: how many, 10 in
        NapCat.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_profile_like", user_id=user_id, start=start, count=count)

    def fetch_custom_face(self, *, count: int | None = None) -> list[str]:
        """收藏的表情。

        The favourite stickers.

        count: how many, 48 in NapCat.
        Returns a list of links. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("fetch_custom_face", count=count)

    def fetch_custom_face_detail(self, *, count: int | None = None) -> Any:
        """收藏的表情，带详细资料。

        The favourite stickers with their data.

        count: how many, 48 in NapCat.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("fetch_custom_face_detail", count=count)

    def add_custom_face(
        self,
        file: str,
        *,
        emoji_id: Id | None = None,
        package_id: Id | None = None,
        file_name: str | None = None,
        file_size: Id | None = None,
        md5: str | None = None,
        is_mark_face: bool | None = None,
        is_origin: bool | None = None,
    ) -> Any:
        """收藏一个表情。

        Adds a favourite sticker.

        file: a path on OneBot's machine. The rest is found out by NapCat when it is not given.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "add_custom_face",
            file=file,
            emoji_id=emoji_id,
            package_id=package_id,
            file_name=file_name,
            file_size=file_size,
            md5=md5,
            is_mark_face=is_mark_face,
            is_origin=is_origin,
        )

    def delete_custom_face(self, res_id: str | list[str]) -> Any:
        """删除收藏的表情。

        Deletes favourite stickers.

        res_id: one or several, from fetch_custom_face_detail.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("delete_custom_face", res_id=res_id)

    def set_custom_face_desc(self, emoji_id: Id, res_id: str, md5: str, desc: str) -> Any:
        """给收藏的表情写说明。

        Describes a favourite sticker.

        emoji_id, res_id, md5: from fetch_custom_face_detail. desc: the words.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "set_custom_face_desc", emoji_id=emoji_id, res_id=res_id, md5=md5, desc=desc
        )

    # -- 频道 / guilds ----------

    def create_guild_role(
        self,
        guild_id: Id,
        name: str,
        color: int,
        initial_users: Any,
        *,
        independent: bool | None = None,
    ) -> Any:
        """频道：新建身份组。

        Guild: creates a role.

        color: a number (ARGB). initial_users: a list of members.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action(
            "create_guild_role",
            guild_id=guild_id,
            name=name,
            color=color,
            initial_users=initial_users,
            independent=independent,
        )

    def delete_guild_role(self, guild_id: Id, role_id: Id) -> Any:
        """频道：删除身份组。

        Guild: deletes a role.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("delete_guild_role", guild_id=guild_id, role_id=role_id)

    def update_guild_role(
        self, guild_id: Id, role_id: Id, name: str, color: int, *, indepedent: bool | None = None
    ) -> Any:
        """频道：修改身份组。

        Guild: edits a role.

        color: a number (ARGB). indepedent: spelled so in go-cqhttp.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action(
            "update_guild_role",
            guild_id=guild_id,
            role_id=role_id,
            name=name,
            color=color,
            indepedent=indepedent,
        )

    def set_guild_member_role(
        self, guild_id: Id, role_id: Id, users: Any, *, set: bool | None = None
    ) -> Any:
        """频道：给成员加上或去掉身份组。

        Guild: gives a role to members or takes it away.

        users: a list of members. set: True gives the role; without it, it is taken away.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action(
            "set_guild_member_role", guild_id=guild_id, role_id=role_id, users=users, set=set
        )

    def get_guild_roles(self, guild_id: Id) -> Any:
        """频道：身份组列表。

        Guild: the roles.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_guild_roles", guild_id=guild_id)

    def get_guild_list(self) -> Any:
        """频道：加入了哪些频道。

        Guild: the guilds that were joined.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_guild_list")

    def get_guild_channel_list(self, guild_id: Id, *, no_cache: bool | None = None) -> Any:
        """频道：子频道列表。

        Guild: the channels.

        no_cache: ask the server again.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_guild_channel_list", guild_id=guild_id, no_cache=no_cache)

    def get_guild_member_list(self, guild_id: Id, *, next_token: str | None = None) -> Any:
        """频道：成员列表，一页一页。

        Guild: the members, page by page.

        next_token: from the page before.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_guild_member_list", guild_id=guild_id, next_token=next_token)

    def get_guild_member_profile(self, guild_id: Id, user_id: Id) -> Any:
        """频道：一个成员的资料。

        Guild: the profile of a member.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_guild_member_profile", guild_id=guild_id, user_id=user_id)

    def get_guild_meta_by_guest(self, guild_id: Id) -> Any:
        """频道：公开的资料。

        Guild: what guests may know.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_guild_meta_by_guest", guild_id=guild_id)

    def get_guild_msg(self, message_id: Id, *, no_cache: bool | None = None) -> Any:
        """频道：按编号取消息。

        Guild: fetches a message by its id.

        no_cache: ask the server again.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_guild_msg", message_id=message_id, no_cache=no_cache)

    def get_guild_service_profile(self) -> Any:
        """频道：机器人自己的资料。

        Guild: the bot's own profile.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("get_guild_service_profile")

    def get_topic_channel_feeds(self, guild_id: Id, channel_id: Id) -> Any:
        """频道：话题子频道的帖子。

        Guild: the posts of a topic channel.

        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_topic_channel_feeds", guild_id=guild_id, channel_id=channel_id)

    def send_guild_channel_msg(
        self, guild_id: Id, channel_id: Id, message: Message, *, auto_escape: bool | None = None
    ) -> Any:
        """频道：向子频道发消息。

        Guild: sends a message to a channel.

        message: a str (CQ codes are understood), a segment or a list of them. auto_escape: take a
        str as plain text.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action(
            "send_guild_channel_msg",
            guild_id=guild_id,
            channel_id=channel_id,
            message=message,
            auto_escape=auto_escape,
        )

    # -- OneBot 自己 / OneBot itself ----------

    def get_supported_actions(self) -> list[str]:
        """对方支持的所有动作。

        The names of all actions that are supported.

        Returns a list of names.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_supported_actions")

    def get_updates(self, *, limit: int | None = None, timeout: int | None = None) -> Any:
        """用长轮询取事件（go-cqhttp 的 HTTP）。

        Polls for events, on go-cqhttp's HTTP server.

        limit: how many events at most; 0 is all. timeout: seconds to wait for one.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("get_updates", limit=limit, timeout=timeout)

    def reload_event_filter(self, file: str) -> Any:
        """重新读取事件过滤规则。

        Reads the event filter again.

        file: its path on OneBot's machine.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action("reload_event_filter", file=file)

    def nc_get_packet_status(self) -> Any:
        """NapCat 的发包后端能不能用。

        Whether NapCat's packet backend works.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("nc_get_packet_status")

    def bot_exit(self) -> Any:
        """让 OneBot 退出（不会有回答）。

        Ends OneBot; no answer comes.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("bot_exit")

    # -- 其他 / other ----------

    def get_word_slices(self, content: str) -> typed.WordSlices:
        """把一句中文切成词。

        Splits a Chinese text into words.

        Returns {"slices": [str]}.
        Errors: ActionFailed, NetworkError.
        来源 Source: go-cqhttp。
        """
        return self.call_action(".get_word_slices", content=content)

    def ocr_image(self, image: Source) -> Any:
        """识别图片里的文字。

        Reads the text in a picture.

        image: a str (URL, base64://..., a path on OneBot's machine), a pathlib.Path or bytes. The
        action .ocr_image does the same. NapCat can do it on Windows only.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("ocr_image", image=image)

    def check_url_safely(self, url: str) -> typed.UrlSafety:
        """查一个网址是否安全。

        Asks whether a link is safe.

        Returns {"level"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat, go-cqhttp。
        """
        return self.call_action("check_url_safely", url=url)

    def ArkShareGroup(self, group_id: Id) -> str:
        """分享群的卡片（旧名字）。

        A card that shares a group; an older name.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("ArkShareGroup", group_id=group_id)

    def ArkSharePeer(
        self,
        *,
        group_id: Id | None = None,
        user_id: Id | None = None,
        phone_number: str | None = None,
    ) -> Any:
        """分享联系人的卡片（旧名字）。

        A card that shares a contact; an older name.

        Give group_id or user_id. phone_number: of the user.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("ArkSharePeer", group_id=group_id, user_id=user_id)
        return self.call_action(
            "ArkSharePeer", group_id=group_id, user_id=user_id, phone_number=phone_number
        )

    def send_group_ark_share(self, group_id: Id) -> str:
        """分享群的卡片。

        A card that shares a group.

        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("send_group_ark_share", group_id=group_id)

    def send_ark_share(
        self,
        *,
        group_id: Id | None = None,
        user_id: Id | None = None,
        phone_number: str | None = None,
    ) -> Any:
        """分享联系人的卡片。

        A card that shares a contact.

        Give group_id or user_id. phone_number: of the user.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        one_of("send_ark_share", group_id=group_id, user_id=user_id)
        return self.call_action(
            "send_ark_share", group_id=group_id, user_id=user_id, phone_number=phone_number
        )

    @overload
    def get_mini_app_ark(
        self,
        title: str,
        desc: str,
        picUrl: str,
        jumpUrl: str,
        *,
        type: Literal["bili", "weibo"],
        webUrl: str | None = None,
        rawArkData: Literal["true", "false"] | None = None,
    ) -> typed.MiniAppArk: ...
    @overload
    def get_mini_app_ark(
        self,
        title: str,
        desc: str,
        picUrl: str,
        jumpUrl: str,
        *,
        iconUrl: str,
        appId: str,
        scene: str,
        templateType: str,
        businessType: str,
        verType: str,
        shareType: str,
        versionId: str,
        sdkId: str,
        withShareTicket: str,
        webUrl: str | None = None,
        rawArkData: Literal["true", "false"] | None = None,
    ) -> typed.MiniAppArk: ...
    def get_mini_app_ark(
        self,
        title: str,
        desc: str,
        picUrl: str,
        jumpUrl: str,
        *,
        type: Literal["bili", "weibo"] | None = None,
        webUrl: str | None = None,
        rawArkData: Literal["true", "false"] | None = None,
        iconUrl: str | None = None,
        appId: str | None = None,
        scene: str | None = None,
        templateType: str | None = None,
        businessType: str | None = None,
        verType: str | None = None,
        shareType: str | None = None,
        versionId: str | None = None,
        sdkId: str | None = None,
        withShareTicket: str | None = None,
    ) -> typed.MiniAppArk:
        """做一张小程序卡片：type 写 "bili" 或 "weibo"，别的小程序把自己的数据全写出来。

        Builds the card of a mini app: of Bilibili or Weibo by type, of another one from its data.

        picUrl, jumpUrl, webUrl, iconUrl: URLs. rawArkData: "true" for the data as it goes to QQ.
        Without type, all of iconUrl, appId, scene, templateType, businessType, verType, shareType,
        versionId, sdkId, withShareTicket are needed; all are str.
        Returns {"data"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        app = {
            "iconUrl": iconUrl,
            "appId": appId,
            "scene": scene,
            "templateType": templateType,
            "businessType": businessType,
            "verType": verType,
            "shareType": shareType,
            "versionId": versionId,
            "sdkId": sdkId,
            "withShareTicket": withShareTicket,
        }
        missing = [name for name, value in app.items() if value is None]
        if type is None and missing:
            raise TypeError(
                f'get_mini_app_ark() 不写 type="bili" 或 "weibo" 时，还需要 {"、".join(missing)}。 '
                'get_mini_app_ark() without type="bili" or "weibo" also needs '
                f"{', '.join(missing)}."
            )
        return self.call_action(
            "get_mini_app_ark",
            title=title,
            desc=desc,
            picUrl=picUrl,
            jumpUrl=jumpUrl,
            type=type,
            webUrl=webUrl,
            rawArkData=rawArkData,
            **app,
        )

    def translate_en2zh(self, words: list[str]) -> typed.Translation:
        """把英文单词翻译成中文。

        Translates English words into Chinese.

        words: a list of words.
        Returns {"words"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("translate_en2zh", words=words)

    def send_poke(
        self, user_id: Id, *, group_id: Id | None = None, target_id: Id | None = None
    ) -> Any:
        """戳一个人：写了 group_id 就在群里戳。

        Pokes a user; in a group when group_id is given.

        target_id: whom to poke in this chat, in place of user_id (NapCat).
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "send_poke", user_id=user_id, group_id=group_id, target_id=target_id
        )

    def get_ai_record(self, group_id: Id, character: str, text: str) -> str:
        """把文字变成 AI 语音，得到链接。

        Turns a text into an AI voice and returns its link.

        character: the character_id from get_ai_characters.
        Returns the link, a str. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_ai_record", group_id=group_id, character=character, text=text)

    def get_ai_characters(
        self, group_id: Id, *, chat_type: int | None = None
    ) -> list[typed.AiCharacters]:
        """AI 语音有哪些角色。

        The AI voices.

        chat_type: 1 for a group.
        Returns [{"type", "characters": [{"character_id", ...}]}]. Errors: ActionFailed,
        NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("get_ai_characters", group_id=group_id, chat_type=chat_type)

    def send_packet(self, cmd: str, data: str, *, rsp: bool | None = None) -> str | None:
        """发送一个原始数据包。

        Sends a raw packet.

        cmd: the command. data: hexadecimal. rsp: whether to wait for an answer; True in NapCat.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("send_packet", cmd=cmd, data=data, rsp=rsp)

    def click_inline_keyboard_button(
        self,
        group_id: Id,
        bot_appid: str,
        *,
        button_id: str | None = None,
        callback_data: str | None = None,
        msg_seq: str | None = None,
    ) -> Any:
        """按下消息里的一个按钮。

        Presses a button in a message.

        bot_appid: of the bot that sent the message. button_id, callback_data, msg_seq: from the
        button and its message.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "click_inline_keyboard_button",
            group_id=group_id,
            bot_appid=bot_appid,
            button_id=button_id,
            callback_data=callback_data,
            msg_seq=msg_seq,
        )

    def send_qzone_msg(
        self,
        content: str,
        *,
        images: list[str] | None = None,
        ugc_right: int | None = None,
        target_uins: list[Id] | None = None,
    ) -> typed.QzonePost:
        """发一条 QQ 空间动态。

        Publishes a post in Qzone.

        images: a list of pictures (URL, base64://... or a path on OneBot's machine). ugc_right:
        who sees it, 1 is everybody; target_uins: the people, where it takes some. Since NapCat
        4.18.14.
        Returns {"tid"}. Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action(
            "send_qzone_msg",
            content=content,
            images=images,
            ugc_right=ugc_right,
            target_uins=target_uins,
        )

    def delete_qzone_msg(self, tid: str) -> Any:
        """删除一条 QQ 空间动态。

        Deletes a post in Qzone.

        tid: from send_qzone_msg. Since NapCat 4.18.14.
        Errors: ActionFailed, NetworkError.
        来源 Source: NapCat。
        """
        return self.call_action("delete_qzone_msg", tid=tid)
