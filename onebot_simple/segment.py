"""消息段：把文字、@、图片等写成普通的 dict，也能读懂收到的消息。

Message segments: text, @, pictures and so on as plain dicts, and help with reading messages.

Every function named after a segment returns ``{"type": ..., "data": {...}}``. A message is a str,
one segment, or a list of segments and strs. Ids may be int or str. An optional value that is None
is left out, a required one is a TypeError.
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

# The last bracket may be missing, and then it is no code. A pattern that insisted on the bracket
# would search the same text again and again: 1 MB of hostile text would take half an hour.
_CQ_CODE = re.compile(r"\[CQ:(\w+)((?:,\w+=[^,\]]*)*)(\]?)", re.ASCII)
_CQ_NAME = re.compile(r"\w+", re.ASCII)
_IDS = {"qq", "id", "user_id", "emoji_id"}
_NUMBERS = {"sub_type", "emoji_package_id"}  # NapCat wants numbers here, and strings elsewhere


def text(text: object) -> Segment:
    """纯文本，里面的 CQ 码不会生效；数字等等会先变成字符串。

    Plain text: a CQ code in it stays text. Other values than a str become one first; None is a
    TypeError. Source: the standard, "纯文本".
    """
    return _segment("text", {"text": None if text is None else str(text)})


def at(qq: int | str) -> Segment:
    """@某人；``at("all")`` 是@全体成员。

    @ somebody in a group: a QQ number, or "all". Source: the standard, "@某人".
    """
    return _segment("at", {"qq": qq})


def at_all() -> Segment:
    """@全体成员，机器人需要有权限。

    @ everybody in the group; the bot needs the right to. Source: the standard, "@某人".
    """
    return at("all")


def reply(id: int | str, *, seq: int | str | None = None) -> Segment:
    """回复（引用）一条消息。

    Quote a message: id is its message_id. seq is its number in the chat, which NapCat prefers.
    Source: the standard, "回复"; seq: NapCat.
    """
    return _segment("reply", {"id": id}, seq=seq)


def face(id: int | str) -> Segment:
    """QQ 表情。

    A QQ face: id is its number. Source: the standard, "QQ 表情".
    """
    return _segment("face", {"id": id})


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
    cache, proxy and timeout (seconds) are for a URL.
    Source: the standard, "图片"; name, summary and sub_type (1 is a sticker): NapCat.
    """
    shown = {"name": name, "summary": summary, "sub_type": sub_type, "type": type}
    url = {"cache": cache, "proxy": proxy, "timeout": timeout}
    return _segment("image", {"file": media(file)}, **shown, **url)


def record(
    file: Media,
    *,
    magic: bool | None = None,
    cache: bool | None = None,
    proxy: bool | None = None,
    timeout: float | None = None,
) -> Segment:
    """语音；``magic=True`` 是变声。

    A voice message: magic changes the voice, the rest as for `image()`.

    Source: the standard, "语音".
    """
    url = {"cache": cache, "proxy": proxy, "timeout": timeout}
    return _segment("record", {"file": media(file)}, magic=magic, **url)


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
    The rest as for `image()`. Source: the standard, "短视频"; thumb, name: NapCat.
    """
    url = {"cache": cache, "proxy": proxy, "timeout": timeout}
    cover = None if thumb is None else media(thumb)
    return _segment("video", {"file": media(file)}, thumb=cover, name=name, **url)


def file(file: Media, *, name: str | None = None) -> Segment:
    """文件；给 ``Path`` 时默认用它自己的文件名。

    A file, as for `media()`; a Path brings its own name unless another is given. Source: NapCat.
    """
    if name is None and isinstance(file, PathLike):
        name = Path(file).name
    return _segment("file", {"file": media(file)}, name=name)


def share(url: str, title: str, *, content: str | None = None, image: str | None = None) -> Segment:
    """链接分享。

    A link as a card: content describes it, image is a URL. Source: the standard, "链接分享".
    """
    return _segment("share", {"url": url, "title": title}, content=content, image=image)


def contact(type: str, id: int | str) -> Segment:
    """推荐好友（``"qq"``）或推荐群（``"group"``）。

    Recommend a person (type "qq") or a group (type "group"); id is the QQ or group number.
    Source: the standard, "推荐好友", "推荐群".
    """
    return _segment("contact", {"type": type, "id": id})


def location(
    lat: float | str, lon: float | str, *, title: str | None = None, content: str | None = None
) -> Segment:
    """位置：纬度和经度。

    A place: latitude and longitude in degrees. Source: the standard, "位置".
    """
    return _segment("location", {"lat": lat, "lon": lon}, title=title, content=content)


def music(type: str, id: int | str) -> Segment:
    """音乐分享：``"qq"``、``"163"`` 等平台上的一首歌。

    A song: type is "qq", "163" or "xm", id the song's number there.
    Source: the standard, "音乐分享"; "kugou", "migu" and "kuwo": NapCat.
    """
    return _segment("music", {"type": type, "id": id})


def music_custom(
    url: str, audio: str, title: str, *, image: str | None = None, content: str | None = None
) -> Segment:
    """音乐自定义分享；NapCat 一定要有 ``image``。

    A song from elsewhere: url opens on a click, audio is played; NapCat insists on an image.
    Source: the standard, "音乐自定义分享".
    """
    song = {"type": "custom", "url": url, "audio": audio, "title": title}
    return _segment("music", song, image=image, content=content)


def forward(id: int | str) -> Segment:
    """合并转发：一份已有的聊天记录。

    Forwarded messages that exist already: id as it was received. Source: the standard, "合并转发".
    """
    return _segment("forward", {"id": id})


def node(id: int | str) -> Segment:
    """合并转发节点：一条已有的消息。

    One of the messages to forward: id is its message_id. Source: the standard, "合并转发节点".
    """
    return _segment("node", {"id": id})


def node_custom(
    user_id: int | str,
    nickname: str,
    content: Message,
    *,
    source: str | None = None,
    news: list[dict[str, str]] | None = None,
    summary: str | None = None,
    prompt: str | None = None,
    time: int | str | None = None,
) -> Segment:
    """合并转发自定义节点：谁说了什么，可以自己写。

    One of the messages to forward, made up: who says what. A str as content is plain text.

    Of a content that is forwarded messages itself: source is the title of their card,
    news ([{"text": str}, ...]) its lines, summary the line below, prompt what the list of chats
    shows. time: of the message, in seconds since 1970.
    Source: the standard, "合并转发自定义节点"; all that is optional: NapCat.
    """
    said = to_list(content) if _is_event(content) else check(content, "node_custom: content")
    needed = {"user_id": user_id, "nickname": nickname, "content": said}
    card = {"source": source, "news": news, "summary": summary, "prompt": prompt, "time": time}
    return _segment("node", needed, **card)


def json(data: object) -> Segment:
    """JSON 消息（卡片）；不是 str 的数据会先转成 JSON。

    A card in JSON: a str as it is, other data turned into JSON. Source: the standard, "JSON 消息".
    """
    return _segment("json", {"data": None if data is None else _json_unless_str(data)})


def xml(data: str) -> Segment:
    """XML 消息（卡片）；NapCat 不发送它。

    A card in XML; NapCat does not send it. Source: the standard, "XML 消息".
    """
    return _segment("xml", {"data": data})


def markdown(content: str) -> Segment:
    """Markdown 消息；QQ 不一定接受。

    A message in Markdown; NapCat passes it on, but QQ may refuse it. Source: NapCat.
    """
    return _segment("markdown", {"content": content})


def mface(
    emoji_package_id: int | str, emoji_id: str, key: str, summary: str | None = None
) -> Segment:
    """商城表情；参数可以从收到的图片消息段里抄。

    A face from the shop; copy the parameters from an image segment that came. Source: NapCat.
    """
    face = {"emoji_package_id": emoji_package_id, "emoji_id": emoji_id, "key": key}
    return _segment("mface", face, summary=summary)


def rps() -> Segment:
    """猜拳魔法表情。

    Rock, paper, scissors; QQ draws the result. Source: the standard, "猜拳魔法表情".
    """
    return _segment("rps", {})


def dice() -> Segment:
    """掷骰子魔法表情。

    A die; QQ rolls it. Source: the standard, "掷骰子魔法表情".
    """
    return _segment("dice", {})


def shake() -> Segment:
    """窗口抖动（戳一戳）。

    Shake the other one's window. Source: the standard, "窗口抖动（戳一戳）".
    """
    return _segment("shake", {})


def poke(type: int | str, id: int | str) -> Segment:
    """戳一戳消息；NapCat 请用动作 group_poke、friend_poke。

    A poke: type and id as in the standard's table; NapCat has actions for it instead.
    Source: the standard, "戳一戳".
    """
    return _segment("poke", {"type": type, "id": id})


def anonymous(ignore: bool | None = None) -> Segment:
    """匿名发消息，放在消息的最前面。

    Send anonymously; goes first. ignore: where that is impossible, send under the bot's own name.
    Source: the standard, "匿名发消息".
    """
    return _segment("anonymous", {}, ignore=ignore)


def _segment(kind: str, needed: dict[str, Any], /, **optional: Any) -> Segment:
    data = {name: _wire(kind, name, value) for name, value in needed.items()}
    for name, value in optional.items():
        if value is not None:
            data[name] = _wire(kind, name, value)
    return {"type": kind, "data": data}


def _wire(kind: str, name: str, value: Any) -> object:
    """The value as a segment holds it: mostly a str, only lists (content and news) stay lists."""
    is_bool = isinstance(value, bool)
    if name in _NUMBERS:
        if not str(value).isdecimal():
            raise _wrong(f"{kind}: {name}", "整数", "a whole number", value)
        return int(value)
    if name in _IDS and (is_bool or value == "" or not isinstance(value, (int, str))):
        raise _wrong(f"{kind}: {name}", "号码（整数或字符串）", "an id, an int or a str", value)
    if value is None:
        raise _wrong(f"{kind}: {name}", "一个值", "a value", value)
    if is_bool:
        return "1" if value else "0"  # go-cqhttp takes the string "true" for a no
    return value if isinstance(value, list) else str(value)


def _wrong(name: str, chinese: str, english: str, given: object) -> TypeError:
    shown = brief(given)
    return TypeError(
        f"{name} 要写成{chinese}，不能是 {shown}。 {name} must be {english}, not {shown}."
    )


def media(file: Media) -> str:
    """图片、语音、视频、文件的来源，变成消息段里的字符串。

    Where a picture or another file comes from, as the str that a segment holds.

    A str (URL, base64://..., a path on OneBot's machine) stays as it is. A pathlib.Path or bytes
    are read here and become base64://..., so they also work when OneBot runs elsewhere.
    Errors: FileNotFoundError; ValueError over 30 MiB. Source: the standard, "图片".
    """
    if isinstance(file, str):
        return file
    name, content = "bytes", file
    if isinstance(file, PathLike):
        name = str(Path(file).absolute())
        if Path(name).is_dir() or not Path(name).exists():
            said = "没有这个文件，路径对吗？ there is no such file, is the path right?"
            raise FileNotFoundError(ENOENT, said, name)
        with open(name, "rb") as opened:
            content = opened.read(MAX_MEDIA_BYTES + 1)
    if not isinstance(content, bytes):
        chinese = "字符串、pathlib.Path 或 bytes（打开的文件先 read()）"
        raise _wrong("file", chinese, "a str, a pathlib.Path or bytes (.read() a file)", content)
    if len(content) > MAX_MEDIA_BYTES:
        raise ValueError(
            f"{name} 超过 30 MiB，一条消息放不下：先用 upload_file() 传，或者给网址。 "
            f"{name} is more than the 30 MiB of a message: use upload_file() first, or give a URL."
        )
    return "base64://" + b64encode(content).decode()


def plain_text(message: Message) -> str:
    """消息或事件里的纯文本，别的消息段都跳过。

    The plain text in whatever `to_list()` takes. Source: the standard, "纯文本".
    """
    return "".join(_text_of(part) for part in to_list(message) if part["type"] == "text")


def to_list(message: Message) -> list[Segment]:
    """把消息或事件变成消息段的列表，不管它是字符串格式还是数组格式。

    The segments of a message or of an event, in whichever format it came; [] when it has none.

    A str is read as CQ code, but a str inside a list is text. The list is new. Malformed entries
    are left out, for a bot must live with what others send; what it sends itself, `check()` checks.
    Errors: TypeError for what is no message. Source: the standard, "消息格式".
    """
    if isinstance(message, str):
        return from_cq(message)
    if isinstance(message, list):
        return [part for part in map(_part, message) if part]
    if _is_event(message):
        content = message.get("message") or message.get("raw_message") or []
        return to_list(content if isinstance(content, (str, list)) else [content])
    if part := _part(message):
        return [part]
    raise _wrong("message", "消息或事件", "a message or an event", message)


def _is_event(message: Any) -> bool:
    return isinstance(message, dict) and (
        "post_type" in message or ("message" in message and "type" not in message)
    )


def _part(part: object) -> Segment | None:
    """One entry of a list as a segment of its own; None if it is malformed."""
    if isinstance(part, str):
        return text(part)
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return None
    data = part.get("data")
    return {"type": part["type"], "data": dict(data) if isinstance(data, dict) else {}}


def _text_of(segment: Segment) -> str:
    value = segment["data"].get("text")
    return str(value) if isinstance(value, (str, int, float)) else ""


def check(message: Any, name: str = "message") -> list[Segment]:
    """检查一条要发送的消息，返回它的消息段；写错了就说出错在哪里。

    Check a message that is to be sent, and return its segments. A str is plain text.

    name: what the message is called in the error. Errors: TypeError that names what is wrong,
    such as ``message[1]``. Source: the standard, "消息格式".
    """
    if not isinstance(message, list):
        return [_checked(message, name)]
    return [_checked(part, f"{name}[{index}]") for index, part in enumerate(message)]


def _checked(part: Any, name: str) -> Any:
    if isinstance(part, str):
        return text(part)
    data = part.get("data") if isinstance(part, dict) else None
    if not isinstance(data, dict) or not isinstance(part.get("type"), str):
        form = '{"type": ..., "data": {...}}'
        chinese = f"字符串（数字写成 str(42)）或者消息段 {form}（几个放进一个列表）"
        english = f"a str (a number as str(42)) or a segment, {form} (several in one list)"
        raise _wrong(name, chinese, english, part)
    content = data.get("content") if part["type"] == "node" else None
    if content is None or isinstance(content, str):  # OneBot reads such a str as CQ code
        return part
    return {**part, "data": {**data, "content": check(content, f'{name}["data"]["content"]')}}


def from_cq(text: str) -> list[Segment]:
    """把带 CQ 码的字符串变成消息段的列表。

    Read a str with CQ codes: a list of segments. What is no valid CQ code stays text.
    Source: the standard, "字符串格式"; what is valid: NapCat.
    """
    if not isinstance(text, str):  # perhaps event["message"], which is a list already
        raise _wrong("from_cq(...)", "字符串", "a str", text)
    segments: list[Segment] = []
    done = 0
    for code in _CQ_CODE.finditer(text):
        if code[3]:
            segments += _text_if_any(text[done : code.start()])
            pairs = (pair.split("=", 1) for pair in code[2].split(",")[1:])
            data = {key: unescape(value) for key, value in pairs}
            segments.append({"type": code[1], "data": data})
            done = code.end()
    return segments + _text_if_any(text[done:])


def _text_if_any(escaped: str) -> list[Segment]:
    return [text(unescape(escaped))] if escaped else []


def to_cq(message: Message) -> str:
    """把消息写成带 CQ 码的字符串，`from_cq()` 的反方向。

    Write a message as a str with CQ codes, the reverse of `from_cq()`.

    Takes what `to_list()` takes. Lists and dicts become JSON. Errors: ValueError for a name that
    CQ codes cannot hold. Source: the standard, "字符串格式".
    """
    return "".join(map(_cq_code, to_list(message)))


def _cq_code(segment: Segment) -> str:
    kind, data = segment["type"], segment["data"]
    if kind == "text":
        return escape(_text_of(segment))
    for name in (kind, *data):
        if not _CQ_NAME.fullmatch(name):
            raise ValueError(
                f"CQ 码里只能用 a-z、A-Z、0-9 和 _，写不出 {name!r}：请直接发送消息段。 "
                f"A CQ code holds only a-z, A-Z, 0-9 and _, not {name!r}: send the segment itself."
            )
    code = kind
    for name, value in data.items():
        if value is not None:
            code += f",{name}={escape(_json_unless_str(value), comma=True)}"
    return f"[CQ:{code}]"


def _json_unless_str(value: object) -> str:
    # not ASCII-escaped, as NapCat writes cards; numbers, true and false come out right, too
    if isinstance(value, str):
        return value
    return dumps(value, ensure_ascii=False, separators=(",", ":"))


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
