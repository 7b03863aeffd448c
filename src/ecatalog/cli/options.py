"""Options that the commands of several rooms share."""

from pathlib import Path
from typing import Annotated

import typer

from ecatalog.settings import variable

# Whether it can be read is found out by whoever opens it, and said in a sentence that tells what to do.
Data = Annotated[
    Path | None,
    typer.Option("--data", envvar=variable("data"), show_default="var", readable=False, help="The data directory."),
]
