# 第 16 课：测试机器人。模拟器代替 QQ，测试读起来像一段聊天。
# Lesson 16: test a bot. The simulator takes the place of QQ, and a test reads like a chat.
# 先 first: pip install pytest，运行 run: python -m pytest examples/16_test_a_bot.py
import runpy
from pathlib import Path

import pytest

from onebot_simple.simulator import Simulator

bot = runpy.run_path(str(Path(__file__).with_name("07_ask.py")))["bot"]


def test_an_order_takes_two_questions():
    with Simulator(bot) as qq:
        qq.send_group("/order", user=20002)
        assert "吃什么" in qq.wait_reply()["text"]
        qq.send_group("面条", user=20002)
        assert "喝什么" in qq.wait_reply()["text"]
        qq.send_group("茶", user=20002)
        assert "面条 + 茶" in qq.wait_reply()["text"]


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
