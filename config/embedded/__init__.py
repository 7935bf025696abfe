"""PostgreSQL and Valkey as child processes, for those who have no server of their own.

Only the programs inside the wheels are used, never the wheels' Python code.
"""

from config.embedded.postgres import PostgresServer
from config.embedded.process import CannotStart
from config.embedded.valkey import ValkeyServer

__all__ = ["CannotStart", "PostgresServer", "ValkeyServer"]
