"""Moving pictures, frame by frame, in the memory of a few frames: animations and video files.

From the file to the verdict: ``opening`` finds out what a file is, ``animation`` and ``video``
decode it, ``sampling`` picks the frames that are judged, ``judging`` scores them, and ``timeline``
says from when to when the policy flags.
"""
