"""事件和动作结果里有哪些键：给编辑器和类型检查器看的，也可以当手册读；用不用都可以。

What is in each event and in each action's result: for editors and type checkers, and to be read
as a reference. Never required: events and results are plain dicts.

    from onebot_simple.typed import GroupMessage

    @bot.on_group_message
    def hello(event: GroupMessage):
        return f"{event['sender']['nickname']} 你好"

Ids are ints, times are seconds since 1970. What is NotRequired is not sent by every OneBot
implementation: use event.get("...") for it. Others than those named may send further keys.
Sources: OneBot 11 standard, events and public API; NapCat, go-cqhttp, LLOneBot, Lagrange.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

if sys.version_info >= (3, 11):
    from typing import NotRequired
elif TYPE_CHECKING:
    from typing_extensions import NotRequired

# == 消息 / messages ==============================================================================


class MessageSegment(TypedDict):
    """消息段 / one part of a message."""

    type: str  # text, at, image ...
    data: dict[str, Any]


class Sender(TypedDict):
    """发送者 / who sent a message."""

    user_id: int
    nickname: str
    card: NotRequired[str]  # 群名片 / name in the group, may be ""
    role: NotRequired[Literal["owner", "admin", "member"]]  # 群消息 / in groups
    sex: NotRequired[Literal["male", "female", "unknown"]]
    age: NotRequired[int]
    area: NotRequired[str]
    level: NotRequired[str]
    title: NotRequired[str]  # 专属头衔 / special title


class Anonymous(TypedDict):
    """匿名的发送者 / an anonymous sender."""

    id: int
    name: str
    flag: str  # 给 set_group_anonymous_ban / for set_group_anonymous_ban


class _Event(TypedDict):
    time: int
    self_id: int  # 收到事件的机器人 / the bot that received it


class _Message(_Event):
    message_id: int
    user_id: int
    message: str | list[MessageSegment]  # 用 segment.to_list(event) / read it with to_list()
    raw_message: str  # CQ 码 / as CQ code
    font: int
    sender: Sender
    message_format: NotRequired[Literal["array", "string"]]
    message_seq: NotRequired[int]
    real_id: NotRequired[int]
    real_seq: NotRequired[str]  # NapCat
    target_id: NotRequired[int]  # 对方 / the other one in a private chat; NapCat: the group, too
    raw: NotRequired[Any]  # NapCat, debug


class PrivateMessage(_Message):
    """私聊消息 / a private message."""

    post_type: Literal["message"]
    message_type: Literal["private"]
    sub_type: Literal["friend", "group", "group_self", "other"]  # group: 临时会话 / temporary chat
    group_id: NotRequired[int | None]  # 临时会话 / of a temporary chat; None when QQ did not say
    temp_source: NotRequired[int]


class GroupMessage(_Message):
    """群消息 / a message in a group."""

    post_type: Literal["message"]
    message_type: Literal["group"]
    sub_type: Literal["normal", "anonymous", "notice"]
    group_id: int
    group_name: NotRequired[str]
    anonymous: NotRequired[Anonymous | None]


class GuildMessage(_Event):
    """频道消息（go-cqhttp）/ a message in a guild."""

    post_type: Literal["message"]
    message_type: Literal["guild"]
    sub_type: Literal["channel"]
    guild_id: str
    channel_id: str
    message_id: str
    user_id: int | str
    message: str | list[MessageSegment]
    self_tiny_id: NotRequired[str]
    sender: NotRequired[dict[str, Any]]


class PrivateMessageSent(_Message):
    """机器人自己发出的私聊消息 / a private message that the bot itself sent."""

    post_type: Literal["message_sent"]
    message_type: Literal["private"]
    sub_type: Literal["friend", "group", "other"]
    message_sent_type: NotRequired[Literal["self"]]
    group_id: NotRequired[int]
    temp_source: NotRequired[int]


class GroupMessageSent(_Message):
    """机器人自己发出的群消息 / a message in a group that the bot itself sent."""

    post_type: Literal["message_sent"]
    message_type: Literal["group"]
    sub_type: Literal["normal", "anonymous", "notice"]
    message_sent_type: NotRequired[Literal["self"]]
    group_id: int
    group_name: NotRequired[str]
    anonymous: NotRequired[Anonymous | None]


Message: TypeAlias = PrivateMessage | GroupMessage
MessageSent: TypeAlias = PrivateMessageSent | GroupMessageSent

# == 通知：群 / notices of groups =================================================================


class _Notice(_Event):
    post_type: Literal["notice"]


class NoticedFile(TypedDict):
    """群里新上传的文件 / a file that was put into a group."""

    id: str
    name: str
    size: int  # bytes
    busid: int
    url: NotRequired[str]


class GroupUpload(_Notice):
    """有人上传了群文件 / somebody uploaded a file to the group."""

    notice_type: Literal["group_upload"]
    group_id: int
    user_id: int | None  # NapCat: None when QQ did not say
    file: NoticedFile


class GroupAdmin(_Notice):
    """管理员变动 / somebody became an administrator, or ceased to be one."""

    notice_type: Literal["group_admin"]
    sub_type: Literal["set", "unset"]
    group_id: int
    user_id: int


class GroupDecrease(_Notice):
    """有人离开了群；kick_me 是机器人被踢 / somebody left the group; kick_me: the bot."""

    notice_type: Literal["group_decrease"]
    sub_type: Literal["leave", "kick", "kick_me", "disband"]  # disband: NapCat
    group_id: int
    operator_id: int
    user_id: int


class GroupIncrease(_Notice):
    """有人进群了 / somebody came into the group."""

    notice_type: Literal["group_increase"]
    sub_type: Literal["approve", "invite"]
    group_id: int
    operator_id: int
    user_id: int


class GroupBan(_Notice):
    """禁言；user_id 是 0 就是全员 / somebody was muted, or everybody: then user_id is 0."""

    notice_type: Literal["group_ban"]
    sub_type: Literal["ban", "lift_ban"]
    group_id: int
    operator_id: int
    user_id: int
    duration: int  # 秒，全员是 -1 / seconds; -1 for everybody


class GroupRecall(_Notice):
    """群消息被撤回 / a message in a group was recalled."""

    notice_type: Literal["group_recall"]
    group_id: int
    user_id: int  # 谁的消息 / whose message
    operator_id: int  # 谁撤回的 / who recalled it
    message_id: int


class GroupCard(_Notice):
    """群名片变了（NapCat、go-cqhttp、LLOneBot）/ somebody's name in the group changed."""

    notice_type: Literal["group_card"]
    group_id: int
    user_id: int
    card_new: str
    card_old: str


class GroupNameChange(_Notice):
    """群名变了（Lagrange）/ the group was renamed; NapCat: GroupName."""

    notice_type: Literal["group_name_change"]
    group_id: int
    name: str


class GroupDismiss(_Notice):
    """群解散了（LLOneBot）/ the group was disbanded."""

    notice_type: Literal["group_dismiss"]
    group_id: int
    user_id: int
    group_name: NotRequired[str]


class Essence(_Notice):
    """精华消息变动；NapCat 只有 add / a message entered or left the highlights."""

    notice_type: Literal["essence"]
    sub_type: Literal["add", "delete"]
    group_id: int
    message_id: NotRequired[int]  # NapCat: not of a message of long ago
    sender_id: int | None  # NapCat: None when QQ did not say
    operator_id: int
    user_id: NotRequired[int | None]  # NapCat: as sender_id


class EmojiCount(TypedDict):
    """一个表情和它的个数 / an emoji, and how many there are."""

    emoji_id: str
    count: int


class GroupMsgEmojiLike(_Notice):
    """群消息的表情回应（NapCat、LLOneBot）/ emoji on a message in a group."""

    notice_type: Literal["group_msg_emoji_like"]
    group_id: int
    user_id: int
    message_id: int
    likes: list[EmojiCount]
    is_add: NotRequired[bool]


class Reaction(_Notice):
    """群消息的表情回应（Lagrange）/ emoji on a message in a group."""

    notice_type: Literal["reaction"]
    sub_type: Literal["add", "remove"]
    group_id: int
    operator_id: int
    message_id: int
    code: str
    count: int


# == 通知：notify / notices of the kind notify ====================================================


class _Notify(_Notice):
    notice_type: Literal["notify"]


class Poke(_Notify):
    """戳一戳 / a poke."""

    sub_type: Literal["poke"]
    user_id: int  # 谁戳的 / who poked
    target_id: int  # 戳了谁 / whom
    group_id: NotRequired[int]  # 群里 / in a group
    sender_id: NotRequired[int]  # 私聊 / in private
    raw_info: NotRequired[Any]  # NapCat
    action: NotRequired[str]  # Lagrange
    suffix: NotRequired[str]  # Lagrange


class PokeRecall(_Notify):
    """戳一戳被撤回（LLOneBot）/ a poke was taken back."""

    sub_type: Literal["poke_recall"]
    user_id: int
    target_id: int
    group_id: NotRequired[int]
    raw_info: NotRequired[Any]


class LuckyKing(_Notify):
    """群红包运气王（go-cqhttp）/ the luckiest one with a red packet."""

    sub_type: Literal["lucky_king"]
    group_id: int
    user_id: int
    target_id: int


class Honor(_Notify):
    """群荣誉变更（go-cqhttp）/ somebody won an honour."""

    sub_type: Literal["honor"]
    group_id: int
    user_id: int
    honor_type: str  # talkative, performer, emotion


class Title(_Notify):
    """专属头衔变了（NapCat、go-cqhttp、LLOneBot）/ somebody's special title changed."""

    sub_type: Literal["title"]
    group_id: int
    user_id: int | None  # NapCat: None when QQ did not say
    title: str


class GroupName(_Notify):
    """群名变了（NapCat）/ the group was renamed."""

    sub_type: Literal["group_name"]
    group_id: int
    user_id: int
    name_new: str


class InputStatus(_Notify):
    """对方正在输入（NapCat）/ somebody is typing."""

    sub_type: Literal["input_status"]
    user_id: int
    group_id: int  # 0
    event_type: int
    status_text: str


class ProfileLike(_Notify):
    """有人点赞了名片（NapCat、LLOneBot）/ somebody likes the bot's profile."""

    sub_type: Literal["profile_like"]
    operator_id: int
    operator_nick: str
    times: int


class GrayTip(_Notify):
    """灰条提示（NapCat）/ a grey hint in a group."""

    sub_type: Literal["gray_tip"]
    group_id: int
    user_id: int
    message_id: int
    busi_id: str
    content: str
    raw_info: NotRequired[Any]


# == 通知：好友、文件、账号 / notices of friends, files and the account ===========================


class FriendAdd(_Notice):
    """成了好友 / there is a new friend."""

    notice_type: Literal["friend_add"]
    user_id: int


class FriendRecall(_Notice):
    """私聊消息被撤回 / a private message was recalled."""

    notice_type: Literal["friend_recall"]
    user_id: int
    message_id: int


class OfflineFileInfo(TypedDict):
    """离线文件 / a file that was sent in private."""

    name: str
    size: int
    url: str


class OfflineFile(_Notice):
    """收到离线文件（go-cqhttp、Lagrange）/ a file came in private."""

    notice_type: Literal["offline_file"]
    user_id: int
    file: OfflineFileInfo


class FlashFileEntry(TypedDict):
    """闪传里的一个文件 / a file of a flash transfer."""

    name: str
    size: str
    save_path: NotRequired[str]


class FlashFile(_Notice):
    """闪传文件（LLOneBot）/ a flash transfer goes on, or is done."""

    notice_type: Literal["flash_file"]
    sub_type: Literal["downloading", "downloaded", "uploading", "uploaded"]
    title: str
    share_link: str
    file_set_id: str
    files: list[FlashFileEntry]
    downloaded_size: NotRequired[int]  # downloading
    uploaded_size: NotRequired[int]  # uploading
    total_size: NotRequired[int]
    speed: NotRequired[int]
    remain_seconds: NotRequired[int]


class OnlineFileSend(_Notice):
    """对方接收或拒绝了在线文件（NapCat）/ the online file was taken or refused."""

    notice_type: Literal["online_file_send"]
    sub_type: Literal["receive", "refuse"]
    peer_id: int


class OnlineFileReceive(_Notice):
    """对方取消了在线文件（NapCat）/ the online file was cancelled."""

    notice_type: Literal["online_file_receive"]
    sub_type: Literal["cancel"]
    peer_id: int


class ClientStatus(_Notice):
    """其他客户端上线或下线（go-cqhttp）/ another client of the account came or went."""

    notice_type: Literal["client_status"]
    client: dict[str, Any]
    online: bool


class BotOnline(_Notice):
    """机器人上线（Lagrange）/ the account came online."""

    notice_type: Literal["bot_online"]
    reason: str


class BotOffline(_Notice):
    """机器人掉线（NapCat、Lagrange）/ the account went offline."""

    notice_type: Literal["bot_offline"]
    user_id: NotRequired[int]
    tag: str
    message: str


# == 通知：频道（go-cqhttp）/ notices of guilds ===================================================


class _GuildNotice(_Notice):
    guild_id: str
    channel_id: str
    user_id: NotRequired[int | str]
    operator_id: NotRequired[int | str]


class GuildChannelRecall(_GuildNotice):
    """频道消息被撤回 / a message in a channel was recalled."""

    notice_type: Literal["guild_channel_recall"]
    message_id: str


class MessageReactionsUpdated(_GuildNotice):
    """频道消息的表情变了 / the emoji on a message in a channel changed."""

    notice_type: Literal["message_reactions_updated"]
    message_id: str
    current_reactions: list[dict[str, Any]]


class ChannelCreated(_GuildNotice):
    """新的子频道 / a new channel."""

    notice_type: Literal["channel_created"]
    channel_info: dict[str, Any]


class ChannelUpdated(_GuildNotice):
    """子频道变了 / a channel changed."""

    notice_type: Literal["channel_updated"]
    old_info: dict[str, Any]
    new_info: dict[str, Any]


class ChannelDestroyed(_GuildNotice):
    """子频道没了 / a channel is gone."""

    notice_type: Literal["channel_destroyed"]
    channel_info: dict[str, Any]


Notify: TypeAlias = (
    Poke | PokeRecall | LuckyKing | Honor | Title | GroupName | InputStatus | ProfileLike | GrayTip
)
Notice: TypeAlias = (
    GroupUpload
    | GroupAdmin
    | GroupDecrease
    | GroupIncrease
    | GroupBan
    | GroupRecall
    | GroupCard
    | GroupNameChange
    | GroupDismiss
    | Essence
    | GroupMsgEmojiLike
    | Reaction
    | Notify
    | FriendAdd
    | FriendRecall
    | OfflineFile
    | FlashFile
    | OnlineFileSend
    | OnlineFileReceive
    | ClientStatus
    | BotOnline
    | BotOffline
    | GuildChannelRecall
    | MessageReactionsUpdated
    | ChannelCreated
    | ChannelUpdated
    | ChannelDestroyed
)

# == 请求 / requests ==============================================================================


class FriendRequest(_Event):
    """有人想加机器人为好友 / somebody wants to be a friend."""

    post_type: Literal["request"]
    request_type: Literal["friend"]
    user_id: int
    comment: str  # 验证信息 / what was written with it
    flag: str  # 给 set_friend_add_request / for set_friend_add_request


class GroupRequest(_Event):
    """有人想进群（add），或者邀请机器人进群（invite）/ a request to join, or an invitation."""

    post_type: Literal["request"]
    request_type: Literal["group"]
    sub_type: Literal["add", "invite"]
    group_id: int
    user_id: int
    comment: str
    flag: str  # 给 set_group_add_request / for set_group_add_request
    invitor_id: NotRequired[int]  # go-cqhttp, Lagrange, LLOneBot


Request: TypeAlias = FriendRequest | GroupRequest

# == 元事件 / meta events =========================================================================


class Status(TypedDict):
    """运行状态，get_status 也返回它 / how OneBot is; get_status returns it, too."""

    online: bool | None  # None: 不知道 / not known
    good: bool
    stat: NotRequired[dict[str, Any]]  # NapCat, go-cqhttp
    app_initialized: NotRequired[bool]  # go-cqhttp, Lagrange; the following, too
    app_enabled: NotRequired[bool]
    app_good: NotRequired[bool]
    plugins_good: NotRequired[Any]


class Lifecycle(_Event):
    """OneBot 连上、启用、停用 / OneBot connected, was enabled, was disabled."""

    post_type: Literal["meta_event"]
    meta_event_type: Literal["lifecycle"]
    sub_type: Literal["enable", "disable", "connect"]
    _post_method: NotRequired[int]  # go-cqhttp


class Heartbeat(_Event):
    """心跳 / a heartbeat."""

    post_type: Literal["meta_event"]
    meta_event_type: Literal["heartbeat"]
    status: Status
    interval: int  # 毫秒 / milliseconds until the next one


MetaEvent: TypeAlias = Lifecycle | Heartbeat

AnyEvent: TypeAlias = Message | GuildMessage | MessageSent | Notice | Request | MetaEvent

# == 动作的结果：消息 / results: messages =========================================================


class SentMessage(TypedDict):
    """send_*_msg, send_*_forward_msg"""

    message_id: int
    res_id: NotRequired[str]  # 合并转发 / of a forward (NapCat)
    forward_id: NotRequired[str]


class StoredMessage(TypedDict):
    """get_msg, get_*_msg_history"""

    time: int
    message_type: Literal["private", "group"]
    message_id: int
    real_id: int
    sender: Sender
    message: str | list[MessageSegment]
    raw_message: NotRequired[str]
    message_seq: NotRequired[int]
    real_seq: NotRequired[str]
    message_format: NotRequired[Literal["array", "string"]]
    font: NotRequired[int]
    self_id: NotRequired[int]
    user_id: NotRequired[int]
    group_id: NotRequired[int]
    group_name: NotRequired[str]
    target_id: NotRequired[int]
    temp_source: NotRequired[int]
    post_type: NotRequired[Literal["message", "message_sent"]]
    sub_type: NotRequired[str]
    message_sent_type: NotRequired[str]
    emoji_likes_list: NotRequired[list[Any]]


class MessageHistory(TypedDict):
    """get_group_msg_history, get_friend_msg_history"""

    messages: list[StoredMessage]


class ForwardedMessages(TypedDict):
    """get_forward_msg"""

    message: NotRequired[list[MessageSegment]]  # 标准、Lagrange：node / nodes
    messages: NotRequired[list[StoredMessage]]  # NapCat, go-cqhttp, LLOneBot


class EssenceMessage(TypedDict):
    """get_essence_msg_list"""

    message_id: int
    msg_seq: NotRequired[int]
    msg_random: NotRequired[int]
    sender_id: int
    sender_nick: str
    operator_id: int
    operator_nick: str
    operator_time: int
    content: NotRequired[list[Any]]


class EmojiLikes(TypedDict):
    """fetch_emoji_like"""

    emojiLikesList: list[dict[str, Any]]
    cookie: str
    isLastPage: bool
    isFirstPage: bool
    result: int
    errMsg: str


class EmojiLikers(TypedDict):
    """get_emoji_likes"""

    emoji_like_list: list[dict[str, Any]]


class RecentContact(TypedDict):
    """get_recent_contact"""

    lastestMsg: Any
    peerUin: str
    remark: str
    msgTime: str
    chatType: int
    msgId: str
    sendNickName: str
    sendMemberName: str
    peerName: str


# == 动作的结果：账号和人 / results: the account, people ==========================================


class _Profile(TypedDict):
    birthday_year: NotRequired[int]
    birthday_month: NotRequired[int]
    birthday_day: NotRequired[int]
    phone_num: NotRequired[str]
    email: NotRequired[str]
    category_id: NotRequired[int]
    categoryId: NotRequired[int]
    categoryName: NotRequired[str]
    sex: NotRequired[str]
    age: NotRequired[int]
    level: NotRequired[int]
    qid: NotRequired[str]
    login_days: NotRequired[int]


class LoginInfo(_Profile):
    """get_login_info"""

    user_id: int
    nickname: str
    remark: NotRequired[str]


class Friend(_Profile):
    """get_friend_list"""

    user_id: int
    nickname: str
    remark: str  # 备注 / the bot's own name for the friend


class FriendCategory(TypedDict):
    """get_friends_with_category"""

    categoryId: int
    categoryName: str
    categoryMbCount: int
    buddyList: list[Friend]
    categorySortId: NotRequired[int]
    onlineCount: NotRequired[int]


class UnidirectionalFriend(TypedDict):
    """get_unidirectional_friend_list"""

    uin: int
    uid: str
    nick_name: str
    age: int
    source: str


class StrangerInfo(TypedDict):
    """get_stranger_info"""

    user_id: int
    nickname: str
    sex: str  # male, female, unknown
    age: int
    uid: NotRequired[str]
    qid: NotRequired[str]
    qqLevel: NotRequired[int]
    long_nick: NotRequired[str]  # 签名 / signature
    reg_time: NotRequired[int]
    is_vip: NotRequired[bool]
    is_years_vip: NotRequired[bool]
    vip_level: NotRequired[int]
    remark: NotRequired[str]
    status: NotRequired[int]
    login_days: NotRequired[int]


class UserStatus(TypedDict):
    """nc_get_user_status"""

    status: int
    ext_status: int


class ProfileLikes(TypedDict):
    """get_profile_like"""

    uid: str
    time: str
    favoriteInfo: dict[str, Any]
    voteInfo: dict[str, Any]


class QidianAccount(TypedDict):
    """qidian_get_account_info (go-cqhttp)"""

    master_id: int
    ext_name: str
    create_time: int


# == 动作的结果：群 / results: groups =============================================================


class GroupInfo(TypedDict):
    """get_group_info, get_group_list, get_group_detail_info"""

    group_id: int
    group_name: str
    member_count: NotRequired[int]
    max_member_count: NotRequired[int]
    group_remark: NotRequired[str]  # NapCat
    group_all_shut: NotRequired[int]  # NapCat: -1 全员禁言 / everybody is muted


class GroupMemberInfo(TypedDict):
    """get_group_member_info, get_group_member_list"""

    group_id: int
    user_id: int
    nickname: str
    card: NotRequired[str]  # 群名片 / name in the group, may be ""
    role: NotRequired[Literal["owner", "admin", "member"]]
    title: NotRequired[str]  # 专属头衔 / special title
    title_expire_time: NotRequired[int]
    sex: NotRequired[str]
    age: NotRequired[int]
    area: NotRequired[str]
    level: NotRequired[str]
    join_time: NotRequired[int]
    last_sent_time: NotRequired[int]
    unfriendly: NotRequired[bool]
    card_changeable: NotRequired[bool]
    shut_up_timestamp: NotRequired[int]  # 禁言到什么时候 / muted until
    qq_level: NotRequired[int]
    qage: NotRequired[int]
    is_robot: NotRequired[bool]


class Talkative(TypedDict, total=False):
    """龙王 / the most talkative member; {} when there is none."""

    user_id: int
    nickname: str
    avatar: str
    day_count: int


class Honored(TypedDict):
    """得到荣誉的人 / somebody who won an honour."""

    user_id: int
    nickname: str
    avatar: str
    description: str


class GroupHonorInfo(TypedDict):
    """get_group_honor_info"""

    group_id: int
    current_talkative: NotRequired[Talkative]
    talkative_list: NotRequired[list[Honored]]
    performer_list: NotRequired[list[Honored]]
    legend_list: NotRequired[list[Honored]]
    strong_newbie_list: NotRequired[list[Honored]]
    emotion_list: NotRequired[list[Honored]]


class AtAllRemain(TypedDict):
    """get_group_at_all_remain"""

    can_at_all: bool
    remain_at_all_count_for_group: int
    remain_at_all_count_for_uin: int


class GroupNotice(TypedDict):
    """_get_group_notice"""

    sender_id: int
    publish_time: int
    message: dict[str, Any]
    notice_id: NotRequired[str]
    settings: NotRequired[dict[str, Any]]
    read_num: NotRequired[int]


class PendingRequest(TypedDict):
    """一条还在等的入群请求 / a request that waits; get_group_ignore_add_request"""

    request_id: int
    invitor_uin: NotRequired[int]
    invitor_nick: NotRequired[str]
    requester_nick: NotRequired[str]
    group_id: int
    group_name: NotRequired[str]
    message: NotRequired[str]
    checked: bool
    actor: int


class GroupSystemMessages(TypedDict):
    """get_group_system_msg, get_group_ignored_notifies"""

    invited_requests: list[PendingRequest]
    join_requests: list[PendingRequest]
    InvitedRequest: NotRequired[list[PendingRequest]]  # NapCat


class SignedIn(TypedDict):
    """get_group_signed_list"""

    user_id: int
    nick: str
    time: int
    rank: int


class AlbumList(TypedDict):
    """get_qun_album_list"""

    album_list: list[Any]
    attach_info: str
    has_more: bool


# == 动作的结果：文件 / results: files ============================================================


class FileInfo(TypedDict, total=False):
    """get_file, get_image, get_record"""

    file: str  # OneBot 所在机器上的路径 / a path on OneBot's machine
    url: str
    file_size: str
    file_name: str
    base64: str


class DownloadedFile(TypedDict):
    """download_file(url=...)"""

    file: str  # OneBot 所在机器上的路径 / a path on OneBot's machine


class FileUrl(TypedDict, total=False):
    """get_group_file_url, get_private_file_url"""

    url: str


class SentFile(TypedDict):
    """upload_group_file, upload_private_file"""

    file_id: str | None


class UploadProgress(TypedDict):
    """upload_file_stream"""

    type: Literal["stream", "response"]
    stream_id: str
    status: Literal["file_created", "chunk_received", "file_complete"]
    received_chunks: int
    total_chunks: int
    file_path: NotRequired[str]
    file_size: NotRequired[int]
    sha256: NotRequired[str]


class UploadedFile(TypedDict):
    """upload_file"""

    type: Literal["response"]
    stream_id: str
    status: Literal["file_complete"]
    received_chunks: int
    total_chunks: int
    file_path: str  # 给 upload_group_file / for upload_group_file
    file_size: int
    sha256: str


class GroupFile(TypedDict):
    """群文件 / a file of a group."""

    group_id: NotRequired[int]
    file_id: str
    file_name: str
    busid: int
    file_size: int
    size: NotRequired[int]
    upload_time: int
    dead_time: int
    modify_time: int
    download_times: int
    uploader: int
    uploader_name: str


class GroupFolder(TypedDict):
    """群文件夹 / a folder of a group."""

    group_id: NotRequired[int]
    folder_id: str
    folder: NotRequired[str]
    folder_name: str
    create_time: int
    creator: int
    creator_name: str
    total_file_count: int


class GroupFiles(TypedDict):
    """get_group_root_files, get_group_files_by_folder"""

    files: list[GroupFile]
    folders: list[GroupFolder]


class GroupFileSystem(TypedDict):
    """get_group_file_system_info"""

    file_count: int
    limit_count: int
    used_space: int  # bytes
    total_space: int


class CreatedFolder(TypedDict):
    """create_group_file_folder"""

    result: dict[str, Any]
    groupItem: dict[str, Any]


class MovedFile(TypedDict):
    """move_group_file, rename_group_file, trans_group_file"""

    ok: bool


class FilesetId(TypedDict):
    """get_fileset_id"""

    fileset_id: str


# == 动作的结果：OneBot 自己 / results: OneBot itself =============================================


class VersionInfo(TypedDict):
    """get_version_info"""

    app_name: str  # NapCat.Onebot, go-cqhttp, LLOneBot, Lagrange.OneBot
    app_version: str
    protocol_version: str  # v11


class CanSend(TypedDict):
    """can_send_image, can_send_record"""

    yes: bool


class Cookies(TypedDict):
    """get_cookies"""

    cookies: str
    bkn: NotRequired[str]  # NapCat


class CsrfToken(TypedDict):
    """get_csrf_token"""

    token: int


class Credentials(TypedDict):
    """get_credentials"""

    cookies: str
    csrf_token: NotRequired[int]
    token: NotRequired[int]  # NapCat


class Rkey(TypedDict):
    """get_rkey"""

    type: str
    rkey: str
    created_at: int
    ttl: int


class RkeyServer(TypedDict):
    """get_rkey_server"""

    name: str
    private_rkey: NotRequired[str]
    group_rkey: NotRequired[str]
    expired_time: NotRequired[int]


class ClientKey(TypedDict, total=False):
    """get_clientkey"""

    clientkey: str


class OperationResult(TypedDict):
    """set_group_portrait"""

    result: int  # 0: 成功 / done
    errMsg: str


class ModelVariants(TypedDict):
    """_get_model_show"""

    variants: Any


# == 动作的结果：其他 / results: the rest =========================================================


class UrlSafety(TypedDict):
    """check_url_safely"""

    level: int  # 1 安全，2 未知，3 危险 / 1 safe, 2 not known, 3 dangerous


class WordSlices(TypedDict):
    """.get_word_slices (go-cqhttp)"""

    slices: list[str]


class VoiceText(TypedDict):
    """fetch_ptt_text"""

    text: str


class Translation(TypedDict):
    """translate_en2zh"""

    words: list[str]


class MiniAppArk(TypedDict):
    """get_mini_app_ark"""

    data: Any


class AiCharacters(TypedDict):
    """get_ai_characters"""

    type: str
    characters: list[dict[str, Any]]


class AiRecord(TypedDict):
    """send_group_ai_record"""

    message_id: int


class QzonePost(TypedDict):
    """send_qzone_msg"""

    tid: str
