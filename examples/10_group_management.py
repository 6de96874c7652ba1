# 第 10 课：管理群。发广告的撤回并禁言；只有管理员能用 /kick 20003 踢人。
# Lesson 10: manage a group. Advertising is recalled and its author muted; only admins may /kick.
# 机器人自己也要是管理员 / the bot itself must be an admin.
import os

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


@bot.on_group_message
def no_advertising(event):
    if "广告" in segment.plain_text(event) and event["sender"].get("role") == "member":
        return {"reply": "请不要发广告。 No ads.", "delete": True, "ban": True, "ban_duration": 60}


@bot.on_command("踢", "kick")
def kick(event, args):
    if event["sender"].get("role") not in ("owner", "admin") or not args.isdecimal():
        return "管理员的用法 for admins: /kick 20003"
    params = {"group_id": event["group_id"], "user_id": int(args[:12])}
    return f"踢出 removing {args[:12]}: {bot.request('set_group_kick', params)['status']}"


bot.run()
