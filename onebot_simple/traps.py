"""两个常见的坑：脚本旁边的文件和 Python 自己的模块重名；主文件被加载了两次。

Two common traps: a file beside the script that hides a module of Python's, and the main file
loaded twice. Only sys and os are used here, since every other module may be the hidden one.
"""

import os
import sys


def warn_of_hidden_modules() -> None:
    """Say on stderr which files in the script's folder Python would load in place of its own."""
    try:
        folder = sys.path[0] or os.getcwd()
        names = sorted(
            name for name in os.listdir(folder) if name[-3:] == ".py" and name[:-3] in _own_names()
        )
        for name in names:
            print(
                f"{os.path.join(folder, name)} 和 Python 自己的 {name[:-3]} 模块重名，程序会加载错"
                f"：给这个文件换个名字。 This file hides Python's own module {name[:-3]}: give it "
                "another name.",
                file=sys.stderr,
            )
        if names and sys.argv[:1] == ["-m"]:  # a command of ours: it needs nothing from there
            del sys.path[0]
    except Exception as error:  # whatever it is, the bot must start
        print(f"onebot_simple: {error}", file=sys.stderr)


def _own_names() -> frozenset[str]:
    """Python's own modules, but for those that nobody imports by the way."""
    return sys.stdlib_module_names - {"__main__", "antigravity", "idlelib", "this", "turtledemo"}


def loaded_twice() -> str:
    """The main file's name, if it was imported a second time; else ""."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if not main:
        return ""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name != "__main__" and file and os.path.abspath(file) == os.path.abspath(main):
            return str(os.path.basename(main))
    return ""
