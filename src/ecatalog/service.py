"""`python -m ecatalog.service gateway|edge|launcher`: one service, its settings from the environment, as `serve` starts
it. Without the command line's own imports, so that a service that died is back sooner.
"""

import os
import sys
from collections.abc import Mapping

from ecatalog.settings import BadSetting, Settings

REFUSED = 78


def run_gateway(env: Mapping[str, str]) -> int:
    """Runs the gateway to its end; the exit status."""
    from ecatalog.run import main

    try:
        settings = Settings.load(env)
    except BadSetting as error:
        sys.stderr.write(f"ecatalog gateway: {error}\n")
        return REFUSED
    return main(settings, env)


def run_edge(env: Mapping[str, str]) -> int:
    """Runs the edge to its end; the exit status."""
    from ecatalog_edge.app import main

    return main(env)


def run_launcher(env: Mapping[str, str]) -> int:
    """Runs the launcher to its end; the exit status."""
    from ecatalog_launcher.app import main

    return main(env)


if __name__ == "__main__":
    runners = {"gateway": run_gateway, "edge": run_edge, "launcher": run_launcher}
    sys.exit(runners[sys.argv[1]](os.environ))
