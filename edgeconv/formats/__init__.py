"""The insides of the files: where each keeps contract and labels, and what precision it really has.

Targets write them and runtimes run them; neither knows the other, both know these.
"""
