"""Large files in chunks: up to OneBot and down from it, on everything that calls actions."""

from __future__ import annotations

import errno
import filecmp
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onebot_simple import (
    ActionFailed,
    ActionNotFound,
    ApiNotAvailable,
    ApiTimeout,
    EventServer,
    HttpClient,
    NetworkError,
    OneBotError,
    WsClient,
    WsServer,
    segment,
)
from onebot_simple.actions import Actions
from onebot_simple.files import CHUNK_BYTES, safe_name
from onebot_simple.simulator import Simulator
from onebot_simple.typed import UploadedFile

from .conftest import SetPauses
from .peers import Api, ForwardWs, HttpApi, failed, ok, wait_until

Json = dict[str, Any]
CALLERS = ["HttpClient", "EventServer", "WsClient", "WsServer", "Account"]
ALICE = 20001
PATIENCE = 20  # seconds that a call may take which is answered


class Line:
    """Something that calls actions, and the simulator at the other end."""

    def __init__(self, name: str, closing: ExitStack) -> None:
        self.qq = closing.enter_context(Simulator(reconnect_interval=50))
        self.api: Actions
        self.waiting: HttpClient | WsClient | WsServer  # whose timeout it is
        if name in ("HttpClient", "EventServer"):
            self.waiting = client = closing.enter_context(HttpClient(self.qq.http_url))
            self.api = EventServer(port=0, api=client) if name == "EventServer" else client
        elif name == "WsClient":
            self.waiting = self.api = closing.enter_context(WsClient(self.qq.ws_url))
        else:
            self.waiting = server = closing.enter_context(WsServer(port=0))
            self.qq.connect_to(server.url)
            server.wait_connected(20)
            self.api = server.bot(10001) if name == "Account" else server
        self.waiting.timeout = PATIENCE

    def received(self, name: str, content: bytes) -> str:
        """The file_id of a file that came in a message."""
        data = {"file": "base64://" + b64encode(content).decode(), "name": name}
        said = self.qq.send_private([{"type": "file", "data": data}])
        [part] = segment.to_list(self.api.get_msg(said["message_id"]))
        return str(part["data"]["file_id"])

    def lose_answer(self) -> None:
        """The next call is carried out, and times out."""
        self.waiting.timeout = 0.1
        self.called = len(self.qq.calls)
        self.qq.swallow()

    def recover(self) -> None:
        """Go on once that call has been carried out, which may be after its timeout."""
        wait_until(lambda: len(self.qq.calls) > self.called)
        self.waiting.timeout = PATIENCE

    def lose_connection(self) -> None:
        """The next call is carried out, and the connection ends before an answer comes."""
        called = len(self.qq.calls)

        def drop() -> None:
            wait_until(lambda: len(self.qq.calls) > called)
            self.qq.drop()

        self.qq.swallow()
        threading.Thread(target=drop).start()

    def chunks_sent(self) -> list[int]:
        calls = [call["params"] for call in self.qq.calls if call["action"] == "upload_file_stream"]
        return [params["chunk_index"] for params in calls if "chunk_index" in params]


@pytest.fixture(params=CALLERS)
def line(request: pytest.FixtureRequest, set_pauses: SetPauses) -> Iterator[Line]:
    set_pauses(0.05, 0.2)
    with ExitStack() as closing:
        yield Line(request.param, closing)


@pytest.fixture
def http() -> Iterator[Line]:
    with ExitStack() as closing:
        yield Line("HttpClient", closing)


@pytest.fixture
def big(tmp_path: Path) -> Path:
    path = tmp_path / "大文件.bin"
    path.write_bytes(os.urandom(4 * CHUNK_BYTES + 123))
    return path


def uploaded(qq: Simulator, answer: UploadedFile) -> bytes:
    return qq.world.files[answer["file_path"].rpartition("/")[2]].content


# -- there and back -------------------------------------------------------------------------------


def test_five_megabytes_go_up_and_come_down_unchanged(line: Line, tmp_path: Path) -> None:
    content = os.urandom(5_000_000)
    (tmp_path / "a.bin").write_bytes(content)
    ups: list[tuple[int, int]] = []
    done = line.api.upload_file(tmp_path / "a.bin", progress=lambda *now: ups.append(now))
    assert (done["file_size"], done["sha256"]) == (5_000_000, sha256(content).hexdigest())
    sent = line.api.upload_private_file(ALICE, done["file_path"], "a.bin")

    downs: list[tuple[int, int]] = []
    target = tmp_path / "b.bin"
    target.write_text("what was there before")
    path = line.api.download_file(
        str(sent["file_id"]), to=target, progress=lambda *now: downs.append(now)
    )
    assert path == target
    assert path.read_bytes() == content
    for steps in (ups, downs):
        assert steps == sorted(set(steps))
        assert len(steps) > 10
        assert steps[-1] == (5_000_000, 5_000_000)
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "b.bin"]


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_sizes_around_a_chunk(http: Line, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    done = http.api.upload_file(str(tmp_path / "a"), name="b")
    assert uploaded(http.qq, done) == content
    assert done["file_path"].endswith("b")
    assert http.chunks_sent() == list(range(-(-size // CHUNK_BYTES)))


def test_an_empty_file_comes_down_but_does_not_go_up(http: Line, tmp_path: Path) -> None:
    path = http.api.download_file(http.received("empty.txt", b""), to=tmp_path)
    assert (path.name, path.read_bytes()) == ("empty.txt", b"")
    with pytest.raises(ValueError, match=r"文件是空的.*is empty"):
        http.api.upload_file(path)
    assert http.chunks_sent() == []


def test_files_of_one_name_in_a_folder_do_not_replace_each_other(
    http: Line, tmp_path: Path
) -> None:
    files = [http.received("a.tar.gz", content) for content in (b"one", b"two", b"three")]
    paths = [http.api.download_file(file, to=f"{tmp_path}/") for file in files]
    assert [path.name for path in paths] == ["a.tar.gz", "a.tar (2).gz", "a.tar (3).gz"]
    assert [path.read_bytes() for path in paths] == [b"one", b"two", b"three"]


MEASURE = """
import sys, time, tracemalloc
from onebot_simple import HttpClient, WsClient
kind, url, path = sys.argv[1:]
with (HttpClient if kind == "http" else WsClient)(url) as bot:
    tracemalloc.start()
    sent = bot.upload_file(path)
    file = bot.upload_private_file(20001, sent["file_path"], "b")["file_id"]
    slow_disk = lambda done, total: time.sleep(0.002)
    bot.download_file(file, to=path + ".back", progress=slow_disk)
    print(tracemalloc.get_traced_memory()[1])
"""


@pytest.mark.parametrize(("kind", "megabytes", "most"), [("http", 8, 2), ("ws", 24, 20)])
def test_memory_stays_flat_however_large_the_file(
    kind: str, megabytes: int, most: int, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1_000_000) * megabytes)
    with Simulator() as qq:
        url = qq.http_url if kind == "http" else qq.ws_url
        command = [sys.executable, "-c", MEASURE, kind, url, str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert filecmp.cmp(path, tmp_path / "large.back", shallow=False)
    assert int(run.stdout) < most * 1_000_000


# -- what breaks off ------------------------------------------------------------------------------


def once_at(done_bytes: int, deed: Callable[[], object]) -> Callable[[int, int], None]:
    """A progress callback that does something at that moment, the first time."""
    left = [deed]

    def progress(done: int, total: int) -> None:
        if done >= done_bytes and left:
            left.pop()()

    return progress


def test_an_upload_whose_answer_got_lost_goes_on_there(line: Line, big: Path) -> None:
    with pytest.raises(ApiTimeout):
        line.api.upload_file(big, progress=once_at(2 * CHUNK_BYTES, line.lose_answer))
    line.recover()
    done = line.api.upload_file(big)
    assert uploaded(line.qq, done) == big.read_bytes()
    assert line.chunks_sent() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["WsClient", "WsServer"])
def test_an_upload_goes_on_after_the_connection_was_lost(
    name: str, big: Path, set_pauses: SetPauses
) -> None:
    set_pauses(0.05, 0.2)
    with ExitStack() as closing:
        line = Line(name, closing)
        with pytest.raises(NetworkError):
            line.api.upload_file(big, progress=once_at(2 * CHUNK_BYTES, line.lose_connection))
        bot: Any = line.api
        wait_until(lambda: bot.stats["reconnects"] == 1)
        done = line.api.upload_file(big)
        assert uploaded(line.qq, done) == big.read_bytes()
        assert line.chunks_sent().count(0) == 1


def test_an_upload_that_onebot_has_forgotten_begins_again(http: Line, big: Path) -> None:
    with pytest.raises(ApiTimeout):
        http.api.upload_file(big, progress=once_at(CHUNK_BYTES, http.lose_answer))
    http.recover()
    http.qq.world.uploads.clear()
    assert uploaded(http.qq, http.api.upload_file(big)) == big.read_bytes()
    assert http.chunks_sent() == [0, 1, 0, 1, 2, 3, 4]


def test_an_upload_whose_end_got_lost_begins_again(http: Line, big: Path) -> None:
    with pytest.raises(ApiTimeout):
        http.api.upload_file(big, progress=once_at(big.stat().st_size, http.lose_answer))
    http.recover()
    assert uploaded(http.qq, http.api.upload_file(big)) == big.read_bytes()


def test_an_upload_goes_on_after_nobody_was_connected(http: Line, big: Path) -> None:
    def gone() -> None:
        raise ApiNotAvailable("gone")

    with pytest.raises(ApiNotAvailable):
        http.api.upload_file(big, progress=once_at(2 * CHUNK_BYTES, gone))
    assert uploaded(http.qq, http.api.upload_file(big)) == big.read_bytes()
    assert http.chunks_sent() == [0, 1, 2, 3, 4]


def test_a_failed_chunk_ends_an_upload(http: Line, big: Path) -> None:
    fail = once_at(CHUNK_BYTES, lambda: http.qq.fail("upload_file_stream", message="disk full"))
    with pytest.raises(ActionFailed, match="disk full"):
        http.api.upload_file(big, progress=fail)
    assert http.chunks_sent() == [0, 1]


def test_a_file_that_changes_on_the_way_is_refused(http: Line, big: Path) -> None:
    def change() -> None:
        with big.open("r+b") as file:
            file.seek(3 * CHUNK_BYTES)
            file.write(b"something else")

    with pytest.raises(ActionFailed, match=r"被改动了吗.*SHA256 mismatch.*was it changed"):
        http.api.upload_file(big, progress=once_at(CHUNK_BYTES, change))


def test_a_wrong_checksum_in_the_answer_is_an_error(big: Path) -> None:
    api = Api()
    wrong = {"file_path": "/x", "file_size": big.stat().st_size, "sha256": "0" * 64}
    api.answers["upload_file_stream"] = lambda params: ok(wrong)
    peer = HttpApi(api)
    with (
        HttpClient(peer.url) as client,
        pytest.raises(NetworkError, match=r"没有传完整.*did not arrive whole.*0000"),
    ):
        client.upload_file(big)
    peer.close()


@pytest.mark.parametrize("data", ["text", [1], 5, None])
def test_an_answer_of_another_kind_is_no_upload(big: Path, data: object) -> None:
    line = Streaming([ok(data)])
    with pytest.raises(NetworkError, match=r"did not arrive whole"):
        line.upload_file(big)
    line.frames = [failed(1200, "Timeout")]
    with pytest.raises(ActionFailed):
        line.upload_file(big)


def test_a_stream_of_which_nobody_says_how_much_has_come_begins_again(big: Path) -> None:
    api = Api()
    peer = HttpApi(api)
    with HttpClient(peer.url) as client:
        api.answers["upload_file_stream"] = lambda params: ok({"received_chunks": "some"})
        with pytest.raises(NetworkError, match="lost"):
            client.upload_file(big, progress=once_at(CHUNK_BYTES, lost))
        with pytest.raises(NetworkError, match="did not arrive whole"):
            client.upload_file(big)
    indexes = [params.get("chunk_index") for _, params in api.calls]
    assert indexes == [0, None, 0, 1, 2, 3, 4, None]
    peer.close()


def lost() -> None:
    raise NetworkError("lost")


def test_a_failed_frame_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    frames = [ok(info(6)), ok(chunk(0, b"abc")), failed(1200, "Download failed: gone")]
    with pytest.raises(ActionFailed, match="gone"):
        streamed(frames, tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_a_connection_that_is_lost_leaves_nothing_and_what_was_there_stays(
    line: Line, tmp_path: Path
) -> None:
    file = line.received("a.bin", os.urandom(1_000_000))
    (tmp_path / "a.bin").write_text("old")
    line.qq.gate.close()
    dropping = threading.Thread(target=drop_at_frame, args=(line.qq, 4))
    dropping.start()
    with pytest.raises(NetworkError):
        line.api.download_file(file, to=tmp_path / "a.bin")
    dropping.join()
    line.qq.gate.open()
    assert os.listdir(tmp_path) == ["a.bin"]
    assert (tmp_path / "a.bin").read_text() == "old"


def drop_at_frame(qq: Simulator, number: int) -> None:
    """Let so many frames through, and cut the connection before the next one."""
    for _ in range(number):
        assert qq.gate.wait_held(1, 20)
        qq.gate.step()
    assert qq.gate.wait_held(1, 20)
    qq.drop()


def info(size: object, name: object = "a") -> Json:
    return {"type": "stream", "data_type": "file_info", "file_name": name, "file_size": size}


def chunk(index: int, content: bytes) -> Json:
    data = b64encode(content).decode()
    return {"type": "stream", "data_type": "file_chunk", "index": index, "data": data}


def complete(total: object) -> Json:
    return {"type": "response", "data_type": "file_complete", "total_bytes": total}


class Streaming(Actions):
    """Answers a stream with the frames that it is given."""

    def __init__(self, frames: list[Json]) -> None:
        self.frames = frames

    def request(
        self, action: str, params: Json | None = None, *, timeout: float | None = None
    ) -> Json:
        return self.frames[0]

    def _call(
        self, action: str, params: Json, timeout: float | None = None
    ) -> Generator[Json, None, None]:
        yield from self.frames


def streamed(frames: list[Json], to: Path) -> Path:
    return Streaming(frames).download_file("x", to=to)


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [complete(0)],
        [info("six"), complete(6)],
        [info(True), chunk(0, b"a"), complete(1)],
        [info(-1), complete(-1)],
        ["info", "complete"],
        [[info(0)], [complete(0)]],
        [info(3), "chunk", complete(3)],
        [info(6), chunk(0, b"abc"), complete(6)],
        [info(6), chunk(0, b"abc"), chunk(2, b"def"), complete(6)],
        [info(6), chunk(1, b"def"), chunk(0, b"abc"), complete(6)],
        [info(6), chunk(0, b"abc"), chunk(0, b"abc"), complete(6)],
        [info(6), chunk(0, b"abc"), chunk(1, b"def"), complete(7)],
        [info(6), chunk(0, b"abc"), chunk(1, b"defg"), complete(7)],
        [info(6), chunk(0, b"abc"), chunk(1, b"def")],
        [info(3), {**chunk(0, b""), "data": "abc"}, complete(3)],
        [info(3), {**chunk(0, b""), "data": 5}, complete(3)],
    ],
)
def test_a_download_that_is_not_whole_is_an_error(frames: list[Any], tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"没有下载完整.*did not arrive whole"):
        streamed([ok(frame) for frame in frames], tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_a_download_ends_as_soon_as_more_comes_than_was_announced(tmp_path: Path) -> None:
    frames = [info(300), *(chunk(index, b"x" * 200) for index in range(1000))]
    seen: list[int] = []
    with pytest.raises(NetworkError, match=r"没有下载完整.*200 of 300 bytes came"):
        Streaming([ok(frame) for frame in frames]).download_file(
            "x", to=tmp_path / "a", progress=lambda done, total: seen.append(done)
        )
    assert seen == [200]
    assert os.listdir(tmp_path) == []


# -- names ----------------------------------------------------------------------------------------

NAMES = {
    "../../x": "x",
    "..\\..\\x.txt": "x.txt",
    "C:\\x": "x",
    "C:x": "C_x",
    "/etc/passwd": "passwd",
    "..": "file",
    ".": "file",
    "": "file",
    " . . ": "file",
    "a/": "file",
    "CON": "_CON",
    "nul.txt": "_nul.txt",
    "Com1 .log": "_Com1 .log",
    "console.log": "console.log",
    "a\x00b\nc\x1b[31m": "a_b_c_[31m",
    "photo\u202egpj.exe": "photo_gpj.exe",
    "a\ud800": "a_",
    "stream:hidden": "stream_hidden",
    "end. ": "end",
    "报告 (1).pdf": "报告 (1).pdf",
    "名" * 300 + ".tar.gz": "名" * 64 + ".tar.gz",
    "." + "x" * 300: "x" * 200,
}


@pytest.mark.parametrize("name", [*NAMES, None, 5])
def test_a_hostile_name_stays_in_the_folder(tmp_path: Path, name: Any) -> None:
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    path = streamed([ok(info(2, name)), ok(chunk(0, b"hi")), ok(complete(2))], folder)
    assert path == folder / NAMES.get(name, "file")
    assert path.read_bytes() == b"hi"
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(tmp_path / "in") == ["here"]


@settings(max_examples=50)
@given(st.text())
def test_any_name_is_made_a_plain_one(name: str) -> None:
    safe = safe_name(name)
    assert safe == os.path.basename(safe) == safe.strip()
    assert safe not in ("", ".", "..")
    assert len(os.fsencode(safe)) <= 200
    assert safe_name(safe) == safe


# -- errors ---------------------------------------------------------------------------------------


def test_an_implementation_without_streams_says_what_to_do_instead(
    big: Path, tmp_path: Path
) -> None:
    api = Api()
    for action in ("upload_file_stream", "download_file_stream"):
        api.answers[action] = lambda params: failed(1404, "unknown action")
    http, forward = HttpApi(api), ForwardWs(api)
    with HttpClient(http.url) as client, WsClient(forward.url) as bot:
        for caller in (client, bot):
            with pytest.raises(ActionNotFound, match=r"没有流式传输.*Only NapCat has streams"):
                caller.upload_file(big)
            with pytest.raises(ActionNotFound, match=r"30 MiB.*upload_group_file"):
                caller.download_file("x", to=tmp_path)
    http.close()
    forward.close()
    assert os.listdir(tmp_path) == [big.name]


def test_an_unknown_file_is_the_words_of_onebot(http: Line, tmp_path: Path) -> None:
    with pytest.raises(ActionFailed, match="file not found"):
        http.api.download_file("no such id", to=tmp_path)


def test_a_missing_file_is_named(http: Line, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"路径对吗.*nothing\.zip"):
        http.api.upload_file(tmp_path / "nothing.zip")


def test_a_missing_folder_is_found_out_before_onebot_is_asked(http: Line, tmp_path: Path) -> None:
    for target in (tmp_path / "no" / "a.bin", f"{tmp_path}/no/"):
        with pytest.raises(FileNotFoundError, match=r"路径对吗"):
            http.api.download_file("x", to=target)
    assert http.qq.calls == []


def test_a_disk_that_takes_only_a_part_is_an_error_with_the_name(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    frames = [ok(info(9000)), ok(chunk(0, bytes(9000))), ok(complete(9000))]
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, before[1]))
    try:
        with pytest.raises(OSError, match=r"磁盘满了吗.*is the disk full.*here\.bin") as caught:
            streamed(frames, tmp_path / "here.bin")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed")
def test_a_file_that_cannot_get_its_name_leaves_no_empty_one(tmp_path: Path) -> None:
    frames = [ok(info(2, "a.txt")), ok(chunk(0, b"hi")), ok(complete(2))]

    def remove(done: int, total: int) -> None:
        [part] = tmp_path.iterdir()
        assert part.suffix == ".part"
        part.unlink()

    with pytest.raises(FileNotFoundError):
        Streaming(frames).download_file("x", to=tmp_path, progress=remove)
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_progress_is_no_error_of_the_disk(big: Path, tmp_path: Path) -> None:
    error = BrokenPipeError(errno.EPIPE, "nobody looks at the bar")

    def progress(done: int, total: int) -> None:
        raise error

    frames = [ok(info(2)), ok(chunk(0, b"hi")), ok(complete(2))]
    with pytest.raises(BrokenPipeError) as caught:
        Streaming(frames).download_file("x", to=tmp_path / "a", progress=progress)
    assert caught.value is error
    with pytest.raises(BrokenPipeError) as caught:
        Streaming([ok({})]).upload_file(big, progress=progress)
    assert caught.value is error
    assert os.listdir(tmp_path) == [big.name]


def test_a_timeout_is_no_error_of_the_disk(http: Line, tmp_path: Path) -> None:
    http.lose_answer()
    with pytest.raises(ApiTimeout) as caught:
        http.api.download_file("x", to=tmp_path)
    assert isinstance(caught.value, OneBotError)
    assert "磁盘" not in str(caught.value)


# -- the other meaning ----------------------------------------------------------------------------


def test_without_to_onebot_is_asked_to_fetch_a_url() -> None:
    api = Api()
    peer = HttpApi(api)
    with HttpClient(peer.url) as client:
        client.download_file(url="http://x/a.png", thread_count=2)
        assert api.wait_call("download_file") == {"url": "http://x/a.png", "thread_count": 2}
        misused: Any = client
        for wrong in [{"file": "x"}, {"to": "x"}, {"to": "x", "url": "http://x"}]:
            with pytest.raises(TypeError, match=r"takes a received file and to="):
                misused.download_file(**wrong)
    peer.close()
