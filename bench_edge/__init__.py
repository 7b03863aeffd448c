"""The edge beside its peers: what a request, a frame, a download and a cut cost. `python -m bench_edge`."""
