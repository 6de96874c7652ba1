"""Actions about the account, the implementation, and what it can do."""

from __future__ import annotations

from typing import Any

from .registry import ABSENT, Exit, action
from .schema import Params
from .world import BOT, World


@action("get_login_info")
def get_login_info(world: World, params: Params) -> Any:
    return {"user_id": BOT, "nickname": world.people[BOT].nickname}


@action("get_status")
def get_status(world: World, params: Params) -> Any:
    return {"online": world.online, "good": True, "stat": {}}


@action("get_version_info")
def get_version_info(world: World, params: Params) -> Any:
    return {
        "app_name": "NapCat.Onebot",
        "protocol_version": "v11",
        "app_version": "4.18.19",
    }


@action("can_send_image can_send_record")
def can_send(world: World, params: Params) -> Any:
    return {"yes": True}


# invented values: nothing of a real account is here


@action("get_cookies", "domain!")
def get_cookies(world: World, params: Params) -> Any:
    return {"cookies": f"uin=o{BOT}; skey=@simulator", "bkn": "123456789"}


@action("get_csrf_token")
def get_csrf_token(world: World, params: Params) -> Any:
    return {"token": 123456789}


@action("get_credentials", "domain!")
def get_credentials(world: World, params: Params) -> Any:
    return {"cookies": f"uin=o{BOT}; skey=@simulator", "token": 123456789}


@action("set_restart clean_cache clean_stream_temp_file")
def do_nothing(world: World, params: Params) -> Any:
    return ABSENT


@action("bot_exit")
def bot_exit(world: World, params: Params) -> Any:
    raise Exit


@action("set_qq_profile", "nickname! personal_note sex:mixed")
def set_qq_profile(world: World, params: Params) -> Any:
    own = world.people[BOT]
    own.nickname = params["nickname"]
    if params["personal_note"] is not None:
        own.long_nick = params["personal_note"]
    return {"result": 0, "errMsg": ""}


@action("set_self_longnick", "longNick!")
def set_self_longnick(world: World, params: Params) -> Any:
    world.people[BOT].long_nick = params["longNick"]
    return {"result": 0, "errMsg": ""}


@action("get_online_clients")
def get_online_clients(world: World, params: Params) -> Any:
    return []


@action("nc_get_packet_status")
def nc_get_packet_status(world: World, params: Params) -> Any:
    return ABSENT


@action("send_qzone_msg", "content! images:strings ugc_right:mixed=1 target_uins:strings")
def send_qzone_msg(world: World, params: Params) -> Any:
    return {"tid": f"simulated-{world.count('qzone')}"}


@action("delete_qzone_msg", "tid!")
def delete_qzone_msg(world: World, params: Params) -> Any:
    return None
