"""The program's commands, loaded on demand, and the one place where failures become statuses."""

from __future__ import annotations

import importlib
import logging
import warnings
from collections.abc import Sequence

import click

from app.cli import output
from imaging.errors import Refusal
from imaging.progress import Cancelled
from planning.errors import NothingFeasible

log = logging.getLogger(__name__)

CANCELLED = "cancelled; nothing half done was kept"

# Command -> module of app.cli that defines it, under the command's own name.
COMMANDS = {
    "open": "workstation",
    "series": "series",
    "convert": "series",
    "register": "register",
    "lesion": "lesion",
    "measure": "lesion",
    "structures": "structures",
    "access": "access",
    "needles": "access",
    "protect": "access",
    "cement": "access",
    "screws": "access",
    "simulate": "ablation",
    "uncertainty": "uncertainty",
    "ablate": "ablate",
    "devices": "ablation",
    "recommend": "technique",
    "rules": "rules",
    "plan": "plan",
    "report": "plan",
    "follow-up": "follow_up",
    "library": "library",
    "exercise": "exercise",
    "demo": "demo",
    "phantom": "phantom",
    "anonymise": "anonymise",
    "pacs": "pacs",
    "bench": "bench",
}


class LazyCommands(click.Group):
    """Imports a command's module only when that command runs, so that the program starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the procedure."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"app.cli.{COMMANDS[cmd_name]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        if not isinstance(command, click.Command):
            message = f"{cmd_name} is not a command"
            raise TypeError(message)
        return command


@click.group(cls=LazyCommands, invoke_without_command=True)
@click.version_option(package_name="osteoplan", prog_name="osteoplan")
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error.")
@click.pass_context
def cli(context: click.Context, verbose: bool) -> None:
    """Plan interventions on painful bone metastases. A planning aid, not a medical device."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="osteoplan: %(message)s"
    )
    logging.getLogger("pydicom").setLevel(logging.INFO if verbose else logging.ERROR)
    if not verbose:
        warnings.simplefilter("ignore")
    if context.invoked_subcommand is None:
        from app.cli.workstation import open_workstation

        context.exit(open_workstation(None))


def run(arguments: Sequence[str]) -> int:
    """Run the program and return its exit status.

    Parameters
    ----------
    arguments : sequence of str
        The command line without the program's name.

    Returns
    -------
    int
        0 done, 2 wrong usage, 3 input refused, 4 nothing feasible, 130 cancelled.
    """
    as_json = "--json" in arguments
    try:
        result = cli.main(args=list(arguments), prog_name="osteoplan", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        output.print_problem("usage", error.format_message(), as_json)
        return output.EXIT_USAGE
    except NothingFeasible as refusal:
        output.print_refusal(refusal, as_json)
        return output.EXIT_NOTHING_FEASIBLE
    except Refusal as refusal:
        output.print_refusal(refusal, as_json)
        return output.EXIT_REFUSED
    except (click.Abort, KeyboardInterrupt, Cancelled):
        output.warn(CANCELLED)
        output.print_problem("cancelled", CANCELLED, as_json)
        return output.EXIT_CANCELLED
    return result if isinstance(result, int) else output.EXIT_DONE
