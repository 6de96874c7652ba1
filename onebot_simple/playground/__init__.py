"""练习场：一条命令，一个网页，不用 QQ 账号就能和机器人聊天。

The playground: one command and one page to chat with a bot; no QQ account is needed.
"""
