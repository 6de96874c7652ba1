"""The corners of NapCat's HTTP server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from onebot_simple.simulator import Simulator

from .callers import HttpCaller

ALICE = 20001
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("echo", [0, "", False, {}, [], "x", 5, {"a": [None]}])
def test_an_echo_comes_back_as_it_was_sent(http: HttpCaller, echo: Any) -> None:
    for action in ("get_status", "no_such_action", "get_stranger_info?user_id=999"):
        answer = http.call(action, echo=echo)
        assert answer["echo"] == echo
        assert type(answer["echo"]) is type(echo)


def test_only_a_missing_or_null_echo_becomes_random(http: HttpCaller) -> None:
    echoes = [http.call("get_status", **more)["echo"] for more in ({}, {"echo": None}, {})]
    assert all(echo.isalnum() for echo in echoes)
    assert len(set(echoes)) == 3


def test_the_root_says_that_napcat_runs(http: HttpCaller) -> None:
    answer = http.get("?echo=x")
    assert (answer["message"], answer["data"], answer["echo"]) == ("NapCat4 Is Running", {}, None)


def test_the_action_is_the_first_part_of_the_path(http: HttpCaller) -> None:
    assert http.get("get_status/and/more?x=1")["status"] == "ok"
    assert http.get("get_status/")["status"] == "ok"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_every_method_calls(http: HttpCaller, method: str) -> None:
    answer = json.loads(http.ask(method, f"get_stranger_info?user_id={ALICE}")[1])
    assert answer["data"]["nickname"] == "Alice"


def test_options_tells_what_web_pages_may_do(http: HttpCaller) -> None:
    answer, text = http.ask("OPTIONS", "get_status", Access_Control_Request_Headers="x-a")
    assert (answer.status, text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,PATCH,POST,DELETE"
    assert answer.headers["Access-Control-Allow-Headers"] == "x-a"


def test_a_form_and_a_query_are_text_and_the_query_wins(http: HttpCaller) -> None:
    body = f"user_id={ALICE}&message={quote('你好&[]')}"
    answer = http.post("send_private_msg?user_id=20001", body, Content_Type=FORM)
    assert json.loads(answer[1])["status"] == "ok"
    assert http.simulator.wait_reply()["text"] == "你好&[]"
    as_text = quote('[{"type":"text","data":{"text":"x"}}]')
    http.get(f"send_private_msg?user_id={ALICE}&message={as_text}")
    assert http.simulator.wait_reply()["text"].startswith('[{"type"')


def test_a_name_that_comes_twice_is_a_list(http: HttpCaller) -> None:
    assert http.get("get_stranger_info?user_id=1&user_id=2")["retcode"] == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/xml", ""])
def test_any_other_body_is_json_whatever_its_type(http: HttpCaller, kind: str) -> None:
    body = json.dumps({"user_id": ALICE})
    assert json.loads(http.post("get_stranger_info", body, Content_Type=kind)[1])["status"] == "ok"


@pytest.mark.parametrize("body", ["[1]", '"text"', "5", "null"])
def test_a_body_that_is_no_object_names_no_parameter(http: HttpCaller, body: str) -> None:
    assert json.loads(http.post("get_status", body)[1])["status"] == "ok"
    assert json.loads(http.post("get_stranger_info", body)[1])["retcode"] == 400


@pytest.mark.parametrize(("body", "named"), [('["x"]', {"0": "x"}), ('"x"', {"0": "x"}), ("5", {})])
def test_parameters_without_names_are_numbered(http: HttpCaller, body: str, named: Any) -> None:
    http.post("get_status", body)
    assert http.simulator.calls[-1]["params"] == named


def test_the_body_is_looked_at_before_the_token() -> None:
    with Simulator(access_token="s3cret") as simulator, HttpCaller(simulator) as http:
        assert http.post("get_status", "{bad") == (400, "Invalid JSON")
        answer, text = http.ask("POST", "get_status", "{}")
        assert (answer.status, json.loads(text)) == (403, {"message": "token verify failed!"})
        assert answer.headers["Content-Type"].startswith("text/html")
        assert http.get("get_status?access_token=s3cret")["status"] == "ok"


@pytest.mark.parametrize(
    ("action", "params", "last"),
    [
        ("test_download_stream", {}, "ok"),
        ("test_download_stream", {"error": "maybe"}, "failed"),
        ("download_file_stream", {"file": "nothing"}, "failed"),
        ("upload_file_stream", {"stream_id": "s", "total_chunks": 1}, "ok"),
        ("upload_file_stream", {}, "failed"),
    ],
)
def test_a_stream_action_answers_in_chunks(
    http: HttpCaller, action: str, params: Any, last: str
) -> None:
    answer, text = http.ask("POST", action, json.dumps(params))
    assert answer.status == 200
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] is None
    assert text.endswith("\r\n\r\n")
    documents = [json.loads(document) for document in text.split("\r\n\r\n")[:-1]]
    assert documents[-1]["status"] == last
