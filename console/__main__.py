"""``raydeck`` and ``python -m console``: runs a command and turns every error into one line and an exit status."""

from __future__ import annotations

import os
import sys

import click

from console.cli.root import raydeck
from console.errors import RaydeckError
from console.render.ansi import plain

INTERRUPTED = 130


def main() -> None:
    """Run the command line; never a traceback for what raydeck can explain."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    try:
        status = raydeck.main(arguments, prog_name="raydeck", standalone_mode=False)
        sys.stdout.flush()
    except RaydeckError as error:
        return _complain(str(error), error.exit_status)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        where = getattr(getattr(error, "ctx", None), "command_path", None)
        return _complain(f"{where or 'raydeck'}: {error.format_message()}", 2)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status if isinstance(status, int) else 0


def _complain(text: str, exit_status: int) -> int:
    line = " ".join(plain(text).split())
    click.echo(line if line.startswith("raydeck: ") else f"raydeck: {line}", err=True)
    return exit_status


if __name__ == "__main__":
    main()
