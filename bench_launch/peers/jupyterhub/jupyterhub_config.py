"""JupyterHub as the peer of a launch: what its documentation names for speed is set, each with the reason.

`hub.py` starts it, and says by BENCH_… variables what differs from run to run. Not set, because the default is the
quickest or does not touch an open: `Spawner.poll_interval` (30 s; it finds servers that died), `start_timeout` and
`http_timeout` (they only give up), `JupyterHub.activity_resolution` (30 s; fewer writes), `JupyterHub.db_url` (SQLite
in the working directory; it serves one writer on one machine), `JupyterHub.internal_ssl` (off).
How often a new server is asked whether it answers is no option: a random wait of up to 0.2 s, then 0.4 s, 0.8 s and so
on (`jupyterhub.utils.exponential_backoff`). Any answer but a 5xx makes it ready, so the sample needs no own Spawner.
"""

import os
from typing import Any

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub puts it there

# Where it listens: this machine only.
c.JupyterHub.bind_url = os.environ["BENCH_URL"]
c.JupyterHub.hub_bind_url = os.environ["BENCH_HUB_URL"]
c.ConfigurableHTTPProxy.api_url = os.environ["BENCH_PROXY_API_URL"]
c.ConfigurableHTTPProxy.command = [os.environ["BENCH_PROXY"]]

# The answer to the POST comes at once, and the progress API tells the rest: JupyterHub's own examples/server-api and
# Zero to JupyterHub do it. Else the POST would wait for up to 10 s for the server.
# A stop is not measured: its answer comes when it is done, for `hub.py` to wait for.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0, "slow_stop_timeout": 60}
# A token from this file is stretched like a password at each request, unless it is said to be random, as ours is.
c.JupyterHub.trust_user_provided_tokens = True
# No limit on how many may start at once: the default (100) answers 429 beyond it.
c.JupyterHub.concurrent_spawn_limit = 0
# No line for each request, in either process.
c.JupyterHub.log_level = "WARN"
c.ConfigurableHTTPProxy.log_level = "error"

# Anybody may come, and a service may start servers for them.
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [{"name": "bench", "scopes": ["admin:users", "admin:servers"], "services": ["bench"]}]

c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"
c.DockerSpawner.image = os.environ["BENCH_IMAGE"]
# The image is there. "never" would still ask the engine for it, before each start.
c.DockerSpawner.pull_policy = "skip"
# The image's own command. Not to set it costs a question to the engine at each start.
c.DockerSpawner.cmd = ["python3", "app.py"]
# Where the image says that it listens (HOST and PORT are set in its Dockerfile).
c.DockerSpawner.port = 8000
# Straight to the container: to publish a port costs the engine a process and rules of the firewall at each start.
c.DockerSpawner.use_internal_ip = True
# The engine's own bridge: a network of one's own adds a resolver to each container.
c.DockerSpawner.network_name = "bridge"
# Gone when it stops, with nothing kept: no volumes are named either.
c.DockerSpawner.remove = True
# As much as the launcher gives its copies.
c.DockerSpawner.mem_limit = "256M"
c.DockerSpawner.cpu_limit = 1.0
# A name that `hub.py` can foretell, to see that the container is gone.
c.DockerSpawner.prefix = os.environ["BENCH_PREFIX"]
c.DockerSpawner.name_template = "{prefix}-{raw_username}"
