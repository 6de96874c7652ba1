"""OneBot 11 标准的所有动作，每个动作一个方法；以及调用的核心。

All actions of the OneBot 11 standard, a method each, and the core of calling them.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, NoReturn, overload

from .. import files
from ..errors import failure
from ..segment import Message, media
from .extended import ExtendedActions, Id

if TYPE_CHECKING:
    from .. import typed

# mypy: disable-error-code="no-any-return"
# what a result holds is known from the documentation, not from call_action()


def to_json(action: str, params: Any) -> str:
    """The params as JSON, in ASCII: NapCat breaks large raw UTF-8.

    TypeError or ValueError that names the parameter when one cannot be sent.
    """
    try:
        return _encoder.encode(params)
    except (TypeError, ValueError, RecursionError) as error:
        _blame(action, params, error)


def _blame(action: str, params: Any, error: Exception) -> NoReturn:
    kind = TypeError if isinstance(error, TypeError) else ValueError
    reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    name = "params"
    for key, value in params.items() if isinstance(params, dict) else ():
        try:
            json.dumps({key: value}, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            name = str(key)
            break
    raise kind(
        f"{action}: {name} cannot be sent as JSON: {reason}. "
        f"参数 {name} 里有不能变成 JSON 的东西：只能用字符串、数字、True/False、列表和 dict。"
    ) from error


def from_json(data: str | bytes | bytearray) -> dict[str, Any]:
    """The JSON object that came over the wire; ValueError when it is none."""
    try:
        text = data if isinstance(data, str) else data.decode()
        text = text.removeprefix("\ufeff").strip(" \t\r\n")  # raw_decode() takes no white space
        content, end = _decoder.raw_decode(text)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if end < len(text):
        raise ValueError(f"JSON, and more behind it from character {end} on")
    if not isinstance(content, dict):
        raise ValueError("JSON, but not an object")
    return content


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


class Actions(ExtendedActions):
    """能调用动作的东西：HttpClient 和每一种机器人。

    What actions can be called on: HttpClient and every kind of bot.
    """

    # -- the core of calling ------------------------------------------------------------------

    @abstractmethod
    def request(
        self, action: str, params: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        """调用一个动作，原样返回整个回答，例如 ``{"status": "ok", "retcode": 0, "data": ...}``。

        Calls an action and returns the whole answer, as the documentation prints it.

        timeout: seconds. Does not raise on ``failed``. Errors: NetworkError, ApiTimeout,
        AuthenticationError.
        """

    @abstractmethod
    def _stream(self, action: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Call a streaming action; each frame whole."""

    def _abandon(self, threads: Iterable[Thread]) -> None:
        """Let these threads wait no longer for the answers to their calls."""

    def call_action(self, action: str, /, **params: Any) -> Any:
        """按名字调用任何动作，返回回答里的 data；值是 None 的参数不发送。

        Calls any action by its name and returns the answer's data; a param that is None is not
        sent. A pathlib.Path or bytes is read and sent as base64://.

        ActionFailed when the answer is ``failed``; NetworkError, ApiTimeout, AuthenticationError.
        """
        response = self.request(action, _given(params))
        if response.get("status") == "failed":
            raise failure(action, response)
        return response.get("data")

    def stream_action(self, action: str, /, **params: Any) -> Iterator[dict[str, Any]]:
        """调用流式动作，一帧一帧地给出 data。

        Calls a streaming action and yields the data of each frame.

        ActionFailed when a frame is ``failed``. Source: NapCat, stream actions.
        """
        for frame in self._stream(action, _given(params)):
            if frame.get("status") == "failed":
                raise failure(action, frame)
            yield frame.get("data") or {}

    # -- 大文件 / large files ----------

    def upload_file(
        self,
        path: str | PathLike[str],
        *,
        name: str | None = None,
        progress: files.Progress | None = None,
    ) -> typed.UploadedFile:
        """把这台机器上的文件（多大都行）一块一块地传到 OneBot 那台机器上。

        Uploads a file of this machine, however large, to OneBot's machine, in chunks.

        path: the file here. name: what it is called there; two files of one name replace each
        other. progress: called as ``progress(done_bytes, total_bytes)`` after each chunk.
        Returns {"file_path": str, "file_size": int, "sha256": str, ...}, checked against the file;
        file_path is for ``upload_group_file(file=...)`` or a segment, within five minutes.
        After a NetworkError, the same call goes on where it broke off, within ten minutes.
        Errors: ActionNotFound where there are no streams, ActionFailed, NetworkError; OSError
        when the file cannot be read, ValueError when it is empty.
        来源 Source: NapCat，upload_file_stream。
        """
        return files.upload(self.call_action, path, name, progress)

    @overload
    def download_file(
        self,
        file: str,
        *,
        to: str | PathLike[str],
        progress: files.Progress | None = None,
    ) -> Path: ...
    @overload
    def download_file(
        self,
        *,
        url: str | None = None,
        base64: str | None = None,
        name: str | None = None,
        headers: str | list[str] | None = None,
        thread_count: int | None = None,
    ) -> typed.DownloadedFile: ...
    def download_file(
        self,
        file: str | None = None,
        *,
        to: str | PathLike[str] | None = None,
        progress: files.Progress | None = None,
        url: str | None = None,
        base64: str | None = None,
        name: str | None = None,
        headers: str | list[str] | None = None,
        thread_count: int | None = None,
    ) -> Any:
        """有 to：把收到的文件（多大都行）存到这台机器上；没有 to：让 OneBot 下载一个网址。

        With to: saves a received file, however large, here. Without: lets OneBot fetch a URL.

        file: the file_id or file of a received segment. to: a file, which is replaced, or a
        folder, where it gets its own name made safe, and a number if there is one of that name.
        progress: called as ``progress(done_bytes, total_bytes)`` after each chunk.
        Returns the pathlib.Path. The file is there whole or not at all; one that broke off starts
        again at its beginning. OneBot first fetches the file itself: for large ones, give the
        client or bot a longer timeout.
        url, base64, name, headers, thread_count: of OneBot's own action; returns {"file": str}, a
        path on OneBot's machine.
        Errors: ActionNotFound where there are no streams, ActionFailed, NetworkError; OSError
        when the file cannot be written.
        来源 Source: NapCat，download_file_stream；NapCat、go-cqhttp，download_file。
        """
        if (file is None) != (to is None):
            raise TypeError(
                "download_file() takes a received file and to=, or url= for OneBot to fetch. "
                '存到这里：download_file(file_id, to="文件夹")；'
                "让 OneBot 下载：download_file(url=...)。"
            )
        if to is not None:
            return files.download(
                self.stream_action("download_file_stream", file=file), to, progress
            )
        return self.call_action(
            "download_file",
            url=url,
            base64=base64,
            name=name,
            headers=headers,
            thread_count=thread_count,
        )

    # -- 消息 / messages ----------

    def send_private_msg(
        self,
        user_id: Id,
        message: Message,
        auto_escape: bool = False,
        *,
        group_id: Id | None = None,
    ) -> typed.SentMessage:
        """给一个人发私聊消息。

        Sends a message to one user.

        message: a str (CQ codes are understood), a segment or a list of them. auto_escape: take
        a str as plain text. group_id: the group through which a stranger is reached (NapCat).
        Returns {"message_id": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_private_msg。
        """
        return self.call_action(
            "send_private_msg",
            user_id=user_id,
            message=message,
            auto_escape=auto_escape,
            group_id=group_id,
        )

    def send_group_msg(
        self, group_id: Id, message: Message, auto_escape: bool = False
    ) -> typed.SentMessage:
        """向一个群发消息。

        Sends a message to a group.

        message: a str (CQ codes are understood), a segment or a list of them. auto_escape: take
        a str as plain text.
        Returns {"message_id": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_group_msg。
        """
        return self.call_action(
            "send_group_msg", group_id=group_id, message=message, auto_escape=auto_escape
        )

    def send_msg(
        self,
        message_type: str | None = None,
        user_id: Id | None = None,
        group_id: Id | None = None,
        message: Message = "",
        auto_escape: bool = False,
    ) -> typed.SentMessage:
        """发消息：私聊还是群聊由 message_type 决定，不写就看给了哪个号码。

        Sends a message to a user or a group.

        message_type: "private" or "group"; without it the id that is given decides.
        auto_escape: take a str as plain text.
        Returns {"message_id": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_msg。
        """
        return self.call_action(
            "send_msg",
            message_type=message_type,
            user_id=user_id,
            group_id=group_id,
            message=message,
            auto_escape=auto_escape,
        )

    def delete_msg(self, message_id: Id) -> None:
        """撤回一条消息。

        Recalls a message.

        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，delete_msg。
        """
        return self.call_action("delete_msg", message_id=message_id)

    def get_msg(self, message_id: Id) -> typed.StoredMessage:
        """按编号取一条消息。

        Fetches a message by its id.

        Returns {"time", "message_type", "message_id", "real_id", "sender", "message"}. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_msg。
        """
        return self.call_action("get_msg", message_id=message_id)

    def get_forward_msg(self, id: str) -> typed.ForwardedMessages:
        """取合并转发的内容。

        Fetches the content of a merged forward.

        id: from the data of a forward segment.
        Returns {"message": [nodes]}; NapCat and go-cqhttp call it "messages". Errors: ActionFailed,
        NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_forward_msg。
        """
        return self.call_action("get_forward_msg", id=id)

    def send_like(self, user_id: Id, times: int = 1) -> None:
        """给一个人的名片点赞。

        Likes a user's profile.

        times: how often, at most 10 a day for each friend.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，send_like。
        """
        return self.call_action("send_like", user_id=user_id, times=times)

    # -- 群管理 / groups ----------

    def set_group_kick(self, group_id: Id, user_id: Id, reject_add_request: bool = False) -> None:
        """把一个人踢出群。

        Removes a member from a group.

        reject_add_request: also refuse all later requests to join.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_kick。
        """
        return self.call_action(
            "set_group_kick",
            group_id=group_id,
            user_id=user_id,
            reject_add_request=reject_add_request,
        )

    def set_group_ban(self, group_id: Id, user_id: Id, duration: int = 30 * 60) -> None:
        """禁言一个群成员；duration 是 0 就解除。

        Mutes a member of a group; a duration of 0 ends it.

        duration: seconds.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_ban。
        """
        return self.call_action(
            "set_group_ban", group_id=group_id, user_id=user_id, duration=duration
        )

    def set_group_anonymous_ban(
        self,
        group_id: Id,
        anonymous: Mapping[str, Any] | None = None,
        anonymous_flag: str | None = None,
        duration: int = 30 * 60,
    ) -> None:
        """禁言一个匿名的群成员（NapCat 没有匿名功能）。

        Mutes an anonymous member of a group; NapCat has no anonymous chat.

        anonymous: the field of that name in the event. anonymous_flag: or only its flag.
        duration: seconds; it cannot be ended early.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_anonymous_ban。
        """
        return self.call_action(
            "set_group_anonymous_ban",
            group_id=group_id,
            anonymous=anonymous,
            anonymous_flag=anonymous_flag,
            duration=duration,
        )

    def set_group_whole_ban(self, group_id: Id, enable: bool = True) -> None:
        """全员禁言，或者解除。

        Mutes a whole group, or ends that.

        enable: True mutes, False ends it.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_whole_ban。
        """
        return self.call_action("set_group_whole_ban", group_id=group_id, enable=enable)

    def set_group_admin(self, group_id: Id, user_id: Id, enable: bool = True) -> None:
        """设置或取消管理员（机器人要是群主）。

        Makes a member an administrator, or takes that back; for the owner of the group.

        enable: True appoints, False dismisses.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_admin。
        """
        return self.call_action(
            "set_group_admin", group_id=group_id, user_id=user_id, enable=enable
        )

    def set_group_anonymous(self, group_id: Id, enable: bool = True) -> None:
        """打开或关闭群里的匿名聊天（NapCat 没有）。

        Switches anonymous chat in a group on or off; not in NapCat.

        enable: True allows it.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_anonymous。
        """
        return self.call_action("set_group_anonymous", group_id=group_id, enable=enable)

    def set_group_card(self, group_id: Id, user_id: Id, card: str = "") -> None:
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

        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_name。
        """
        return self.call_action("set_group_name", group_id=group_id, group_name=group_name)

    def set_group_leave(self, group_id: Id, is_dismiss: bool = False) -> None:
        """退群；群主可以解散群。

        Leaves a group; its owner may dissolve it.

        is_dismiss: dissolve it, if the account owns it.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_leave。
        """
        return self.call_action("set_group_leave", group_id=group_id, is_dismiss=is_dismiss)

    def set_group_special_title(
        self, group_id: Id, user_id: Id, special_title: str = "", duration: int = -1
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

    def set_friend_add_request(self, flag: str, approve: bool = True, remark: str = "") -> None:
        """同意或拒绝加好友的请求。

        Answers a friend request.

        flag: from the event. remark: a name for the new friend.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_friend_add_request。
        """
        return self.call_action("set_friend_add_request", flag=flag, approve=approve, remark=remark)

    def set_group_add_request(
        self, flag: str, sub_type: str, approve: bool = True, reason: str = ""
    ) -> None:
        """同意或拒绝加群的请求、进群的邀请。

        Answers a request to join a group, or an invitation.

        flag, sub_type ("add" or "invite"): from the event. reason: for a refusal.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_group_add_request。
        """
        return self.call_action(
            "set_group_add_request", flag=flag, sub_type=sub_type, approve=approve, reason=reason
        )

    # -- 账号、好友、群的资料 / information ----------

    def get_login_info(self) -> typed.LoginInfo:
        """机器人自己是谁。

        Who the bot is.

        Returns {"user_id": int, "nickname": str}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_login_info。
        """
        return self.call_action("get_login_info")

    def get_stranger_info(self, user_id: Id, no_cache: bool = False) -> typed.StrangerInfo:
        """一个人的资料。

        What is known of a user.

        no_cache: ask the server again.
        Returns {"user_id", "nickname", "sex", "age"}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_stranger_info。
        """
        return self.call_action("get_stranger_info", user_id=user_id, no_cache=no_cache)

    def get_friend_list(self) -> list[typed.Friend]:
        """好友列表。

        The list of friends.

        Returns [{"user_id", "nickname", "remark"}]. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_friend_list。
        """
        return self.call_action("get_friend_list")

    def get_group_info(self, group_id: Id, no_cache: bool = False) -> typed.GroupInfo:
        """一个群的资料。

        What is known of a group.

        no_cache: ask the server again.
        Returns {"group_id", "group_name", "member_count", "max_member_count"}. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_info。
        """
        return self.call_action("get_group_info", group_id=group_id, no_cache=no_cache)

    def get_group_list(self) -> list[typed.GroupInfo]:
        """机器人在哪些群里。

        The groups that the bot is in.

        Returns [{"group_id", "group_name", "member_count", "max_member_count"}]. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_list。
        """
        return self.call_action("get_group_list")

    def get_group_member_info(
        self, group_id: Id, user_id: Id, no_cache: bool = False
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

    def get_group_member_list(self, group_id: Id) -> list[typed.GroupMemberInfo]:
        """群成员列表。

        The members of a group.

        Returns [what get_group_member_info returns, area and title may be missing]. Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_group_member_list。
        """
        return self.call_action("get_group_member_list", group_id=group_id)

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

    def get_cookies(self, domain: str = "") -> typed.Cookies:
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

        Returns {"token": int}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_csrf_token。
        """
        return self.call_action("get_csrf_token")

    def get_credentials(self, domain: str = "") -> typed.Credentials:
        """取 Cookies 和 CSRF Token（不要给别人看）。

        Both cookies and CSRF token; keep them to yourself.

        domain: such as "qun.qq.com"; NapCat needs it.
        Returns {"cookies": str, "csrf_token": int}; NapCat calls the latter "token". Errors:
        ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_credentials。
        """
        return self.call_action("get_credentials", domain=domain)

    # -- 语音和图片 / voice and pictures ----------

    def get_record(self, file: str, out_format: str) -> typed.FileInfo:
        """取一段语音，转换成想要的格式。

        Fetches a voice message, converted.

        file: from the segment. out_format: mp3, amr, wma, m4a, spx, ogg, wav or flac.
        Returns {"file": str}, a path on OneBot's machine. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_record。
        """
        return self.call_action("get_record", file=file, out_format=out_format)

    def get_image(self, file: str) -> typed.FileInfo:
        """取一张图片。

        Fetches a picture.

        file: from the segment.
        Returns {"file": str}, a path on OneBot's machine. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_image。
        """
        return self.call_action("get_image", file=file)

    def can_send_image(self) -> typed.CanSend:
        """能不能发图片。

        Whether pictures can be sent.

        Returns {"yes": bool}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，can_send_image。
        """
        return self.call_action("can_send_image")

    def can_send_record(self) -> typed.CanSend:
        """能不能发语音。

        Whether voice can be sent.

        Returns {"yes": bool}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，can_send_record。
        """
        return self.call_action("can_send_record")

    # -- OneBot 自己 / OneBot itself ----------

    def get_status(self) -> typed.Status:
        """运行状态。

        How OneBot is.

        Returns {"online": bool, "good": bool, ...}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_status。
        """
        return self.call_action("get_status")

    def get_version_info(self) -> typed.VersionInfo:
        """OneBot 实现的名字和版本。

        The implementation's name and version.

        Returns {"app_name", "app_version", "protocol_version"}. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，get_version_info。
        """
        return self.call_action("get_version_info")

    def set_restart(self, delay: int = 0) -> None:
        """重启 OneBot。

        Restarts OneBot.

        delay: milliseconds to wait before.
        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，set_restart。
        """
        return self.call_action("set_restart", delay=delay)

    def clean_cache(self) -> None:
        """清理缓存。

        Empties OneBot's cache.

        Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，公开 API，clean_cache。
        """
        return self.call_action("clean_cache")

    def handle_quick_operation(
        self, context: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> None:
        """对一个事件做快速操作（处理函数返回 dict 时，这个库自己会做，不用调用它）。

        Carries out a quick operation on an event; what a handler returns is carried out anyway.

        context: the event. operation: such as ``{"reply": "hi"}``. NapCat does nothing for
        requests. Returns nothing. Errors: ActionFailed, NetworkError.
        来源 Source: OneBot 11 标准，隐藏 API，.handle_quick_operation。
        """
        return self.call_action(".handle_quick_operation", context=context, operation=operation)


def _given(params: dict[str, Any]) -> dict[str, Any]:
    """The params that were given; what is read here rather than by OneBot as base64://."""
    return {
        name: media(value) if isinstance(value, (bytes, PathLike)) else value
        for name, value in params.items()
        if value is not None
    }
