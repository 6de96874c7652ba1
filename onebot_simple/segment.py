"""消息段：把文字、@、图片等写成普通的 dict，也能读懂收到的消息。

Message segments: text, @, pictures and so on as plain dicts, and help with reading messages.

Every function named after a segment returns ``{"type": ..., "data": {...}}``. A message is a str,
one segment, or a list of segments and strs. Ids may be int or str; what is None is left out.
"The standard" is OneBot 11, the chapters on messages.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from errno import ENOENT
from json import dumps
from os import PathLike
from pathlib import Path
from reprlib import repr as brief
from typing import Any, TypeAlias

Segment: TypeAlias = dict[str, Any]
# a list: of segments and strs; a Mapping: one segment, so that a TypedDict will do, too
Message: TypeAlias = str | Mapping[str, Any] | list[Any]
Media: TypeAlias = str | bytes | PathLike[str]

MAX_MEDIA_BYTES = 30 * 1024 * 1024  # 40 MiB in base64, and NapCat takes WebSocket frames of 50

# without the closing bracket: what turns out invalid at its end is not searched a second time,
# which would let 1 MB of hostile text stop the bot for half an hour
_CQ_START = re.compile(r"\[CQ:(\w+)((?:,\w+=[^,\]]*)*)", re.ASCII)
_CQ_NAME = re.compile(r"\w+", re.ASCII)


def text(text: object) -> Segment:
    """纯文本，里面的 CQ 码不会生效。

    Plain text: a CQ code in it stays text. Source: the standard, "纯文本".
    """
    return _segment("text", text=str(text))


def at(qq: int | str) -> Segment:
    """@某人；``at("all")`` 是@全体成员。

    @ somebody in a group: a QQ number, or "all". Source: the standard, "@某人".
    """
    return _segment("at", qq=qq)


def at_all() -> Segment:
    """@全体成员，机器人需要有权限。

    @ everybody in the group; the bot needs the right to do so. Source: the standard, "@某人".
    """
    return at("all")


def reply(id: int | str) -> Segment:
    """回复（引用）一条消息。

    Quote a message: id is its message_id. Source: the standard, "回复".
    """
    return _segment("reply", id=id)


def face(id: int | str) -> Segment:
    """QQ 表情。

    A QQ face: id is its number. Source: the standard, "QQ 表情".
    """
    return _segment("face", id=id)


def image(
    file: Media,
    *,
    name: str | None = None,
    summary: str | None = None,
    sub_type: int | None = None,
    type: str | None = None,
    cache: bool | None = None,
    proxy: bool | None = None,
    timeout: float | None = None,
) -> Segment:
    """图片；``type="flash"`` 是闪照。

    A picture: file as for `media()`; summary is what the list of chats shows in its place.

    For a URL: cache, proxy, timeout (seconds).
    Source: the standard, "图片"; name, summary and sub_type (1 is a sticker): NapCat.
    """
    url = {"cache": cache, "proxy": proxy, "timeout": timeout}
    picture = _segment("image", file=media(file), name=name, summary=summary, type=type, **url)
    if sub_type is not None:
        picture["data"]["sub_type"] = sub_type  # NapCat wants a number here
    return picture


def record(
    file: Media,
    *,
    magic: bool | None = None,
    cache: bool | None = None,
    proxy: bool | None = None,
    timeout: float | None = None,
) -> Segment:
    """语音；``magic=True`` 是变声。

    A voice message: file as for `media()`; magic changes the voice.

    For a URL: cache, proxy, timeout (seconds). Source: the standard, "语音".
    """
    url = {"cache": cache, "proxy": proxy, "timeout": timeout}
    return _segment("record", file=media(file), magic=magic, **url)


def video(
    file: Media,
    *,
    thumb: Media | None = None,
    name: str | None = None,
    cache: bool | None = None,
    proxy: bool | None = None,
    timeout: float | None = None,
) -> Segment:
    """短视频；``thumb`` 是封面图片。

    A short video: file as for `media()`, and so is thumb, the picture shown before it plays.

    For a URL: cache, proxy, timeout (seconds). Source: the standard, "短视频"; thumb, name: NapCat.
    """
    url = {"cache": cache, "proxy": proxy, "timeout": timeout}
    cover = None if thumb is None else media(thumb)
    return _segment("video", file=media(file), thumb=cover, name=name, **url)


def file(file: Media, *, name: str | None = None) -> Segment:
    """文件；给 ``Path`` 时默认用它自己的文件名。

    A file, as for `media()`; a Path brings its own name unless another is given. Source: NapCat.
    """
    if name is None and isinstance(file, PathLike):
        name = Path(file).name
    return _segment("file", file=media(file), name=name)


def share(url: str, title: str, *, content: str | None = None, image: str | None = None) -> Segment:
    """链接分享。

    A link as a card: content is its description, image the URL of its picture.
    Source: the standard, "链接分享".
    """
    return _segment("share", url=url, title=title, content=content, image=image)


def contact(type: str, id: int | str) -> Segment:
    """推荐好友（``"qq"``）或推荐群（``"group"``）。

    Recommend a person (type "qq") or a group (type "group"); id is the QQ or group number.
    Source: the standard, "推荐好友", "推荐群".
    """
    return _segment("contact", type=type, id=id)


def location(
    lat: float | str, lon: float | str, *, title: str | None = None, content: str | None = None
) -> Segment:
    """位置：纬度和经度。

    A place: latitude and longitude in degrees. Source: the standard, "位置".
    """
    return _segment("location", lat=lat, lon=lon, title=title, content=content)


def music(type: str, id: int | str) -> Segment:
    """音乐分享：``"qq"``、``"163"`` 等平台上的一首歌。

    A song: type is "qq", "163" or "xm", id the song's number there.
    Source: the standard, "音乐分享"; "kugou", "migu" and "kuwo": NapCat.
    """
    return _segment("music", type=type, id=id)


def music_custom(
    url: str, audio: str, title: str, *, image: str | None = None, content: str | None = None
) -> Segment:
    """音乐自定义分享；NapCat 一定要有 ``image``。

    A song from elsewhere: url opens on a click, audio is played; NapCat insists on an image.
    Source: the standard, "音乐自定义分享".
    """
    card = {"url": url, "audio": audio, "title": title, "image": image, "content": content}
    return _segment("music", type="custom", **card)


def forward(id: int | str) -> Segment:
    """合并转发：一份已有的聊天记录。

    Forwarded messages that exist already: id as it was received. Source: the standard, "合并转发".
    """
    return _segment("forward", id=id)


def node(id: int | str) -> Segment:
    """合并转发节点：一条已有的消息。

    One of the messages to forward: id is its message_id. Source: the standard, "合并转发节点".
    """
    return _segment("node", id=id)


def node_custom(user_id: int | str, nickname: str, content: Message) -> Segment:
    """合并转发自定义节点：谁说了什么，可以自己写。

    One of the messages to forward, made up: who says what. A str as content is plain text.
    Source: the standard, "合并转发自定义节点".
    """
    # OneBot would carry out a CQ code in a str, whoever typed it; in a list it stays text
    said = to_list([content] if isinstance(content, str) else content)
    return _segment("node", user_id=user_id, nickname=nickname, content=said)


def json(data: object) -> Segment:
    """JSON 消息（卡片）；不是 str 的数据会先转成 JSON。

    A card in JSON: a str as it is, other data turned into JSON. Source: the standard, "JSON 消息".
    """
    return _segment("json", data=_json_unless_str(data))


def xml(data: str) -> Segment:
    """XML 消息（卡片）；NapCat 不发送它。

    A card in XML; NapCat does not send it. Source: the standard, "XML 消息".
    """
    return _segment("xml", data=data)


def mface(
    emoji_package_id: int | str, emoji_id: str, key: str, summary: str | None = None
) -> Segment:
    """商城表情；参数可以从收到的图片消息段里抄。

    A face from the shop; the image segment in which it was received holds the parameters.
    Source: NapCat.
    """
    sticker = _segment("mface", emoji_id=emoji_id, key=key, summary=summary)
    sticker["data"]["emoji_package_id"] = int(emoji_package_id)  # NapCat wants a number here
    return sticker


def rps() -> Segment:
    """猜拳魔法表情。

    Rock, paper, scissors; QQ draws the result. Source: the standard, "猜拳魔法表情".
    """
    return _segment("rps")


def dice() -> Segment:
    """掷骰子魔法表情。

    A die; QQ rolls it. Source: the standard, "掷骰子魔法表情".
    """
    return _segment("dice")


def shake() -> Segment:
    """窗口抖动（戳一戳）。

    Shake the other one's window. Source: the standard, "窗口抖动（戳一戳）".
    """
    return _segment("shake")


def poke(type: int | str, id: int | str) -> Segment:
    """戳一戳消息；NapCat 请用动作 group_poke、friend_poke。

    A poke: type and id as in the standard's table; NapCat has actions for it instead.
    Source: the standard, "戳一戳".
    """
    return _segment("poke", type=type, id=id)


def anonymous(ignore: bool | None = None) -> Segment:
    """匿名发消息，放在消息的最前面。

    Send anonymously; goes first. ignore: where that is impossible, send under the bot's own name.
    Source: the standard, "匿名发消息".
    """
    return _segment("anonymous", ignore=ignore)


def media(file: Media) -> str:
    """图片、语音、视频、文件的来源，变成消息段里的字符串。

    Where a picture or another file comes from, as the str that a segment holds.

    A str (URL, base64://..., a path on OneBot's machine) stays as it is. A pathlib.Path or bytes
    are read here and become base64://..., so they also work when OneBot runs elsewhere.
    Errors: FileNotFoundError; ValueError over 30 MiB. Source: the standard, "图片".
    """
    if isinstance(file, str):
        return file
    if isinstance(file, PathLike):
        file = _read(Path(file))
    if not isinstance(file, bytes):
        raise TypeError(
            f"a str, a pathlib.Path or bytes is needed, not {brief(file)}. "
            "打开的文件请先 .read()，得到 bytes。"
        )
    _check_size(len(file), "this file")
    return "base64://" + b64encode(file).decode("ascii")


def plain_text(message: Message) -> str:
    """消息或事件里的纯文本，别的消息段都跳过。

    The plain text of a message or of an event, without all its other segments.

    Takes what `to_list()` takes. Source: the standard, "纯文本".
    """
    return "".join(_text_of(part) for part in to_list(message) if part["type"] == "text")


def to_list(message: Message) -> list[Segment]:
    """把消息或事件变成消息段的列表，不管它是字符串格式还是数组格式。

    The segments of a message or of an event, in whichever format it came; [] when it has none.

    A str is read as CQ code, but a str inside a list is text. The list is new; malformed entries
    are left out. Errors: TypeError for what is no message. Source: the standard, "消息格式".
    """
    if isinstance(message, str):
        return from_cq(message)
    if isinstance(message, list):
        return [part for part in map(_part, message) if part]
    if isinstance(message, dict):
        if "post_type" in message or ("message" in message and "type" not in message):
            return to_list(_content(message))
        if isinstance(message.get("type"), str):
            return to_list([message])
    raise TypeError(
        f"a message or an event is needed, not {brief(message)}. "
        "消息是字符串、消息段，或者由它们组成的列表。"
    )


def from_cq(text: str) -> list[Segment]:
    """把带 CQ 码的字符串变成消息段的列表。

    Read a str with CQ codes: a list of segments. What is no valid CQ code stays text.
    Source: the standard, "字符串格式"; what is valid: NapCat.
    """
    segments: list[Segment] = []
    done = 0
    for code in _CQ_START.finditer(text):
        if text[code.end() : code.end() + 1] == "]":
            segments += _text_if_any(text[done : code.start()])
            pairs = (pair.split("=", 1) for pair in code[2].split(",")[1:])
            data = {key: unescape(value) for key, value in pairs}
            segments.append({"type": code[1], "data": data})
            done = code.end() + 1
    return segments + _text_if_any(text[done:])


def to_cq(message: Message) -> str:
    """把消息写成带 CQ 码的字符串，`from_cq()` 的反方向。

    Write a message as a str with CQ codes, the reverse of `from_cq()`.

    Takes what `to_list()` takes. Lists and dicts become JSON. Errors: ValueError for a name that
    CQ codes cannot hold. Source: the standard, "字符串格式".
    """
    return "".join(map(_cq_code, to_list(message)))


def escape(text: str, comma: bool = False) -> str:
    """转义 ``&``、``[``、``]``；``comma=True`` 时还有逗号，用于 CQ 码的参数值。

    Escape text for a str with CQ codes; comma=True for a value inside a CQ code.
    Source: the standard, "字符串格式".
    """
    text = text.replace("&", "&amp;").replace("[", "&#91;").replace("]", "&#93;")
    return text.replace(",", "&#44;") if comma else text


def unescape(text: str) -> str:
    """`escape()` 的反方向。

    The reverse of `escape()`, for text and for values. Source: the standard, "字符串格式".
    """
    text = text.replace("&#44;", ",").replace("&#91;", "[").replace("&#93;", "]")
    return text.replace("&amp;", "&")  # last, or "&amp;#91;" would become a bracket


def _segment(kind: str, /, **data: Any) -> Segment:
    return {"type": kind, "data": {key: _wire(data[key]) for key in data if data[key] is not None}}


def _wire(value: object) -> object:
    """Segments hold strings, in both directions; only the content of a node is a list."""
    if isinstance(value, bool):
        return "1" if value else "0"  # go-cqhttp takes the string "true" for a no
    return value if isinstance(value, list) else str(value)


def _read(path: Path) -> bytes:
    try:
        _check_size(path.stat().st_size, str(path))
    except FileNotFoundError:
        said = "no such file 没有这个文件：检查路径，或者写成绝对路径"
        raise FileNotFoundError(ENOENT, said, str(path.absolute())) from None
    return path.read_bytes()


def _check_size(size: int, name: str) -> None:
    if size > MAX_MEDIA_BYTES:
        raise ValueError(
            f"{name} is {size / 1024 / 1024:.1f} MiB, more than the 30 MiB a message can carry: "
            "give a URL, or a str with its path on OneBot's machine. "
            "文件太大：请改用网址，或者 OneBot 所在机器上的路径（str）。"
        )


def _part(part: object) -> Segment | None:
    """One entry of a list as a segment of its own; None if it is malformed."""
    if isinstance(part, str):
        return text(part)
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return None
    data = part.get("data")
    return {"type": part["type"], "data": dict(data) if isinstance(data, dict) else {}}


def _content(event: Mapping[str, Any]) -> Any:
    message = event.get("message")
    if message is None:
        message = event.get("raw_message")
    return message if isinstance(message, (str, list)) else [message]


def _text_of(segment: Segment) -> str:
    value = segment["data"].get("text")
    return str(value) if isinstance(value, (str, int, float)) else ""


def _text_if_any(escaped: str) -> list[Segment]:
    return [text(unescape(escaped))] if escaped else []


def _cq_code(segment: Segment) -> str:
    if segment["type"] == "text":
        return escape(_text_of(segment))
    code = _cq_name(segment["type"])
    for key, value in segment["data"].items():
        if value is not None:
            code += f",{_cq_name(key)}={escape(_json_unless_str(value), comma=True)}"
    return f"[CQ:{code}]"


def _cq_name(name: str) -> str:
    if not _CQ_NAME.fullmatch(name):
        raise ValueError(
            f"a CQ code cannot hold the name {name!r}: only a-z, A-Z, 0-9 and _ are allowed. "
            "CQ 码里写不出这个名字，请直接发送消息段。"
        )
    return name


def _json_unless_str(value: object) -> str:
    # not ASCII-escaped: so NapCat writes cards; and numbers, true and false come out right, too
    if isinstance(value, str):
        return value
    return dumps(value, ensure_ascii=False, separators=(",", ":"))
