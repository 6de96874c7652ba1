"""onebot_simple"""
