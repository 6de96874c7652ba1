# 第 14 课：多个账号。一个 WsServer 接待很多账号；bot.bots 是现在连着的那些。
# Lesson 14: several accounts. One WsServer takes care of many; bot.bots are those connected now.
# 每个 NapCat 都新建 WebSocket 客户端，地址 ws://127.0.0.1:8765 / one such client in each NapCat.
import os

from onebot_simple import WsServer

port = int(os.getenv("ONEBOT_PORT", "8765"))
bot = WsServer(port=port, access_token=os.getenv("ONEBOT_TOKEN"))


@bot.on_connect
def hello(self_id):
    info = bot.bot(self_id).get_login_info()  # 指明用哪个账号 / says which account is meant
    print(f"{self_id} {info['nickname']}", flush=True)


@bot.on_command("账号", "accounts")
def accounts(event):
    counts = {self_id: len(one.get_group_list()) for self_id, one in bot.bots.items()}
    lines = [f"{self_id}: {count} 个群 group(s)" for self_id, count in counts.items()]
    return "\n".join(lines)  # 由收到消息的账号来回答 / the account that was asked answers


bot.run()
