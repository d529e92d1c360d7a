from datetime import datetime, timedelta
from os import PathLike
from types import TracebackType
from typing import Optional, Tuple, Type, Union

class DatabaseError(Exception):
    code: str

class Database:
    def __new__(
        cls,
        folder: Union[str, PathLike[str], None] = None,
        *,
        durability: Optional[str] = None,
        clock: Optional[datetime] = None,
    ) -> Database: ...
    def handle(self, target: str, body: bytes) -> Optional[Tuple[int, bytes, int]]: ...
    def fork(self) -> Database: ...
    def advance(self, by: timedelta) -> None: ...
    def sweep_now(self) -> int: ...
    def close(self) -> None: ...
    def __enter__(self) -> Database: ...
    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None: ...
