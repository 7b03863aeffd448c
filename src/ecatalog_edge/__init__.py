"""The edge: proxies visitors to running demos, and cuts every live connection whose access has ended."""
