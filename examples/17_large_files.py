# 第 17 课：大文件。私聊发来的文件存到 downloads，再发回去：一块一块地传，不管多大，有进度条。
# Lesson 17: large files. One sent in private is saved in downloads and comes back, in chunks.
import os

from onebot_simple import WsClient, segment

bot = WsClient(os.getenv("ONEBOT_URL", "ws://127.0.0.1:3001"), os.getenv("ONEBOT_TOKEN"))


def bar(done, total):
    print("#" * (40 * done // (total or 1)), end="\n" if done == total else "\r", flush=True)


@bot.on_private_message
def keep(event):
    os.makedirs("downloads", exist_ok=True)
    for part in segment.to_list(event):
        if file := part["data"].get("file_id") or part["data"].get("file"):
            got = bot.download_file(file, to="downloads", progress=bar)
            if got.stat().st_size:  # 空文件发不了 / an empty file cannot be sent
                return segment.file(bot.upload_file(got, progress=bar)["file_path"], name=got.name)
    return "发给我一个文件吧，空的不行 / send me a file that is not empty"


bot.run()
