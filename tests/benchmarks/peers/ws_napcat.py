"""napcat-sdk in a process of its own: peers.ws_napcat calls|events PORT COUNT, as `ws_ours`."""

import asyncio
import sys
import time

from napcat import GroupMessageEvent, NapCatClient

from ..measure import BURST, PARAMS, Counter


async def calls(client: NapCatClient, count: int) -> float:
    async with client:
        began = time.perf_counter()
        for _ in range(count):
            await client.call_action("send_group_msg", PARAMS)
        return count / (time.perf_counter() - began)


async def events(client: NapCatClient, count: int) -> float:
    async with client:
        counter = Counter(count)
        first = asyncio.create_task(client.call_action("burst", {"count": BURST}))
        async for event in client:  # it listens before the task begins
            if isinstance(event, GroupMessageEvent) and counter.handle({}):
                await client.call_action("burst", {"count": BURST})
            if counter.done.is_set():
                break
        await first
    return counter.wait()


what, port, count = sys.argv[1:]
client = NapCatClient(ws_url=f"ws://127.0.0.1:{port}")
print(asyncio.run({"calls": calls, "events": events}[what](client, int(count))), flush=True)
