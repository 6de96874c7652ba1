"""An aiocqhttp bot that the simulator reaches: aiocqhttp_bot.py PORT TOKEN SECRET [API_ROOT]."""

import sys
from typing import Any

from aiocqhttp import ActionFailed, CQHttp, Event

port, token, secret, *api_root = sys.argv[1:]
bot = CQHttp(api_root=api_root[0] if api_root else None, access_token=token, secret=secret or None)


@bot.on_message
async def answer(event: Event) -> dict[str, Any]:
    text = str(event.raw_message)
    if text == "unknown action":
        try:
            await bot.call_action("no_such_action", self_id=event.self_id)
        except ActionFailed as error:
            return {"reply": f"ActionFailed {error.result['retcode']}"}
    if text == "who":
        info = await bot.get_login_info(self_id=event.self_id)
        return {"reply": f"I am {info['user_id']}"}
    at_me = f"[CQ:at,qq={event.self_id}]" in text
    await bot.send(event, f"{'to me: ' if at_me else ''}{text.split(']')[-1].strip()}")
    return {}


bot.run(host="127.0.0.1", port=int(port))
