"""`judge` with small shards, so that a small log has many commits: python small_shards.py ROWS ARGUMENTS...

Only the size changes; what runs is the real command.
"""

import sys

from judgecli.cli import main
from judgecli.readers import intake

if __name__ == "__main__":
    intake.SHARD_ROWS = int(sys.argv[1])
    sys.argv = ["judge", *sys.argv[2:]]
    sys.exit(main())
