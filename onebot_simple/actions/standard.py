"""OneBot 11 标准的所有动作，每个动作一个方法。

All actions of the OneBot 11 standard, a method each.

A method is named as its action. A default of the standard is sent even when it is not given,
because implementations have others: without duration, NapCat's set_group_ban ends a ban.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..segment import Message
from .arguments import checked, one_of
from .extended import ExtendedActions, Id

if TYPE_CHECKING:
    from .. import typed

# mypy: disable-error-code="no-any-return"
# what a result holds is known from the documentation, not from call_action()


@checked
class StandardActions(ExtendedActions):
    """标准里的动作；HttpClient 和每一种机器人都有。

    The actions of the standard; HttpClient and every kind of bot have them.

    Numbers of groups, users and messages may be int or str. What is required comes first and needs
    no name; the rest is written by name. A parameter that is None is not sent.
    """

    # -- 消息 / messages ----------

    def send_private_msg(
        self,
        user_id: Id,
        message: Message,
        *,
        group_id: Id | None = None,
        auto_escape: bool = False,
        timeout: int | None = None,
        source: str | None = None,
        news: list[dict[str, Any]] | None = None,
        summary: str | None = None,
        prompt: str | None = None,
    ) -> typed.SentMessage:
        """给一个人发私聊消息。

        Sends a message to one user.

        message: a str (CQ codes are understood), a segment or a list of them. auto_escape: take a
        str as plain text. group_id: the group through which a stranger is reached. Only NapCat:
        timeout (milliseconds that QQ may take to send), and for nodes source, news ([{"text":
        str}, ...]), summary and prompt, the words on the card.
        Returns {"message_id": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_private_msg。
        """
        return self.call_action(
            "send_private_msg",
            user_id=user_id,
            message=message,
            group_id=group_id,
            auto_escape=auto_escape,
            timeout=timeout,
            source=source,
            news=news,
            summary=summary,
            prompt=prompt,
        )

    def send_group_msg(
        self,
        group_id: Id,
        message: Message,
        *,
        auto_escape: bool = False,
        timeout: int | None = None,
        source: str | None = None,
        news: list[dict[str, Any]] | None = None,
        summary: str | None = None,
        prompt: str | None = None,
    ) -> typed.SentMessage:
        """向一个群发消息。

        Sends a message to a group.

        message: a str (CQ codes are understood), a segment or a list of them. auto_escape: take a
        str as plain text. Only NapCat: timeout (milliseconds that QQ may take to send), and for
        nodes source, news ([{"text": str}, ...]), summary and prompt, the words on the card.
        Returns {"message_id": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_group_msg。
        """
        return self.call_action(
            "send_group_msg",
            group_id=group_id,
            message=message,
            auto_escape=auto_escape,
            timeout=timeout,
            source=source,
            news=news,
            summary=summary,
            prompt=prompt,
        )

    def send_msg(
        self,
        *,
        message: Message,
        group_id: Id | None = None,
        user_id: Id | None = None,
        message_type: Literal["private", "group"] | None = None,
        auto_escape: bool = False,
        timeout: int | None = None,
        source: str | None = None,
        news: list[dict[str, Any]] | None = None,
        summary: str | None = None,
        prompt: str | None = None,
    ) -> typed.SentMessage:
        """发消息：私聊还是群聊由 message_type 决定，不写就看给了哪个号码。

        Sends a message to a user or a group.

        All by name: ``send_msg(message="hi", group_id=30001)``. message: a str (CQ codes are
        understood), a segment or a list of them. auto_escape: take a str as plain text.
        message_type: "private" or "group"; without it the id that is given decides. Only NapCat:
        timeout (milliseconds that QQ may take to send), and for nodes source, news ([{"text":
        str}, ...]), summary and prompt, the words on the card.
        Returns {"message_id": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_msg。
        """
        one_of("send_msg", user_id=user_id, group_id=group_id)
        return self.call_action(
            "send_msg",
            message=message,
            group_id=group_id,
            user_id=user_id,
            message_type=message_type,
            auto_escape=auto_escape,
            timeout=timeout,
            source=source,
            news=news,
            summary=summary,
            prompt=prompt,
        )

    def delete_msg(self, message_id: Id) -> None:
        """撤回一条消息。

        Recalls a message.

        Returns nothing.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，delete_msg。
        """
        return self.call_action("delete_msg", message_id=message_id)

    def get_msg(self, message_id: Id) -> typed.StoredMessage:
        """按编号取一条消息。

        Fetches a message by its id.

        Returns {"time", "message_type", "message_id", "real_id", "sender", "message"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_msg。
        """
        return self.call_action("get_msg", message_id=message_id)

    def get_forward_msg(
        self, id: str | None = None, *, message_id: Id | None = None
    ) -> typed.ForwardedMessages:
        """取合并转发的内容。

        Fetches the content of a merged forward.

        id: from the data of a forward segment. message_id: of the message itself, instead (NapCat,
        go-cqhttp).
        Returns {"message": [nodes]}; NapCat and go-cqhttp call it "messages". Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_forward_msg。
        """
        one_of("get_forward_msg", id=id, message_id=message_id)
        return self.call_action("get_forward_msg", id=id, message_id=message_id)

    def send_like(self, user_id: Id, *, times: int = 1) -> None:
        """给一个人的名片点赞。

        Likes a user's profile.

        times: how often, at most 10 a day for each friend.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_like。
        """
        return self.call_action("send_like", user_id=user_id, times=times)

    # -- 群管理 / groups ----------

    def set_group_kick(
        self,
        group_id: Id,
        user_id: Id,
        *,
        reject_add_request: bool = False,
        message: str | None = None,
    ) -> None:
        """把一个人踢出群。

        Removes a member from a group.

        reject_add_request: also refuse all later requests to join. message: what the member is
        told (go-cqhttp).
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_kick。
        """
        return self.call_action(
            "set_group_kick",
            group_id=group_id,
            user_id=user_id,
            reject_add_request=reject_add_request,
            message=message,
        )

    def set_group_ban(self, group_id: Id, user_id: Id, *, duration: int = 30 * 60) -> None:
        """禁言一个群成员；duration 是 0 就解除。

        Mutes a member of a group; a duration of 0 ends it.

        duration: seconds; 1800 when it is not given.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_ban。
        """
        return self.call_action(
            "set_group_ban", group_id=group_id, user_id=user_id, duration=duration
        )

    def set_group_anonymous_ban(
        self,
        group_id: Id,
        *,
        anonymous: Mapping[str, Any] | None = None,
        anonymous_flag: str | None = None,
        duration: int = 30 * 60,
    ) -> None:
        """禁言一个匿名的群成员（NapCat 没有匿名功能）。

        Mutes an anonymous member of a group; NapCat has no anonymous chat.

        anonymous: the field of that name in the event. anonymous_flag: its flag, instead of it.
        duration: seconds; it cannot be ended early.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_anonymous_ban。
        """
        one_of("set_group_anonymous_ban", anonymous=anonymous, anonymous_flag=anonymous_flag)
        return self.call_action(
            "set_group_anonymous_ban",
            group_id=group_id,
            anonymous=anonymous,
            anonymous_flag=anonymous_flag,
            duration=duration,
        )

    def set_group_whole_ban(self, group_id: Id, *, enable: bool = True) -> None:
        """全员禁言，或者解除。

        Mutes a whole group, or ends that.

        enable: True mutes, False ends it.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_whole_ban。
        """
        return self.call_action("set_group_whole_ban", group_id=group_id, enable=enable)

    def set_group_admin(self, group_id: Id, user_id: Id, *, enable: bool = True) -> None:
        """设置或取消管理员（机器人要是群主）。

        Makes a member an administrator, or ends that; only the owner of the group may.

        enable: True appoints, False dismisses.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_admin。
        """
        return self.call_action(
            "set_group_admin", group_id=group_id, user_id=user_id, enable=enable
        )

    def set_group_anonymous(self, group_id: Id, *, enable: bool = True) -> None:
        """打开或关闭群里的匿名聊天（NapCat 没有）。

        Switches anonymous chat in a group on or off; not in NapCat.

        enable: True allows it.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_anonymous。
        """
        return self.call_action("set_group_anonymous", group_id=group_id, enable=enable)

    def set_group_card(self, group_id: Id, user_id: Id, *, card: str = "") -> None:
        """设置群名片；空字符串就是删除。

        Sets a member's name in the group; an empty one removes it.

        card: the name.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_card。
        """
        return self.call_action("set_group_card", group_id=group_id, user_id=user_id, card=card)

    def set_group_name(self, group_id: Id, group_name: str) -> None:
        """改群名。

        Renames a group.

        Returns nothing.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_name。
        """
        return self.call_action("set_group_name", group_id=group_id, group_name=group_name)

    def set_group_leave(self, group_id: Id, *, is_dismiss: bool = False) -> None:
        """退群；群主可以解散群。

        Leaves a group; its owner may disband it.

        is_dismiss: disband it, if the account owns it; NapCat ignores this.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_leave。
        """
        return self.call_action("set_group_leave", group_id=group_id, is_dismiss=is_dismiss)

    def set_group_special_title(
        self, group_id: Id, user_id: Id, *, special_title: str = "", duration: int = -1
    ) -> None:
        """设置群专属头衔；空字符串就是删除。

        Gives a member a special title; an empty one removes it.

        duration: seconds; -1 is for ever.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_special_title。
        """
        return self.call_action(
            "set_group_special_title",
            group_id=group_id,
            user_id=user_id,
            special_title=special_title,
            duration=duration,
        )

    # -- 请求 / requests ----------

    def set_friend_add_request(self, flag: str, *, approve: bool = True, remark: str = "") -> None:
        """同意或拒绝加好友的请求。

        Answers a friend request.

        flag: from the event. remark: a name for the new friend.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_friend_add_request。
        """
        return self.call_action("set_friend_add_request", flag=flag, approve=approve, remark=remark)

    def set_group_add_request(
        self,
        flag: str,
        sub_type: str,
        *,
        approve: bool = True,
        reason: str = "",
        count: int | None = None,
    ) -> None:
        """同意或拒绝加群的请求、进群的邀请。

        Answers a request to join a group, or an invitation.

        flag, sub_type ("add" or "invite"): from the event. reason: for a refusal. count: among how
        many notices NapCat looks for the flag.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_add_request。
        """
        return self.call_action(
            "set_group_add_request",
            flag=flag,
            sub_type=sub_type,
            approve=approve,
            reason=reason,
            count=count,
        )

    # -- 账号、好友、群的资料 / information ----------

    def get_login_info(self) -> typed.LoginInfo:
        """机器人自己是谁。

        Who the bot is.

        Returns {"user_id": int, "nickname": str}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_login_info。
        """
        return self.call_action("get_login_info")

    def get_stranger_info(self, user_id: Id, *, no_cache: bool = False) -> typed.StrangerInfo:
        """一个人的资料。

        What is known of a user.

        no_cache: ask the server again.
        Returns {"user_id", "nickname", "sex", "age"}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_stranger_info。
        """
        return self.call_action("get_stranger_info", user_id=user_id, no_cache=no_cache)

    def get_friend_list(self, *, no_cache: bool | None = None) -> list[typed.Friend]:
        """好友列表。

        The list of friends.

        no_cache: ask the server again (NapCat).
        Returns [{"user_id", "nickname", "remark"}]. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_friend_list。
        """
        return self.call_action("get_friend_list", no_cache=no_cache)

    def get_group_info(self, group_id: Id, *, no_cache: bool = False) -> typed.GroupInfo:
        """一个群的资料。

        What is known of a group.

        no_cache: ask the server again.
        Returns {"group_id", "group_name", "member_count", "max_member_count"}. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_info。
        """
        return self.call_action("get_group_info", group_id=group_id, no_cache=no_cache)

    def get_group_list(self, *, no_cache: bool | None = None) -> list[typed.GroupInfo]:
        """机器人在哪些群里。

        The groups that the bot is in.

        no_cache: ask the server again.
        Returns [{"group_id", "group_name", "member_count", "max_member_count"}]. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_list。
        """
        return self.call_action("get_group_list", no_cache=no_cache)

    def get_group_member_info(
        self, group_id: Id, user_id: Id, *, no_cache: bool = False
    ) -> typed.GroupMemberInfo:
        """一个群成员的资料。

        What is known of a member of a group.

        no_cache: ask the server again.
        Returns {"user_id", "nickname", "card", "role": "owner" | "admin" | "member", ...}. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_member_info。
        """
        return self.call_action(
            "get_group_member_info", group_id=group_id, user_id=user_id, no_cache=no_cache
        )

    def get_group_member_list(
        self, group_id: Id, *, no_cache: bool | None = None
    ) -> list[typed.GroupMemberInfo]:
        """群成员列表。

        The members of a group.

        no_cache: ask the server again.
        Returns [what get_group_member_info returns, area and title may be missing]. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_member_list。
        """
        return self.call_action("get_group_member_list", group_id=group_id, no_cache=no_cache)

    def get_group_honor_info(self, group_id: Id, type: str) -> typed.GroupHonorInfo:
        """群荣誉：龙王、群聊之火等等。

        The honours of a group: the most talkative member and the like.

        type: "talkative", "performer", "legend", "strong_newbie", "emotion" or "all".
        Returns {"group_id", "current_talkative", "talkative_list", ...}. Errors: ActionFailed,
        NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_honor_info。
        """
        return self.call_action("get_group_honor_info", group_id=group_id, type=type)

    # -- 网页登录凭证 / credentials ----------

    def get_cookies(self, *, domain: str = "") -> typed.Cookies:
        """取 Cookies（不要给别人看）。

        The account's cookies; keep them to yourself.

        domain: such as "qun.qq.com"; NapCat needs it.
        Returns {"cookies": str}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_cookies。
        """
        return self.call_action("get_cookies", domain=domain)

    def get_csrf_token(self) -> typed.CsrfToken:
        """取 CSRF Token（不要给别人看）。

        The account's CSRF token; keep it to yourself.

        Returns {"token": int}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_csrf_token。
        """
        return self.call_action("get_csrf_token")

    def get_credentials(self, *, domain: str = "") -> typed.Credentials:
        """取 Cookies 和 CSRF Token（不要给别人看）。

        Both cookies and CSRF token; keep them to yourself.

        domain: such as "qun.qq.com"; NapCat needs it.
        Returns {"cookies": str, "csrf_token": int}; NapCat calls the latter "token". Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_credentials。
        """
        return self.call_action("get_credentials", domain=domain)

    # -- 语音和图片 / voice and pictures ----------

    def get_record(
        self, file: str | None = None, out_format: str | None = None, *, file_id: str | None = None
    ) -> typed.FileInfo:
        """取一段语音，转换成想要的格式。

        Fetches a voice message, converted.

        file: from the data of the segment. file_id: instead of it (NapCat). out_format: mp3, amr,
        wma, m4a, spx, ogg, wav or flac.
        Returns {"file": str}, a path on OneBot's machine. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_record。
        """
        one_of("get_record", file=file, file_id=file_id)
        one_of("get_record", out_format=out_format)
        return self.call_action("get_record", file=file, out_format=out_format, file_id=file_id)

    def get_image(self, file: str | None = None, *, file_id: str | None = None) -> typed.FileInfo:
        """取一张图片。

        Fetches a picture.

        file: from the data of the segment. file_id: instead of it (NapCat).
        Returns {"file": str}, a path on OneBot's machine. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_image。
        """
        one_of("get_image", file=file, file_id=file_id)
        return self.call_action("get_image", file=file, file_id=file_id)

    def can_send_image(self) -> typed.CanSend:
        """能不能发图片。

        Whether pictures can be sent.

        Returns {"yes": bool}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，can_send_image。
        """
        return self.call_action("can_send_image")

    def can_send_record(self) -> typed.CanSend:
        """能不能发语音。

        Whether voice can be sent.

        Returns {"yes": bool}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，can_send_record。
        """
        return self.call_action("can_send_record")

    # -- OneBot 自己 / OneBot itself ----------

    def get_status(self) -> typed.Status:
        """运行状态。

        Whether OneBot is well, and the account online.

        Returns {"online": bool, "good": bool, ...}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_status。
        """
        return self.call_action("get_status")

    def get_version_info(self) -> typed.VersionInfo:
        """OneBot 实现的名字和版本。

        The implementation's name and version.

        Returns {"app_name", "app_version", "protocol_version"}.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_version_info。
        """
        return self.call_action("get_version_info")

    def set_restart(self, *, delay: int = 0) -> None:
        """重启 OneBot。

        Restarts OneBot.

        delay: milliseconds to wait before it restarts.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_restart。
        """
        return self.call_action("set_restart", delay=delay)

    def clean_cache(self) -> None:
        """清理缓存。

        Empties OneBot's cache.

        Returns nothing.
        Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，clean_cache。
        """
        return self.call_action("clean_cache")

    def handle_quick_operation(
        self, context: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> None:
        """对一个事件做快速操作（处理函数返回 dict 时，这个库自己会做，不用调用它）。

        Carries out a quick operation on an event; what a handler returns is carried out anyway.

        context: the event. operation: such as ``{"reply": "hi"}``. NapCat does nothing for
        requests.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，隐藏 API，.handle_quick_operation。
        """
        return self.call_action(".handle_quick_operation", context=context, operation=operation)
