"""The page docs/reference/benchmarks-launch.md."""

from collections.abc import Sequence

from bench.machine import Place
from bench_edge.report import Row, table


def page(rows: Sequence[Row], here: Place, engine: str) -> str:
    """The whole reference page."""
    return f"""# Benchmarks of opening a demo

Written by `make bench-launch`, which measures everything anew on the machine it runs on, with a real Docker engine.
Absolute numbers belong to that machine; the ratios say how opening a demo stands to doing the same by hand, and to a
peer.

{table(rows)}

## How it is measured

- {here.cores} cores ({here.processor}), which gateway, edge, launcher, engine, demos, peer and the measuring program
  share. Docker {engine}, Python {here.python}. The demo is `samples/customers`, as an image that is there.
- A click is `POST /api/demos/{{id}}/open`; its end is the first byte of the demo's page through the edge, after
  following the launch by its events, asking for the way in and redeeming it, as the waiting page does.
- By turns: ours, `docker run`, the engine's two calls, JupyterHub; the first of each is not counted. Each copy is gone
  before the next one comes.
- `docker run` is the command as one types it, on the engine's default bridge; its page is asked for every 5 ms. The
  engine's own calls create and start exactly the container that the launcher makes, in a network that is there.
- JupyterHub is told what its documentation names for speed (`bench_launch/peers/jupyterhub/jupyterhub_config.py`):
  from `POST …/server`, by its progress events, to the first byte through its proxy.
- Warm: two copies are kept. One is there when the client clicks; the next one is being made meanwhile.
- At once: 20 clients click in the same moment; as many start together as the launcher's default says (two for each
  processor), the others wait. What was foretold is the answer to the click.
- Memory is what the three processes have resident, with the fake driver; of the launches 100 stay, the others come and
  go.
"""
