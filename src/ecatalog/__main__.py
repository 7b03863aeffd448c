"""`python -m ecatalog`: the same command line as `ecatalog`."""

import sys

from ecatalog.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
