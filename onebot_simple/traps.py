"""两个常见的坑：脚本旁边的文件和 Python 自己的模块重名；主文件被加载了两次。

Two common traps: a file beside the script that hides a module of Python's, and the main file
loaded twice. Only sys and os are used here, since every other module may be the hidden one.
"""

import os
import sys

NEEDED = ("flask", "requests", "websocket", "websockets")  # modules that are not Python's own


def warn_of_hidden_modules() -> None:
    """Say on stderr what in the script's folder Python would load in place of other modules."""
    try:
        folder = os.path.abspath(sys.path[0])
        modules = _modules_in(folder)
        hidden = sorted(modules.keys() & {*sys.stdlib_module_names, *NEEDED} - {"__main__"})
        for name in hidden:
            chinese, english = "Python 自己的", "Python's own module"
            if name in NEEDED:
                chinese, english = "要用的", "the module"
            print(
                f"{os.path.join(folder, modules[name])} 和 {chinese} {name} 模块重名："
                f"给它换个名字。 It hides {english} {name}: give it another name.",
                file=sys.stderr,
            )
        if hidden and sys.argv[:1] == ["-m"] and "onebot_simple" in sys.orig_argv:
            del sys.path[0]  # a command of ours needs nothing from there
    except Exception as error:  # whatever it is, the bot must start
        print(f"onebot_simple: {error!r}", file=sys.stderr)


def _modules_in(folder: str) -> dict[str, str]:
    """The modules in a folder and their files, unless they are Python's own or installed ones."""
    is_pythons = folder == os.path.dirname(os.path.abspath(os.__file__))
    is_installed = {"site-packages", "dist-packages"} & set(folder.split(os.sep))
    if is_pythons or is_installed or not os.path.isdir(folder):  # such as a zip file
        return {}
    return {
        name.removesuffix(".py"): name
        for name in os.listdir(folder)
        if name.endswith(".py") or os.path.isfile(os.path.join(folder, name, "__init__.py"))
    }


def main_loaded_twice() -> str:
    """What to say if the main file was imported a second time; else ""."""
    main = sys.modules.get("__main__")
    path, others = _file_of(main), [one for one in list(sys.modules.values()) if one is not main]
    if not path or path not in map(_file_of, others):
        return ""
    name = os.path.basename(path)
    return (
        f"{name} 被加载了两次（程序和 import），所以有两个机器人，有的处理函数不会运行："
        "把 bot 放进单独的文件（例如 bot.py），两边都从那里 import。 "
        f"{name} was loaded twice, as the program and by an import, so there are two bots, and the "
        "handlers of one never run: put the bot into a file of its own (bot.py) and import that."
    )


def _file_of(module: object) -> str:
    try:
        return str(os.path.normcase(os.path.abspath(vars(module)["__file__"])))
    except Exception:  # a REPL has no file, and sys.modules may hold any object
        return ""
