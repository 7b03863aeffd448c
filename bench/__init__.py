"""The benchmarks: the real gateway and its peers, measured in one run on the same machine (`make bench`)."""
