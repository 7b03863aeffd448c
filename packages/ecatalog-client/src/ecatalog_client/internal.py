"""What the internal listeners of edge and launcher have in common: copies of demos are none of their callers."""

from ipaddress import IPv4Network, ip_address

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def silent_to(network: IPv4Network | None) -> list[Middleware]:
    """Refuses whoever calls from these addresses. On Docker, edge and launcher are on the networks of the copies."""

    @web.middleware
    async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
        if network is not None and request.remote and ip_address(request.remote) in network:
            return web.Response(status=403, text="Copies of demos are told nothing.\n")
        return await handler(request)

    return [refuse]
