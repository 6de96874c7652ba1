"""两个常见的坑：脚本旁边的文件和 Python 自己的模块重名；主文件被加载了两次。

Two common traps: a file beside the script that hides a module of Python's, and the main file
loaded twice. Only sys and os are used here, since every other module may be the hidden one.
"""

import os
import sys


def warn_of_hidden_modules() -> None:
    """Say on stderr what in the script's folder Python would load in place of its own modules."""
    try:
        folder = os.path.abspath(sys.path[0])
        hidden = [] if _is_pythons(folder) else _own_names().intersection(_modules_in(folder))
        for name in sorted(hidden):
            print(
                f"{os.path.join(folder, name)} 和 Python 自己的 {name} 模块重名，程序会加载错："
                f"给这个文件换个名字。 This file hides Python's own module {name}: give it another "
                "name.",
                file=sys.stderr,
            )
        if hidden and sys.argv[:1] == ["-m"] and "onebot_simple" in sys.orig_argv:
            del sys.path[0]  # a command of ours needs nothing from there
    except Exception as error:  # whatever it is, the bot must start
        print(f"onebot_simple: {error!r}", file=sys.stderr)


def _is_pythons(folder: str) -> bool:
    """Whether modules of Python, or installed ones, lie there, and no script of the user."""
    is_installed = not {"site-packages", "dist-packages"}.isdisjoint(folder.split(os.sep))
    return is_installed or folder == os.path.dirname(os.path.abspath(os.__file__))


def _modules_in(folder: str) -> list[str]:
    """The names under which Python finds the files and packages of a folder."""
    if not os.path.isdir(folder):  # such as the zip file of an application
        return []
    return [
        name[:-3] if name.endswith(".py") else name
        for name in os.listdir(folder)
        if name.endswith(".py") or os.path.isfile(os.path.join(folder, name, "__init__.py"))
    ]


def _own_names() -> frozenset[str]:
    """Python's own modules, but for those that nobody imports by the way."""
    return sys.stdlib_module_names - {"__main__", "antigravity", "idlelib", "this", "turtledemo"}


def main_loaded_twice() -> str:
    """What to say if the main file was imported a second time; else ""."""
    main = sys.modules.get("__main__")
    path: str | None = getattr(main, "__file__", None)
    if not path:  # there is none in a REPL
        return ""
    for module in list(sys.modules.values()):
        try:
            file = vars(module).get("__file__")
            if module is not main and file and os.path.abspath(file) == os.path.abspath(path):
                name = os.path.basename(path)
                return (
                    f"{name} 被加载了两次（程序和 import），所以有两个机器人，有的处理函数不会运行"
                    "：把 bot 放进单独的文件（例如 bot.py），两边都从那里 import。 "
                    f"{name} was loaded twice, as the program and by an import, so there are two "
                    "bots, and the handlers of one never run: put the bot into a file of its own, "
                    "such as bot.py, and import it from there."
                )
        except Exception:  # anything may stand in sys.modules
            continue
    return ""
