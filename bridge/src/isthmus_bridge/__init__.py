"""The Python side of an executor, and what it shares with the client.

`executor` runs inside `isthmus-executor` and talks to Swift through the built-in module `_isthmus`;
everything else is plain Python that needs nothing but `cloudpickle`.
"""
