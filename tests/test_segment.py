"""Message segments, and reading messages in both wire formats."""

from __future__ import annotations

import base64
import copy
import re
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebot_simple import segment
from onebot_simple.segment import Message, Segment

Data = dict[str, Any]

# -- what each function returns -------------------------------------------------------------------

CARD: dict[str, Any] = {
    "source": "群聊",
    "news": [{"text": "A: hi"}],
    "summary": "查看",
    "prompt": "[聊天记录]",
    "time": 1700000000,
}
CARD_DATA = CARD | {"time": "1700000000"}
SEGMENTS: list[tuple[Segment, str, Data]] = [
    (segment.text("hi"), "text", {"text": "hi"}),
    (segment.text(5), "text", {"text": "5"}),
    (segment.at(10001), "at", {"qq": "10001"}),
    (segment.at("10001"), "at", {"qq": "10001"}),
    (segment.at("all"), "at", {"qq": "all"}),
    (segment.at_all(), "at", {"qq": "all"}),
    (segment.reply(-7), "reply", {"id": "-7"}),
    (segment.face(178), "face", {"id": "178"}),
    (segment.image("a.jpg"), "image", {"file": "a.jpg"}),
    (
        segment.image("http://x/", cache=False, proxy=True, timeout=3, type="flash"),
        "image",
        {"file": "http://x/", "cache": "0", "proxy": "1", "timeout": "3", "type": "flash"},
    ),
    (
        segment.image("a", name="b.png", summary="[cat]", sub_type=1),
        "image",
        {"file": "a", "name": "b.png", "summary": "[cat]", "sub_type": 1},
    ),
    (segment.record("a.amr", magic=True), "record", {"file": "a.amr", "magic": "1"}),
    (
        segment.video(b"v", thumb=b"t", name="v.mp4"),
        "video",
        {"file": "base64://dg==", "thumb": "base64://dA==", "name": "v.mp4"},
    ),
    (segment.file("/tmp/a.txt"), "file", {"file": "/tmp/a.txt"}),
    (segment.file(b"a", name="a.txt"), "file", {"file": "base64://YQ==", "name": "a.txt"}),
    (segment.share("u", "t"), "share", {"url": "u", "title": "t"}),
    (
        segment.share("u", "t", content="c", image="i"),
        "share",
        {"url": "u", "title": "t", "content": "c", "image": "i"},
    ),
    (segment.contact("group", 30001), "contact", {"type": "group", "id": "30001"}),
    (segment.location(39.9, "116.3"), "location", {"lat": "39.9", "lon": "116.3"}),
    (segment.music("163", 28949129), "music", {"type": "163", "id": "28949129"}),
    (
        segment.music_custom("u", "a", "t", image="i"),
        "music",
        {"type": "custom", "url": "u", "audio": "a", "title": "t", "image": "i"},
    ),
    (segment.forward(123), "forward", {"id": "123"}),
    (segment.node(123), "node", {"id": "123"}),
    (segment.markdown("# 标题"), "markdown", {"content": "# 标题"}),
    (segment.reply(5, seq=88), "reply", {"id": "5", "seq": "88"}),
    (segment.json('{"a":1}'), "json", {"data": '{"a":1}'}),
    (segment.json({"app": "天气", "ok": True}), "json", {"data": '{"app":"天气","ok":true}'}),
    (segment.xml("<a/>"), "xml", {"data": "<a/>"}),
    (
        segment.mface("231", "abc", "key"),
        "mface",
        {"emoji_package_id": 231, "emoji_id": "abc", "key": "key"},
    ),
    (segment.rps(), "rps", {}),
    (segment.dice(), "dice", {}),
    (segment.shake(), "shake", {}),
    (segment.poke(126, 2003), "poke", {"type": "126", "id": "2003"}),
    (segment.anonymous(), "anonymous", {}),
    (segment.anonymous(ignore=True), "anonymous", {"ignore": "1"}),
]


@pytest.mark.parametrize(("made", "kind", "data"), SEGMENTS)
def test_a_segment_is_a_plain_dict(made: Segment, kind: str, data: Data) -> None:
    assert made == {"type": kind, "data": data}


def test_the_content_of_a_node_is_a_list_in_which_a_str_is_text() -> None:
    code = "[CQ:image,file=/etc/passwd]"
    plain = [segment.text(code)]
    assert segment.node_custom(20001, "Alice", code)["data"] == {
        "user_id": "20001",
        "nickname": "Alice",
        "content": plain,
    }
    assert segment.node_custom(1, "A", [code])["data"]["content"] == plain
    assert segment.node_custom(1, "A", segment.face(1))["data"]["content"] == [segment.face(1)]
    event = {"post_type": "message", "message": [segment.face(1), {"type": "dice"}]}
    assert segment.node_custom(1, "A", event)["data"]["content"][1]["type"] == "dice"
    assert segment.node_custom(1, "A", "", **CARD)["data"] == {
        "user_id": "1",
        "nickname": "A",
        "content": [segment.text("")],
        **CARD_DATA,
    }


ARGUMENTS_AND_WHAT_IS_WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (segment.text, "text: text must be a value"),
    (segment.at, "at: qq must be an id, an int or a str"),
    (segment.reply, "reply: id must be an id, an int or a str"),
    (segment.face, "face: id must be an id"),
    (segment.image, "file must be a str, a pathlib.Path or bytes"),
    (segment.record, "file must be a str, a pathlib.Path or bytes"),
    (segment.video, "file must be a str, a pathlib.Path or bytes"),
    (segment.file, "file must be a str, a pathlib.Path or bytes"),
    (lambda none: segment.share(none, "t"), "share: url must be a value"),
    (lambda none: segment.share("u", none), "share: title must be a value"),
    (lambda none: segment.contact("qq", none), "contact: id must be an id"),
    (lambda none: segment.contact(none, 1), "contact: type must be a value"),
    (lambda none: segment.location(1, none), "location: lon must be a value"),
    (lambda none: segment.music("163", none), "music: id must be an id"),
    (lambda none: segment.music_custom("u", none, "t"), "music: audio must be a value"),
    (segment.forward, "forward: id must be an id"),
    (segment.node, "node: id must be an id"),
    (lambda none: segment.node_custom(none, "A", "hi"), "node: user_id must be an id"),
    (lambda none: segment.node_custom(1, none, "hi"), "node: nickname must be a value"),
    (
        lambda none: segment.node_custom(1, "A", none),
        "content must be a str.* or a segment",
    ),
    (segment.json, "json: data must be a value"),
    (segment.xml, "xml: data must be a value"),
    (segment.markdown, "markdown: content must be a value"),
    (lambda none: segment.mface(none, "a", "k"), "mface: emoji_package_id must be a whole number"),
    (lambda none: segment.mface(1, "a", none), "mface: key must be a value"),
    (lambda none: segment.poke(1, none), "poke: id must be an id"),
]


@pytest.mark.parametrize(("make", "said"), ARGUMENTS_AND_WHAT_IS_WRONG)
def test_none_where_a_value_is_needed_is_refused_by_its_name(
    make: Callable[[Any], Any], said: str
) -> None:
    with pytest.raises(TypeError, match=f"{said}.*None") as caught:
        make(None)
    assert not str(caught.value).isascii()


@pytest.mark.parametrize("wrong", ["", True, 1.5, [1], {"user_id": 1}, b"1"])
def test_what_is_no_id_is_refused(wrong: Any) -> None:
    for make in (segment.at, segment.reply, segment.forward):
        with pytest.raises(TypeError, match="要写成号码.*must be an id, an int or a str"):
            make(wrong)


@pytest.mark.parametrize("wrong", ["x", "1.5", 1.5, "-1", [1], True])
def test_a_number_is_a_whole_one(wrong: Any) -> None:
    said = "要写成整数.*must be a whole number, not"
    with pytest.raises(TypeError, match=f"image: sub_type {said}"):
        segment.image("a", sub_type=wrong)
    with pytest.raises(TypeError, match=f"mface: emoji_package_id {said}"):
        segment.mface(wrong, "a", "k")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"type": "image", "file": "a.png"}, r'content must be .*"data".*, not .*a\.png.*image'),
        (["hi", {"type": "at"}], r"""content\[1\] must be .*"data".*, not {'type': 'at'}"""),
        ([5], r"content\[0\] must be a str \(a number as str\(42\)\) .*, not 5"),
    ],
)
def test_the_content_of_a_node_must_be_a_message(content: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        segment.node_custom(1, "A", content)


@pytest.mark.parametrize(
    "message", ["", "hi", [], ["a", segment.face(1)], segment.rps(), [segment.node(1)]]
)
def test_what_can_be_sent_passes_the_check(message: Any) -> None:
    segment.check(message)


# -- pictures and other files ---------------------------------------------------------------------


def test_a_str_is_sent_as_it_is_even_if_a_file_here_has_that_name(tmp_path: Path) -> None:
    here = tmp_path / "secret.txt"
    here.write_text("what a stranger must not get")
    for source in ("https://example.com/a.jpg", "base64://YQ==", "no such file.jpg", ""):
        assert segment.media(source) == source
    for source in (str(here), here.as_uri(), f"{tmp_path}/../{tmp_path.name}/secret.txt"):
        assert segment.media(source) == source
        assert segment.image(source)["data"] == {"file": source}


def test_a_path_and_bytes_are_read_here(tmp_path: Path) -> None:
    content = bytes(range(256))
    picture = tmp_path / "猫 cat.png"
    picture.write_bytes(content)
    encoded = "base64://" + base64.b64encode(content).decode()
    assert segment.media(content) == segment.media(picture) == encoded
    assert segment.image(picture)["data"]["file"] == encoded


def test_whatever_knows_its_path_counts_as_a_path(tmp_path: Path) -> None:
    class Picture:
        def __fspath__(self) -> str:
            return str(tmp_path / "a.png")

    (tmp_path / "a.png").write_bytes(b"a")
    assert segment.media(Picture()) == "base64://YQ=="
    assert segment.file(Picture())["data"]["name"] == "a.png"


def test_a_file_keeps_its_name_unless_it_is_given_another(tmp_path: Path) -> None:
    report = tmp_path / "报告.txt"
    report.write_bytes(b"a")
    assert segment.file(report)["data"] == {"file": "base64://YQ==", "name": "报告.txt"}
    assert segment.file(report, name="b.txt")["data"]["name"] == "b.txt"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    with pytest.raises(FileNotFoundError, match="missing.png") as caught:
        segment.image(missing)
    assert caught.value.filename == str(missing)
    with pytest.raises(FileNotFoundError, match="没有这个文件.*is the path right"):
        segment.image(tmp_path)  # a folder


def test_a_file_that_is_too_big_is_not_read_to_its_end(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    with film.open("wb") as file:
        file.truncate(100_000 * segment.MAX_MEDIA_BYTES)  # sparse: takes no space
    with pytest.raises(ValueError, match=r"film.mp4 超过 30 MiB.*film.mp4 is more.*give a URL"):
        segment.video(film)


def test_the_limit_itself_is_allowed_and_holds_for_bytes() -> None:
    assert segment.media(bytes(segment.MAX_MEDIA_BYTES)) == f"base64://{'AAAA' * (10 * 1024**2)}"
    with pytest.raises(ValueError, match="give a URL"):
        segment.media(bytes(segment.MAX_MEDIA_BYTES + 1))


def test_an_open_file_is_refused_with_advice() -> None:
    not_media: Any = BytesIO(b"a")
    with pytest.raises(TypeError, match=r"\.read\(\).*, not <_io.BytesIO"):
        segment.image(not_media)


# -- reading messages and events ------------------------------------------------------------------

HELLO = [segment.at(10001), segment.text(" hi")]
AS_ARRAY: Data = {"post_type": "message", "message": HELLO, "raw_message": "not used"}
AS_STRING: Data = {"post_type": "message", "message": "[CQ:at,qq=10001] hi"}


@pytest.mark.parametrize(
    "message",
    [
        HELLO,
        "[CQ:at,qq=10001] hi",
        [segment.at(10001), " hi"],
        AS_ARRAY,
        AS_STRING,
        {"post_type": "message", "raw_message": "[CQ:at,qq=10001] hi"},
        {"post_type": "message", "message": None, "raw_message": "[CQ:at,qq=10001] hi"},
        {"message_id": 1, "message": HELLO},  # as get_msg returns it
    ],
)
def test_every_form_of_a_message_reads_the_same(message: Message) -> None:
    before = copy.deepcopy(message)
    assert segment.to_list(message) == HELLO
    assert segment.plain_text(message) == " hi"
    assert message == before


def test_a_segment_alone_is_a_message() -> None:
    assert segment.to_list(segment.face(1)) == [segment.face(1)]
    assert segment.to_list({"post_type": "message", "message": segment.face(1)}) == [
        segment.face(1)
    ]


def test_a_str_in_a_list_is_text_even_if_it_looks_like_a_cq_code() -> None:
    assert segment.to_list(["[CQ:face,id=1]", segment.face(2)]) == [
        segment.text("[CQ:face,id=1]"),
        segment.face(2),
    ]


def test_changing_the_list_does_not_change_the_event() -> None:
    segments = segment.to_list(AS_ARRAY)
    segments[0]["data"]["qq"] = "1"
    segments.pop()
    assert AS_ARRAY["message"] == [segment.at(10001), segment.text(" hi")]


def test_an_event_without_a_message_has_no_segments() -> None:
    notice = {"post_type": "notice", "notice_type": "notify", "type": "x"}
    assert segment.to_list(notice) == []
    assert segment.plain_text(notice) == ""


@pytest.mark.parametrize("message", [None, 5, {}, [5, None, [[]], {}, {"type": 5}, {"data": {}}]])
def test_malformed_entries_of_an_event_are_left_out(message: object) -> None:
    assert segment.to_list({"post_type": "message", "message": message}) == []


def test_a_segment_without_data_has_empty_data() -> None:
    malformed = [{"type": "text"}, {"type": "text", "data": None}, {"type": "dice", "data": 5}]
    event = {"post_type": "message", "message": malformed}
    assert segment.to_list(event)[2] == segment.dice()
    assert segment.plain_text(event) == segment.plain_text([{"type": "text", "data": {}}]) == ""


def test_text_that_came_as_a_number_is_text() -> None:
    assert segment.plain_text([{"type": "text", "data": {"text": 5}}, "!"]) == "5!"


@pytest.mark.parametrize("wrong", [None, 5, b"hi", ("hi",), {}, {"data": {}}, {"type": 5}])
@pytest.mark.parametrize("read", [segment.to_list, segment.plain_text, segment.to_cq])
def test_what_is_no_message_is_a_type_error(read: Callable[[Any], Any], wrong: Any) -> None:
    with pytest.raises(TypeError, match=re.escape(f"not {wrong!r}")):
        read(wrong)


# -- CQ codes -------------------------------------------------------------------------------------

CQ_CODES: list[tuple[str, Message]] = [
    ("", []),
    ("hello", [segment.text("hello")]),
    ("[CQ:shake]", [segment.shake()]),
    ("[CQ:face, id=1]", [segment.text("[CQ:face, id=1]")]),
    ("[CQ:face,id=]", [{"type": "face", "data": {"id": ""}}]),
    ("[CQ:face,id]", [segment.text("[CQ:face,id]")]),
    ("[CQ:at,qq=1", [segment.text("[CQ:at,qq=1")]),
    ("[CQ:x,y=1,]", [segment.text("[CQ:x,y=1,]")]),
    ("[CQ:image,file=a,b]", [segment.text("[CQ:image,file=a,b]")]),
    ("[CQ:share,title=a=b,url=x?a&amp;b]", [segment.share("x?a&b", "a=b")]),
    ("&#91;CQ:face&#44;id=1&#93;", [segment.text("[CQ:face,id=1]")]),
    ("&amp;#91;x", [segment.text("&#91;x")]),
    ("[CQ:[CQ:face,id=1]]", [segment.text("[CQ:"), segment.face(1), segment.text("]")]),
    ('[CQ:json,data={"a":[1]}]', [segment.json('{"a":[1'), segment.text("}]")]),
    ("[CQ:at,qq=1,qq=2]", [segment.at(2)]),
    ("[CQ:foo-bar,a=1]", [segment.text("[CQ:foo-bar,a=1]")]),
    ("&lt;", [segment.text("&lt;")]),
    # and what follows from the same grammar
    ("[CQ:表情,id=1]", [segment.text("[CQ:表情,id=1]")]),
    ("[CQ:face,编号=1]", [segment.text("[CQ:face,编号=1]")]),
    ("[cq:face,id=1]", [segment.text("[cq:face,id=1]")]),
    ("[CQ:]", [segment.text("[CQ:]")]),
    ("[CQ:a,b=[CQ:face,id=1]", [{"type": "a", "data": {"b": "[CQ:face", "id": "1"}}]),
    ("[CQ:x,y[CQ:face,id=1]", [segment.text("[CQ:x,y"), segment.face(1)]),
    ("[CQ:xml,data=a\nb&#44;c]", [segment.xml("a\nb,c")]),
    ("a[CQ:dice]b", ["a", segment.dice(), "b"]),
]


@pytest.mark.parametrize(("text", "segments"), CQ_CODES)
def test_cq_codes_are_read_as_napcat_reads_them(text: str, segments: Message) -> None:
    assert segment.from_cq(text) == segment.to_list(segments)


TO_CQ: list[tuple[Message, str]] = [
    (segment.text("a,b[c]&"), "a,b&#91;c&#93;&amp;"),
    (segment.text("[CQ:image,file=x]"), "&#91;CQ:image,file=x&#93;"),
    (["[CQ:image,file=x]"], "&#91;CQ:image,file=x&#93;"),
    ("&#91;x[CQ:dice]", "&#91;x[CQ:dice]"),
    (AS_ARRAY, "[CQ:at,qq=10001] hi"),
    (segment.share("x?a&b", "[a],b"), "[CQ:share,url=x?a&amp;b,title=&#91;a&#93;&#44;b]"),
    ({"type": "face", "data": {"id": ""}}, "[CQ:face,id=]"),
    (segment.dice(), "[CQ:dice]"),
    (
        {"type": "x", "data": {"a": True, "b": False, "c": None, "d": 5, "e": 1.5}},
        "[CQ:x,a=true,b=false,d=5,e=1.5]",
    ),
    ({"type": "x", "data": {"a": [1], "b": {"键": "值"}}}, '[CQ:x,a=&#91;1&#93;,b={"键":"值"}]'),
]


@pytest.mark.parametrize(("message", "text"), TO_CQ)
def test_messages_are_written_with_cq_codes(message: Message, text: str) -> None:
    assert segment.to_cq(message) == text


@pytest.mark.parametrize(
    ("bad", "name"),
    [
        ({"type": "foo-bar", "data": {}}, "foo-bar"),
        ({"type": "", "data": {}}, ""),
        ({"type": "face", "data": {"编号": "1"}}, "编号"),
        ({"type": "face", "data": {"id=1,x": "1"}}, "id=1,x"),
        ({"type": "face\n", "data": {}}, "face\n"),
    ],
)
def test_a_name_that_cq_codes_cannot_hold_is_refused(bad: Segment, name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        segment.to_cq(bad)


def test_only_values_need_escaped_commas() -> None:
    assert segment.escape("a,[&]") == "a,&#91;&amp;&#93;"
    assert segment.escape("a,[&]", comma=True) == "a&#44;&#91;&amp;&#93;"


# -- for any text and any message -----------------------------------------------------------------

any_text = st.text(st.characters())  # lone surrogates too
pieces = ["[CQ:", "face", "]", ",", "=", "id", "&amp;", "&#91;", "&#93;", "&#44;", "&", "-", "表"]
cq_like = st.lists(st.sampled_from(pieces)).map("".join)
names = st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True)
not_text = st.builds(
    lambda kind, data: {"type": kind, "data": data},
    names.filter(lambda name: name != "text"),
    st.dictionaries(names, any_text, max_size=4),
)
nonempty_text = st.builds(
    segment.text, st.text(st.characters(), min_size=1) | st.sampled_from(pieces)
)
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "data", "text", "message"]) | any_text, inner)
    ),
    max_leaves=20,
)
segment_like = st.fixed_dictionaries(
    {}, optional={"type": st.just("text") | json_like, "data": json_like | st.just({"text": 1})}
)


def in_normal_form(segments: list[Segment]) -> bool:
    kinds = [one["type"] for one in segments]
    return ("text", "text") not in zip(kinds, kinds[1:], strict=False)


@given(st.lists(nonempty_text | not_text, max_size=6).filter(in_normal_form))
def test_a_message_survives_being_written_as_cq_codes(message: list[Segment]) -> None:
    assert segment.to_list(segment.to_cq(message)) == message


@given(any_text | cq_like)
def test_any_text_can_be_read_and_written_again(text: str) -> None:
    segments = segment.from_cq(text)
    assert in_normal_form(segments)
    assert segment.from_cq(segment.to_cq(segments)) == segments


@given(cq_like)
def test_the_codes_found_are_those_of_the_grammar(text: str) -> None:
    grammar = r"\[CQ:(\w+)((?:,\w+=[^,\]]*)*)\]"
    found = [one["type"] for one in segment.from_cq(text) if one["type"] != "text"]
    assert found == [code[1] for code in re.finditer(grammar, text, re.ASCII)]


@given(any_text | cq_like)
def test_plain_text_never_becomes_a_cq_code(text: str) -> None:
    assert segment.plain_text(segment.to_cq([text])) == text
    assert all(one["type"] == "text" for one in segment.from_cq(segment.to_cq([text])))


@given(any_text | cq_like, st.booleans())
def test_unescape_is_the_reverse_of_escape(text: str, comma: bool) -> None:
    escaped = segment.escape(text, comma)
    assert segment.unescape(escaped) == text
    assert not set("[]" + "," * comma) & set(escaped)


@given(st.lists(segment_like | json_like) | json_like, json_like)
def test_no_event_breaks_the_reading_of_messages(message: Any, raw_message: Any) -> None:
    event = {"post_type": "message", "message": message, "raw_message": raw_message}
    before = copy.deepcopy(event)
    for one in segment.to_list(event):
        assert isinstance(one["type"], str)
        assert isinstance(one["data"], dict)
    assert isinstance(segment.plain_text(event), str)
    assert repr(event) == repr(before)  # nan is not equal to itself


@pytest.mark.parametrize(
    "hostile",
    [
        "[CQ:a," * 100_000,
        "[CQ:a,b=" * 100_000,
        "[CQ:a,b=" * 100_000 + ",c]",
        "[CQ:a" + ",b=c" * 100_000,
        "[CQ:a" + ",b=c" * 100_000 + ",]",
        "[CQ:" * 100_000,
        "[CQ:" + "a" * 500_000,
        "[CQ:a]" * 100_000,
        "[CQ:a,b=c]x" * 50_000,
        "&amp;" * 100_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_takes_no_more_time_than_any_other(hostile: str) -> None:
    # less than a second; a parser that went back would take many minutes for some of them
    started = time.thread_time()
    segments = segment.from_cq(hostile)
    assert segment.from_cq(segment.to_cq(segments)) == segments
    assert time.thread_time() - started < 10


def test_what_is_no_str_has_no_cq_codes() -> None:
    with pytest.raises(TypeError, match=r"from_cq.* 要写成字符串.*must be a str, not \[\{"):
        segment.from_cq([segment.text("hi")])  # type: ignore[arg-type]
