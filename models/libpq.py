"""Which servers PostgreSQL's client may connect to, by its own parser."""

import os
from typing import TYPE_CHECKING

from common.errors import UserError

if TYPE_CHECKING:
    from sqlalchemy import URL

_SERVICE = "a service file says where it is, which the policy does not read"


def servers(address: "URL") -> list[str]:
    """The hosts and addresses that libpq may connect to, by the URL and by the environment.

    Of each it takes a list; what begins with "/", and what is empty, is a socket of this machine.

    Raises:
        UserError: a service file would say it.
    """
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
        from psycopg.pq import Conninfo
    except ImportError:
        return []  # so that the store cannot be opened, which says what to install
    from sqlalchemy.exc import ArgumentError

    if "PGSERVICE" in os.environ:  # before libpq reads the file
        raise UserError(f"the store: {_SERVICE}; type `unset PGSERVICE`, and name it in --store")
    found = {each.keyword.decode(): each.val for each in Conninfo.get_defaults()}
    connecting = address.set(drivername="postgresql+psycopg").get_dialect()()
    try:
        given = connecting.create_connect_args(address)[1]
        told = {key: value for key, value in given.items() if key in found}
        told = conninfo_to_dict(given.get("conninfo", ""), **told)
    except (ArgumentError, ProgrammingError, ValueError) as error:
        raise UserError(f"the store: {' '.join(str(error).split())}; mend --store") from error
    if "service" in told:
        raise UserError(f"the store: {_SERVICE}; name host and database in --store")
    listed = [told.get(key, (found[key] or b"").decode()) for key in ("host", "hostaddr")]
    hosts = [host.strip() for each in listed for host in str(each).split(",")]
    return [host.rstrip(".").lower() for host in hosts if host and not host.startswith("/")]
