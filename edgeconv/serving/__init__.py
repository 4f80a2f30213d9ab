"""A model behind HTTP: uploads in, decisions out, as ``edgeconv classify`` gives them.

``server`` binds and runs, ``app`` holds the routes, ``uploads`` reads requests, ``workers`` shares
them among threads, ``judging`` decides, ``connections`` bounds what a client may hold.
"""
