"""svtok completion bash | zsh | fish"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_SVTOK_COMPLETE"
"""In which the script asks svtok for the completions, and which click looks for by the name of the program."""


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes svtok's commands, options and values at the tab key.

    \b
    Example:
      svtok completion bash >> ~/.bashrc
      svtok completion zsh >> ~/.zshrc
      svtok completion fish > ~/.config/fish/completions/svtok.fish
    """
    script = get_completion_class(shell)
    assert script is not None  # the choice is of those that click has
    click.echo(script(click.get_current_context().find_root().command, {}, "svtok", VARIABLE).source())
