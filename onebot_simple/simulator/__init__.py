"""模拟器：在内存里扮演 NapCat，四种连接方式都走真实的套接字，不需要 QQ 账号。

The simulator: it plays NapCat's side of all four transports over real sockets, in memory.

    with Simulator(bot) as qq:
        qq.send_group("/add 1 2", user=20002)
        assert qq.wait_reply()["text"] == "3"
"""

from .simulator import Simulator
from .world import Failure

__all__ = ["Failure", "Simulator"]
