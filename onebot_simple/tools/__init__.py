"""命令行工具：call、listen、doctor。

The commands of the command line: call, listen, doctor.
"""
