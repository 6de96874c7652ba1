"""A NoneBot2 bot that connects to the simulator: nonebot_bot.py WS_URL TOKEN."""

import sys

import nonebot
from nonebot import on_message
from nonebot.adapters.onebot.v11 import ActionFailed, Adapter, Bot, MessageEvent

nonebot.init(
    driver="~websockets",
    onebot_ws_urls=[sys.argv[1]],
    onebot_access_token=sys.argv[2],
    log_level="ERROR",
)
nonebot.get_driver().register_adapter(Adapter)
everything = on_message()


@everything.handle()
async def answer(bot: Bot, event: MessageEvent) -> None:
    text = event.get_plaintext().strip()
    if text == "unknown action":
        try:
            await bot.call_api("no_such_action")
        except ActionFailed as error:
            await everything.finish(f"ActionFailed {error.info['retcode']}")
    if text == "members":
        members = await bot.get_group_member_list(group_id=event.group_id)  # type: ignore[attr-defined]
        await everything.finish(" ".join(sorted(member["nickname"] for member in members)))
    await everything.finish(f"{'to me: ' if event.is_tome() else ''}{text}")


nonebot.run()
