"""``raydeck`` and ``python -m console``: runs a command and turns every error into one line and an exit status."""

from __future__ import annotations

import logging
import os
import sys

import click

from console.cli.root import raydeck
from console.cli.session import complain

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never a traceback for what raydeck can explain."""
    # Its warnings, such as of a child whose exit status was lost, tell an operator nothing: what failed is said by us.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    try:
        status = raydeck.main(arguments, prog_name="raydeck", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", None)
        complain(f"{where or 'raydeck'}: {error.format_message()}")
        return 2
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0


if __name__ == "__main__":
    main()
