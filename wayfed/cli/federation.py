"""The commands of those who take part in a federation: parties, coordinators, requesters."""

from __future__ import annotations

from pathlib import Path  # typer reads the annotations
from typing import Annotated

import typer

party_app = typer.Typer(help="A party: its file, its key, and its service.", no_args_is_help=True)
coordinator_app = typer.Typer(
    help="A coordinator, to which parties and requesters connect.", no_args_is_help=True
)
ledger_app = typer.Typer(
    help="What the party has spent of its tables' privacy.", no_args_is_help=True
)
party_app.add_typer(ledger_app, name="ledger")
requester_app = typer.Typer(
    help="Someone who asks parties elsewhere to train.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The name by which the others know it.")]
Directory = Annotated[
    Path, typer.Option(help="Where to write; made where it is missing.", file_okay=False)
]
PartyToml = Annotated[Path, typer.Argument(metavar="party.toml", exists=True, dir_okay=False)]
LedgerFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="[FILE]",
        help="A ledger, or the party.toml that names it.",
        exists=True,
        dir_okay=False,
    ),
]
LedgerOf = Annotated[
    Path | None,
    typer.Option(
        help="The party.toml whose ledger and budget it is; the one here by default.",
        exists=True,
        dir_okay=False,
    ),
]
CoordinatorToml = Annotated[
    Path, typer.Argument(metavar="coordinator.toml", exists=True, dir_okay=False)
]
FederationToml = Annotated[
    Path, typer.Argument(metavar="federation.toml", exists=True, dir_okay=False)
]


@party_app.command("init")
def party_init(name: Name, *, directory: Directory = Path()) -> None:
    """Write a party.toml to fill in, a key and its certificate; tell the fingerprint."""
    from wayfed.cli.beginning import init_party

    init_party(name, directory)


@party_app.command("renew")
def party_renew(file: PartyToml = Path("party.toml")) -> None:
    """Write another certificate of the party's key, before the one that there is expires."""
    from wayfed.cli.beginning import renew

    whom = "send {certificate} to the coordinator, and tell its fingerprint over another way:"
    renew(file, whom, "when it lists both")


@party_app.command("check")
def party_check(
    file: PartyToml = Path("party.toml"),
    *,
    connect: Annotated[
        bool, typer.Option("--connect", help="Ask the coordinator for its certificate, too.")
    ] = False,
) -> None:
    """Bind the catalog to the published schema, and tell all that does not fit.

    It reads schemas, and no rows. It ends with 1 where something does not fit.
    """
    from wayfed.cli.serving import check_party

    if not check_party(file, connect=connect):
        raise typer.Exit(1)


@party_app.command("serve")
def party_serve(file: PartyToml = Path("party.toml")) -> None:
    """Connect to the coordinator and answer requesters, until SIGTERM or Ctrl-C."""
    from wayfed.cli.serving import serve_party

    serve_party(file)


@party_app.command("audit")
def party_audit(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="A log, or the party.toml that names it.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="The party.toml whose log it is; the one here by default.", exists=True),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Look at each line's hash; show no lines.")
    ] = False,
    known: Annotated[
        str | None, typer.Option(help="With --verify: a hash that a line must have.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="How many lines to show.")] = 50,
) -> None:
    """Show what the party was asked, how it decided, and what left it; or verify the log.

    With --verify it ends with 1 where a line was changed, taken out or moved.
    """
    from wayfed.cli.auditing import show_audit, verify_audit

    if not verify:
        show_audit(file, config, last)
    elif not verify_audit(file, config, known):
        raise typer.Exit(1)


@ledger_app.command("show")
def ledger_show(file: LedgerFile = None, *, config: LedgerOf = None) -> None:
    """Show what was spent of each table, what is left of its budget, and by which runs."""
    from wayfed.cli.ledgers import show_ledger

    show_ledger(file, config)


@ledger_app.command("seal")
def ledger_seal(
    file: LedgerFile = None,
    *,
    config: LedgerOf = None,
    yes: Annotated[bool, typer.Option("--yes", help="No charge is missing; ask no more.")] = False,
) -> None:
    """Seal a ledger that was restored, or mended by hand, so that it pays again.

    What is not in it will be forgotten: all that was spent has to stand there.
    """
    from wayfed.cli.ledgers import seal_ledger, show_unsealed

    if not yes:
        show_unsealed(file, config)
        typer.confirm("Does all that was ever spent stand there?", abort=True)
    seal_ledger(file, config)


@coordinator_app.command("init")
def coordinator_init(
    *,
    directory: Directory = Path(),
    listen: Annotated[str, typer.Option(help="Where it is to listen: host:port.")] = "0.0.0.0:8443",
) -> None:
    """Write a coordinator.toml to fill in, a key and its certificate; tell the fingerprint."""
    from wayfed.cli.beginning import init_coordinator

    init_coordinator(directory, listen)


@coordinator_app.command("renew")
def coordinator_renew(file: CoordinatorToml = Path("coordinator.toml")) -> None:
    """Write another certificate of the coordinator's key, before the one that there is expires."""
    from wayfed.cli.beginning import renew

    whom = (
        "tell parties and requesters this fingerprint, which takes the place of the one they have:"
    )
    renew(file, whom, "at the time that you agreed upon with them")


@coordinator_app.command("serve")
def coordinator_serve(
    file: CoordinatorToml = Path("coordinator.toml"),
    *,
    superlink: Annotated[
        bool,
        typer.Option(
            "--superlink", help="Be a Flower SuperLink, which only this machine can control."
        ),
    ] = False,
) -> None:
    """Carry messages between parties and requesters, until SIGTERM or Ctrl-C.

    Changes of the file and of the certificates count within a second, or at once after SIGHUP.
    """
    from wayfed.cli.serving import serve_coordinator, serve_superlink

    (serve_superlink if superlink else serve_coordinator)(file)


@requester_app.command("init")
def requester_init(name: Name, *, directory: Directory = Path()) -> None:
    """Write a federation.toml to fill in, a key and its certificate; tell the fingerprint."""
    from wayfed.cli.beginning import init_requester

    init_requester(name, directory)


@requester_app.command("renew")
def requester_renew(file: FederationToml = Path("federation.toml")) -> None:
    """Write another certificate of the requester's key, before the one that there is expires."""
    from wayfed.cli.beginning import renew

    whom = "send {certificate} to the coordinator, and this to it and to each party:"
    renew(file, whom, "when all of them list both")
