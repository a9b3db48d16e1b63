"""Requests, decided without a server and in their own time: those of a trace, read line by line, or of a drill.

``ratelimit.replay`` says the format of a trace.
"""
