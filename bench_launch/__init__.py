"""How long it takes from the click to the page of a demo, on a real engine, beside its peers. `make bench-launch`."""
