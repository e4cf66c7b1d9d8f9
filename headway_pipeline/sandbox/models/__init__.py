"""A local Claude and a local GPT: both vendors' endpoints, answered from what was planted in the calls.

They know what an ideal reader would find, so they measure plumbing and nothing else. They can misbehave on purpose.
"""
