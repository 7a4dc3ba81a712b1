"""Programs, each with a function `check` that is to return the same wherever it is called."""

from __future__ import annotations

CASES = {
    "singledispatch": """
import functools
@functools.singledispatch
def show(value): return "other"
@show.register
def _(value: int): return "int"
@show.register(str)
def _(value): return "str"
class Shown:
    @functools.singledispatchmethod
    def show(self, value): return "other"
    @show.register
    def _(self, value: int): return "int"
show(1)
def check(): return show(1), show(""), show(2.0), Shown().show(1), Shown().show("")
""",
    "init_subclass with arguments": """
class Plugin:
    registry = []
    def __init_subclass__(cls, /, name, **others):
        super().__init_subclass__(**others)
        cls.name = name
        Plugin.registry.append(name)
class One(Plugin, name="one"): pass
class Demanding:
    made = 0
    def __init_subclass__(cls):
        cls.required
        Demanding.made += 1
class Child(Demanding): required = 1
def check(): return One.name, Plugin.registry, Child.required, Demanding.made
""",
    "hooks work on": """
class Parent:
    def __init_subclass__(cls, name="none"): cls.name = name
class Child(Parent, name="child"): pass
def check():
    class Other(Parent, name="other"): pass
    return Child.name, Other.name
""",
    "dataclasses": """
import dataclasses
from typing import ClassVar
@dataclasses.dataclass(slots=True)
class Slotted:
    x: int = 1
    y: list = dataclasses.field(default_factory=list)
@dataclasses.dataclass(kw_only=True)
class Child(Slotted):
    z: int = 9
@dataclasses.dataclass(frozen=True, order=True)
class Frozen:
    x: int
    kind: ClassVar[int] = 3
    w: dataclasses.InitVar[int] = 4
    def __post_init__(self, w): pass
def check():
    return (Slotted(2), dataclasses.asdict(Slotted(2)), hasattr(Slotted(), "__dict__"), Child(z=1),
        {Frozen(1): 2}, Frozen(1) < Frozen(2), dataclasses.replace(Frozen(1), x=5, w=2))
""",
    "slots": """
class Slots:
    __slots__ = ("a", "__dict__", "_b")
    def __init__(self): self.a = 1
class Child(Slots):
    __slots__ = ("c", "__weakref__")
class Private:
    __slots__ = ("__value", "x")
    def __init__(self): self.__value = 3
    def get(self): return self.__value
class One:
    __slots__ = "a"
def check():
    child = Child(); child.c = 1; child.z = 2
    return child.a, child.c, child.z, Private().get(), hasattr(Private(), "__dict__"), One.a.__name__
""",
    "enumerations": """
import enum, functools
class Color(enum.Enum):
    RED = 1
    BLUE = enum.auto()
    def hello(self): return self.name
class Number(enum.IntEnum):
    A = 1
    B = A
class Permission(enum.Flag):
    R = 1
    W = 2
    RW = 3
class Planet(enum.Enum):
    EARTH = (1, 2)
    def __init__(self, a, b): self.a, self.b = a, b
class Text(str, enum.Enum):
    A = "a"
class New(enum.Enum):
    X = "x"
    Y = "y"
    def __new__(cls, value):
        made = object.__new__(cls)
        made._value_, made.twice = value, value * 2
        return made
    @classmethod
    def _missing_(cls, value): return cls.X
    @functools.cached_property
    def thrice(self): return self.value * 3
Functional = enum.Enum("Functional", "P Q")
def check():
    return (list(Color), Color(2).hello(), Number.A + 1, Number.B is Number.A, list(Number.__members__),
        Permission.R | Permission.W, Permission["RW"], Planet.EARTH.b, Text("a") == "a", New.X.twice,
        New("z"), New.Y.thrice, Functional(2), Color.RED in {Color.RED})
""",
    "named tuples and typed dicts": """
import collections
from typing import NamedTuple, TypedDict
class Point(NamedTuple):
    x: int
    y: str = "y"
    def both(self): return self.x, self.y
Old = collections.namedtuple("Old", "x y", defaults=[1])
class Movie(TypedDict, total=False):
    name: str
class Long(Movie):
    parts: int
def check():
    return (Point(1).both(), Point(1)._replace(x=3), Point._fields, Old(1)._asdict(), Movie(name="a"),
        Long(parts=2), list(Long.__annotations__), Movie.__total__, sorted(Long.__required_keys__))
""",
    "protocols and generics": """
from typing import Generic, ParamSpec, Protocol, TypeVar, Callable, runtime_checkable
import functools
T = TypeVar("T", bound="Implementation")
K = TypeVar("K", int, str)
P = ParamSpec("P")
@runtime_checkable
class Goes(Protocol):
    x: int
    def go(self) -> int: ...
class Implementation:
    x = 1
    def go(self): return 1
class Derived(Goes):
    def go(self): return 2
class Box(Generic[T, K]):
    def __init__(self, value: T): self.value = value
class Special(Box[Implementation, int]): pass
def through(function: Callable[P, T]) -> Callable[P, T]:
    @functools.wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T: return function(*args, **kwargs)
    return inner
@through
def wrapped(value: int) -> int: return value
def check():
    return (isinstance(Implementation(), Goes), isinstance(3, Goes), Derived().go(),
        Box[Implementation, int](1).value, Special(2).value, Box.__parameters__,
        Special.__orig_bases__, wrapped(4), wrapped.__wrapped__(5), P,
        list(through.__annotations__))
""",
    "new types": """
from typing import Annotated, Literal, NewType, Optional
User = NewType("User", int)
Admin = NewType("Admin", User)
def f(x: User, *y: Optional[Admin], z: "list[User]" = None, k: Annotated[int, "k"] = 1, l: Literal[1] = 1):
    return x
def check(): return User(5), Admin.__supertype__ is User, f(1), list(f.__annotations__), User.__name__
""",
    "abstract classes": """
import abc
class Base(abc.ABC):
    @abc.abstractmethod
    def f(self): ...
    @property
    @abc.abstractmethod
    def p(self): ...
    @classmethod
    def c(cls): return cls.__name__
    @staticmethod
    def s(): return "s"
class Derived(Base):
    def f(self): return super().c()
    @property
    def p(self): return 1
@Base.register
class Virtual: pass
def check():
    try: Base()
    except TypeError: refused = True
    return refused, Derived().f(), Derived().p, Derived.c(), Derived.s(), isinstance(Virtual(), Base)
""",
    "metaclasses": """
import collections
class Counting(type):
    count = 0
    def __new__(meta, name, bases, space, flag=None):
        made = super().__new__(meta, name, bases, space)
        made.flag = flag
        Counting.count += 1
        return made
    def __init__(cls, name, bases, space, **_): super().__init__(name, bases, space)
    @property
    def shout(cls): return cls.__name__.upper()
class Counted(metaclass=Counting, flag=3): pass
class Demanding(type):
    def __new__(meta, name, bases, space, *, key):
        made = super().__new__(meta, name, bases, space)
        made.key = key
        return made
    def __init__(cls, name, bases, space, *, key): super().__init__(name, bases, space)
class Keyed(metaclass=Demanding, key=4): pass
class Single(type):
    instances = {}
    def __call__(cls, *args):
        if cls not in cls.instances: cls.instances[cls] = super().__call__(*args)
        return cls.instances[cls]
class Only(metaclass=Single): pass
Only()
class Checking(type):
    def __new__(meta, name, bases, space):
        if bases and "required" not in space: raise TypeError("required is missing")
        return super().__new__(meta, name, bases, space)
class Top(metaclass=Checking): pass
class Below(Top): required = 1
class Prepared(type):
    @classmethod
    def __prepare__(meta, name, bases): return collections.OrderedDict(extra=1)
class Extra(metaclass=Prepared): pass
def check():
    return (Counted.flag, Counted.shout, type(Counted).__name__, Counting.count, Keyed.key, Only() is Only(),
        Below.required, Extra.extra)
""",
    "descriptors": """
import functools
class Field:
    def __set_name__(self, owner, name): self.name, self.owner = name, owner
    def __get__(self, instance, owner=None):
        return self if instance is None else instance.__dict__.get(self.name, 0)
    def __set__(self, instance, value): instance.__dict__[self.name] = value
class Shy:
    def __get__(self, instance, owner=None):
        if instance is None: raise AttributeError("only of instances")
        return 5
class Record:
    a = Field()
    b = Field()
    shy = Shy()
    def set(self, value): return value
    one = functools.partialmethod(set, 1)
    @functools.cached_property
    def cached(self): return 7
    @functools.lru_cache(maxsize=3)
    def remembered(self, n): return n
def check():
    record = Record()
    record.a = 3
    return (record.a, record.b, Record.a.owner is Record, Record.a.name, record.shy, record.one(),
        record.cached, record.remembered(2))
""",
    "functions": """
import asyncio, contextlib, functools
@functools.cache
def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
async def count():
    for n in range(3): yield n
async def collect(): return [n async for n in count()]
def generate(): yield from range(3)
@contextlib.contextmanager
def context(): yield 5
def closures():
    def even(n): return n == 0 or odd(n - 1)
    def odd(n): return n != 0 and even(n - 1)
    return even
even = closures()
def keywords(a, /, b=2, *, c: int = 3, **others): return a, b, c, others
keywords.note = {"k": 1}
def check():
    with context() as entered:
        return (fibonacci(30), asyncio.run(collect()), list(generate()), entered, even(10), keywords(1, e=2),
            keywords.note, keywords.__kwdefaults__, functools.partial(keywords, 1)())
""",
    "objects that answer for any name": """
class Proxy:
    __slots__ = ("inner", "__dict__")
    def __init__(self, inner): self.inner = inner
    def __getattr__(self, name): return getattr(self.inner, name)
class Config:
    def __init__(self, values): self.values = values
    def __getattr__(self, name): return self.values[name]
proxy, config = Proxy([1]), Config({"a": 3})
def check(): return proxy.count(1), config.a
""",
    "weak references": """
import weakref
class Node: pass
node = Node()
nodes, by_name = weakref.WeakSet([node]), weakref.WeakValueDictionary(a=node)
sizes = weakref.WeakKeyDictionary({node: 1})
reference, dead = weakref.ref(node), weakref.ref(Node())
def check(): return reference() is node, dead(), len(nodes), by_name["a"] is node, sizes[node]
""",
    "classes inside": """
class Outer:
    class Inner:
        value = 1
    def get(self): return self.Inner.value, self.Inner.__qualname__, __class__.__name__
class Parent:
    def __init__(self): self.x = 1
class Child(Parent):
    def __init__(self): super().__init__()
class Items(list):
    def total(self): return sum(self)
class Default(dict):
    def __missing__(self, key): return key
class Oops(Exception):
    def __init__(self, code): super().__init__(code); self.code = code
def check():
    try: raise Oops(3)
    except Oops as error: code = error.code
    return Outer().get(), Child().x, Items([1, 2]).total(), Default()[3], code
""",
}

#: The same for what a later Python brought.
NEWER: dict[tuple[int, int], dict[str, str]] = {
    (3, 11): {
        "variadic generics": """
from typing import Generic, NamedTuple, TypeVar, TypeVarTuple, Unpack
import enum
Ts = TypeVarTuple("Ts")
T = TypeVar("T")
class Many(Generic[Unpack[Ts]]): pass
class Pair(NamedTuple, Generic[T]):
    a: T
class Kind(enum.StrEnum):
    A = enum.auto()
class Mixed(enum.Enum):
    A = 1
    other = enum.nonmember(7)
class Group(ExceptionGroup): pass
def f(*values: Unpack[Ts]) -> tuple[Unpack[Ts]]: return values
def check():
    group = Group("a", [OSError()])
    return f(1, 2), Many[int, str], Pair[int](2), Kind("a"), Mixed.other, list(Mixed), group
"""
    },
    (3, 12): {
        "type statements": """
type Number = int | float
type Pair[T] = tuple[T, T]
type Tree = dict[str, Tree] | Leaf
class Leaf: pass
def f(x: Number, y: Pair[int] = (1, 2)) -> Tree: return x
def check():
    return f(3), Number.__value__, str(Pair[int]), str(Tree.__value__), Number.__name__, Number.__module__
""",
        "type parameters": """
def f[T: (int, str), *Ts, **P](x: T) -> T: return x
class Box[T]:
    def __init__(self, value: T): self.value = value
class Child(Box[int]): pass
def check():
    bases, own = Child.__orig_bases__, Box.__parameters__
    return f(1), Box[int](5).value, Child(3).value, f.__type_params__, bases, own
""",
    },
}
