"""napcat-sdk's server in a process of its own: peers.ws_napcat_server reverse BOTS EVENTS."""

import asyncio
import os
import socket
import sys

from napcat import GroupMessageEvent, NapCatClient, ReverseWebSocketServer

from ..measure import Counter

count = int(sys.argv[3])
counter = Counter(count)


async def handle(client: NapCatClient) -> None:
    async for event in client:
        if isinstance(event, GroupMessageEvent):
            counter.handle({})
            if counter.done.is_set():
                print("handled", flush=True)
                os._exit(0)


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]


async def main() -> None:
    async with ReverseWebSocketServer(handle, "127.0.0.1", port):
        print(port, flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
