# 第 16 课：测试机器人。模拟器代替 QQ，测试读起来像一段聊天。
# Lesson 16: test a bot. The simulator takes the place of QQ, and a test reads like a chat.
# 运行 run: python -m pytest examples/16_test_a_bot.py
import runpy
from pathlib import Path

from onebot_simple.simulator import Simulator

FILE = Path(__file__).with_name("07_ask.py")


def test_an_order_takes_two_questions(monkeypatch):
    with Simulator() as qq:
        monkeypatch.setenv("ONEBOT_URL", qq.ws_url)
        with runpy.run_path(str(FILE))["bot"]:
            qq.send_group("/order")
            assert "吃什么" in qq.wait_reply()["text"]
            qq.send_group("面条")
            assert "喝什么" in qq.wait_reply()["text"]
            qq.send_group("茶")
            assert "面条 + 茶" in qq.wait_reply()["text"]
            qq.send_group("谢谢")
            qq.expect_silence()
