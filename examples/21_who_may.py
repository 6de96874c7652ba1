# 第 21 课：谁可以。/stats 只有主人可以，/quiet 和 /quiet off 只有群里的管理员可以。
# Lesson 21: who may. /stats is for the owner only, /quiet and /quiet off for admins of the group.
import os

from onebot_simple import WsClient

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))
OWNER = int(os.getenv("BOT_OWNER", "20001"))  # 换成你的 QQ 号 / your own number


@bot.on_command("统计", "stats")
def stats(event):
    if event["user_id"] != OWNER:
        return "只有主人可以 / only my owner may"
    return str(bot.stats)


@bot.on_command("安静", "quiet")
def quiet(event, args):
    if event["sender"].get("role") not in ("owner", "admin"):
        return "只有群里的管理员可以 / only admins of the group may"
    bot.set_group_whole_ban(event["group_id"], enable=args != "off")


bot.run()
